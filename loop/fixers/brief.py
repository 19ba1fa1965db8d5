"""What a fixer is told, as a JSON value. Pure; the keys are a contract, described in docs/fixers.md.

Its size is bounded: a fixer that needs more finds the report beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from loop.core.clusters import clue
from loop.core.events import BuildFailed, HookFinished, RevisionFailed, ServiceUnhealthy
from loop.core.evidence import LogLine
from loop.core.loglines import of_case
from loop.core.model import Case, Change, ChangedFile, Commit, Comparison, Failing, Rate
from loop.core.state import IterationState, RunState, ServiceState
from loop.core.wording import printable

VERSION = 1
GROUPS = 30
CASES = 50
FILES = 200
ATTEMPTS = 10
LOG_LINES = 100
DETAIL = 4000
MESSAGE = 1000

Json = dict[str, Any]


def brief(
    state: RunState,
    number: int,
    *,
    cases: Mapping[str, Case] | None = None,
    logs: Mapping[str, Sequence[str]] | None = None,
) -> Json:
    """For the fixer that acts on what iteration `number` found.

    `cases`: rows of cases that did not pass, by id, for their output; `logs`: lines of a service's revision in the
    iteration's window, by service name.
    """
    it = state.iteration(number)
    told = {
        "version": VERSION,
        "run": state.name,
        "uid": state.uid,
        "iteration": number,
        "environment": state.environment,
        "title": state.charter.title,
        "mission": state.charter.mission,
        "commit": it.commit,
        "branch": f"loop/{state.name}",
        **_judged(it, cases or {}),
        "services": [_service(it, service, (logs or {}).get(service.name, ())) for service in it.services.values()],
        "dependencies": [
            {"name": probe.dependency, "reachable": probe.reachable, "detail": probe.detail}
            for probe in it.probes.values()
        ],
        "hooks": [_hook(hook) for hook in it.hooks.values()],
        "change": _change(it.change),
        "attempts": _attempts(state, number)[-ATTEMPTS:],
        "limits": _limits(state),
    }
    return {key: _printable(value) for key, value in told.items()}


def _printable(value: Any) -> Any:
    """Text from outside can not steer the terminal of who reads the brief, nor turn its direction."""
    match value:
        case str():
            return printable(value)
        case dict():
            return {key: _printable(each) for key, each in value.items()}
        case list():
            return [_printable(each) for each in value]
        case _:
            return value


def _judged(it: IterationState, cases: Mapping[str, Case]) -> Json:
    judgement = it.judgement
    failing = judgement.failing if judgement else ()
    groups = _groups([case for case in failing if not case.known], cases, it)
    return {
        "goal": judgement.goal if judgement else "",
        "verdict": judgement.verdict.value if judgement else None,
        "rule": judgement.rule if judgement else "",
        "reasons": list(judgement.reasons) if judgement else [],
        "rates": {"raw": _rate(judgement.raw), "adjusted": _rate(judgement.adjusted)} if judgement else {},
        "failures": groups[:GROUPS],
        "failures_omitted": max(0, len(groups) - GROUPS),
        "known_issues": [{"case": case.id, "known": case.known} for case in failing if case.known][:CASES],
        "problems": [_problem(p.kind.value, p.sentence, p.output) for p in judgement.problems] if judgement else [],
        "weakened": list(judgement.weakened[:CASES]) if judgement else [],
        "comparison": _comparison(judgement.comparison) if judgement else None,
    }


def _groups(failing: Sequence[Failing], cases: Mapping[str, Case], it: IterationState) -> list[Json]:
    """Cases with one signature are one group; the group with most cases comes first."""
    by_cause: dict[str, list[Failing]] = {}
    for case in failing:
        by_cause.setdefault(case.signature or case.message or case.outcome.value, []).append(case)
    ordered = sorted(by_cause.values(), key=lambda group: -len(group))
    return [_group(group, cases, it) for group in ordered]


def _group(group: Sequence[Failing], cases: Mapping[str, Case], it: IterationState) -> Json:
    first = next((case for case in group if case.id in cases), group[0])
    written = of_case(it, first.id)
    found = clue(first, written)
    row = cases.get(first.id)
    return {
        "signature": first.signature,
        "outcome": first.outcome.value,
        "layer": {"probable": found.layer.value, "from": found.source},
        "message": first.message[:MESSAGE],
        "cases": [case.id for case in group[:CASES]],
        "count": len(group),
        "failing_since": min(case.since for case in group),
        "example": first.id,
        "file": row.file if row else "",
        "output": trimmed(row.detail) if row else "",
        "service_lines": [_line(each) for each in written],
    }


def _line(line: LogLine) -> Json:
    joined = "time" if line.by_time else "trace"
    return {"service": line.service, "severity": line.severity, "text": line.text, "joined_by": joined}


def trimmed(text: str, limit: int = DETAIL) -> str:
    """Head and tail, whole lines where it can be; what is left out is said."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit // 2].rpartition("\n"), text[-limit // 2 :].partition("\n")
    start, end = head[0] or head[2], tail[2] or tail[0]
    return f"{start}\n[... {len(text) - len(start) - len(end)} characters left out ...]\n{end}"


def _problem(kind: str, sentence: str, output: str) -> Json:
    return {"kind": kind, "sentence": sentence, "output": trimmed(output)}


def _service(it: IterationState, service: ServiceState, log: Sequence[str]) -> Json:
    definition = it.definition(service.name)
    failure = service.failure
    return {
        "name": service.name,
        "source": definition.source,
        "url": service.url,
        "revision": service.revision,
        "state": _standing(service),
        "reason": failure.reason if failure else service.unverified,
        "log": [*(failure.log if failure else ()), *log][-LOG_LINES:],
    }


def _hook(hook: HookFinished) -> Json:
    return {
        "hook": hook.hook.value,
        "command": hook.command,
        "reason": hook.reason,
        "log": list(hook.log[-LOG_LINES:]) if hook.reason else [],
    }


def _standing(service: ServiceState) -> str:
    match service.failure:
        case BuildFailed():
            return "build failed"
        case RevisionFailed():
            return "revision failed"
        case ServiceUnhealthy():
            return "unhealthy"
        case None if service.unverified:
            return "unverified"
        case None:
            return "serving" if service.ready else "unknown"


def _change(change: Change | None) -> Json | None:
    if change is None:
        return None
    return {
        "kinds": [kind.value for kind in change.kinds],
        "files": [_file(file) for file in change.files[:FILES]],
        "files_omitted": max(0, len(change.files) - FILES),
        "commits": [_commit(commit) for commit in change.commits],
        "frozen": list(change.frozen),
    }


def _file(file: ChangedFile) -> Json:
    return {"path": file.path, "status": file.status, "kind": file.kind.value, "added": file.added,
            "removed": file.removed}  # fmt: skip


def _commit(commit: Commit) -> Json:
    trailers = {name: list(values) for name, values in commit.trailers.items()}
    return {"sha": commit.sha, "subject": commit.subject, "trailers": trailers}


def _comparison(found: Comparison | None) -> Json | None:
    if found is None:
        return None
    return {
        "against": found.against,
        "fixed": [fixed.id for fixed in found.fixed[:CASES]],
        "broken": list(found.broken[:CASES]),
        "still_failing_same": list(found.still_same[:CASES]),
        "still_failing_changed": list(found.still_changed[:CASES]),
        "new": list(found.new[:CASES]),
        "gone": list(found.gone[:CASES]),
    }


def _attempts(state: RunState, number: int) -> list[Json]:
    """What was tried before, oldest first: an answer with what the next iteration found, or why it was not taken."""
    told: list[Json] = []
    for it in state.iterations[: number + 1]:
        told += [{"iteration": it.number, "outcome": "rejected", "reason": rejection.guard,
                  "log": list(rejection.log[-LOG_LINES:])} for rejection in it.fix.rejections]  # fmt: skip
        if it.fix.committed and it.number < number:
            told.append(_answer(it, state.iteration(it.number + 1)))
    return told


def _answer(it: IterationState, after: IterationState) -> Json:
    assert it.fix.committed is not None
    found = after.judgement
    return {
        "iteration": it.number,
        "outcome": "graded",
        "commits": [_commit(commit) for commit in it.fix.committed.commits],
        "restored": list(it.fix.committed.restored),
        "notes": it.fix.committed.notes,
        "verdict": found.verdict.value if found else None,
        "rate": _rate(found.adjusted) if found else None,
        "comparison": _comparison(found.comparison) if found else None,
    }


def _limits(state: RunState) -> Json:
    fix = state.charter.fix
    if fix is None:
        return {}
    return {"protect": list(fix.protect), "max_files": fix.max_files, "seconds": fix.timeout, "notes": fix.notes}


def _rate(rate: Rate | None) -> str | None:
    return None if rate is None else str(rate)
