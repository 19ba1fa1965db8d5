"""The report for machines: every figure of the other formats, none of their sentences. Keys are only ever added."""

import json
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from loop.core.model import Case, Rate
from loop.core.state import IterationState, RunState, ServiceState, SuiteState
from loop.core.traffic import pairs, unasked
from loop.core.wording import open_operations, printable, read_last, rows
from loop.reports.subject import Subject

VERSION = 1
_WITH_DETAIL = 200


def as_json(subject: Subject) -> str:
    """Indented, keys in a fixed order, UTF-8 text kept as it is, one newline at the end."""
    return json.dumps(plain(_report(subject)), ensure_ascii=False, indent=1) + "\n"


def _report(subject: Subject) -> dict[str, Any]:
    state, iteration = subject.state, subject.iteration
    return {
        "version": VERSION,
        "run": _run(subject),
        "iteration": {
            "number": iteration.number,
            "title": iteration.title,
            "started": plain(iteration.started),
            "judged": plain(iteration.judged),
            "commit": iteration.commit,
            "subject": iteration.subject,
            "author": iteration.author,
            "uncommitted": iteration.uncommitted,
        },
        "judgement": plain(iteration.judgement),
        "cases": _cases(subject),
        "table": plain(rows(state)),
        "trend": plain(state.trend),
        "iterations": [_summary(each) for each in state.iterations],
        "change": plain(iteration.change),
        "services": {name: _service(service) for name, service in iteration.services.items()},
        "dependencies": plain(iteration.probes),
        "traffic": _traffic(subject),
        "hooks": {hook.value: plain(finished) for hook, finished in iteration.hooks.items()},
        "suites": {name: _suite(suite) for name, suite in iteration.suites.items()},
        "known_issues": plain(state.charter.known_issues),
        "targets": _targets(subject),
        "open_operations": [{"service": s, "operation": o} for s, o in open_operations(iteration)],
        "rejected_fixes": [r.guard for r in iteration.fix.rejections] if subject.last else [],
    }


def _cases(subject: Subject) -> dict[str, Any]:
    """Output only of the first ones: a service that is down makes thousands of cases fail with the same long text."""
    rows = [case for _, case in sorted(subject.cases.items())]
    return {c.id: plain(c if n < _WITH_DETAIL else replace(c, detail="")) for n, c in enumerate(rows)}


def _run(subject: Subject) -> dict[str, Any]:
    state: RunState = subject.state
    stopped = subject.last and not state.ended
    return {
        "name": state.name,
        "uid": state.uid,
        "environment": state.environment,
        "title": state.charter.title,
        "mission": state.charter.mission,
        "emulated": state.charter.platform.emulated,
        "project": state.charter.platform.project,
        "region": state.charter.platform.region,
        "program": state.program,
        "started": plain(state.started),
        "suites": list(state.selected),
        "interrupted": state.interrupted and stopped,
        "paused": plain(state.paused) if subject.last else None,
        "ended": plain(state.ended) if subject.last else None,
    }


def _summary(iteration: IterationState) -> dict[str, Any]:
    judgement = iteration.judgement
    return {
        "number": iteration.number,
        "commit": iteration.commit,
        "verdict": plain(judgement.verdict) if judgement else None,
        "raw": plain(judgement.raw) if judgement else None,
        "adjusted": plain(judgement.adjusted) if judgement else None,
        "deployed": judgement.deployed if judgement else None,
    }


def _traffic(subject: Subject) -> dict[str, Any]:
    iteration = subject.iteration
    return {
        "rule": plain(subject.state.charter.traffic),
        "confirms": iteration.confirms,
        "pairs": plain(pairs(iteration)),
        "unasked": list(unasked(iteration)),
        "promotion": plain(iteration.promotion),
        "undone": plain(iteration.undone),
        "restorations": plain(iteration.restorations),
    }


def _service(service: ServiceState) -> dict[str, Any]:
    return {
        "url": service.url,
        "revision": service.revision,
        "image": service.image,
        "unchanged": service.unchanged,
        "reason": service.reason,
        "differs": list(service.differs),
        "serving": plain(read_last(service)),
        "tag": service.tag,
        "restored": plain(service.restored),
        "proof": plain(service.ready.level) if service.ready else None,
        "probe": plain(service.ready.probe) if service.ready else None,
        "failure": plain(service.failure),
        "unverified": service.unverified,
    }


def _suite(suite: SuiteState) -> dict[str, Any]:
    return {
        "attempt": suite.attempt,
        "result": plain(suite.result),
        "moved": list(suite.moved),
        "evidence": plain(suite.evidence),
    }


def _targets(subject: Subject) -> list[dict[str, Any]]:
    """`measured` is null where nothing measured the target."""
    found = {each.target: each for each in (subject.judgement.targets if subject.judgement else ())}
    declared = subject.state.charter.targets
    return [{"name": t.name, "below": t.below, "measured": plain(found.get(t.name))} for t in declared]


def plain(value: Any) -> Any:
    """Values of core -> JSON's own; times in UTC with a Z; empty fields of a case row are left out. No text
    in it steers a terminal or turns its direction."""
    match value:
        case Enum():
            return value.value
        case str():
            return printable(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Rate():
            return {"passed": value.passed, "counted": value.counted, "percent": value.percent}
        case dict():
            return {str(plain(key)): plain(each) for key, each in value.items()}
        case tuple() | list():
            return [plain(each) for each in value]
        case Case():
            return {f.name: plain(v) for f in fields(value) if (v := getattr(value, f.name)) not in (None, "", (), {})}
        case _:
            return _fields(value) if is_dataclass(value) else value


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
