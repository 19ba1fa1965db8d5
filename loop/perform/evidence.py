"""After a suite: does every service still serve what was verified, and what do the request logs say of the cases?

One marked request per service answers both: it is the proof renewed, and once it stands in the log, what is not there
was not asked.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from loop import cloud
from loop.cloud.probes import AGENT
from loop.core import evidence, targets
from loop.core.actions import CheckServing
from loop.core.environment import Proof, Service
from loop.core.events import ServingChecked
from loop.core.evidence import Entry, LogStatus, Ran, ServiceEvidence
from loop.core.loglines import of_failing
from loop.core.model import Case, Outcome, Serving
from loop.core.state import IterationState, RunState, ServiceState, SuiteState
from loop.core.traffic import shares
from loop.errors import AccessDenied
from loop.perform import identity, loglines
from loop.perform.emit import Emit
from loop.perform.setting import Setting

MOST = 10_000
"""Requests that are read of one service and suite."""
FORGOTTEN = "the trace ids of the suite's cases are no longer there"
CLOCKS_AGREE = timedelta(seconds=1)
"""A mark's entry is that near to our own clock; where it is not, the log's clock differs and the window moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One service after a suite."""

    mark: cloud.Mark
    entry: cloud.Request | None
    """The mark's; None where it did not show up."""
    log: ServiceEvidence
    entries: tuple[Entry, ...] = ()
    ahead: timedelta = timedelta()
    """The log's clock before ours."""


def check_serving(action: CheckServing, setting: Setting, emit: Emit) -> None:
    state = emit.state
    it = state.iteration(action.iteration)
    suite = it.suites[action.suite]
    platform = setting.platform()
    marks = {s.name: _marked(s, it, setting, emit) for s in it.definitions}
    read = {s.name: platform.serving(s, tag=it.services[s.name].tag, wait=emit.wait) for s in it.definitions}
    serving = {name: each.revision for name, each in read.items()}
    until = time.monotonic() + state.charter.evidence.wait
    seen = {
        s.name: _vanished(s, it, marks[s.name], read[s.name]) or _seen(s, marks[s.name], suite, until, setting, emit)
        for s in it.definitions
    }
    ran = _ran(ran_file(setting, state, it.number, suite.name, suite.attempt))
    entries = [entry for each in seen.values() for entry in each.entries]
    strangers = evidence.strangers(ran or (), entries, _verified(it), _beside(it))
    moved = (*map(setting.redact, _moved(it, read, seen)), *strangers)
    logs = {name: each.log if ran is not None else _unavailable(FORGOTTEN) for name, each in seen.items()}
    asked = _of_the_tested(it, entries)
    found = evidence.suite_evidence(ran or (), logs, asked, targets.samples(asked, state.charter.targets))
    found = replace(found, **_lines(it, suite, ran or (), seen, setting, emit))
    emit(ServingChecked(iteration=it.number, suite=suite.name, serving=serving, moved=moved, evidence=found))


def _lines(
    it: IterationState, suite: SuiteState, ran: Sequence[Ran], seen: Mapping[str, Seen], setting: Setting, emit: Emit
) -> dict[str, Any]:
    """Nothing is read where every case passed: a read costs a part of the platform's quota."""
    if not any(case.failed for case in ran):
        return {}
    ahead = {name: each.ahead for name, each in seen.items() if each.entry}
    lines = loglines.read(it, suite, ahead, setting, emit)
    return {"lines": of_failing(ran, lines), "logs": loglines.keep(it, suite, lines, setting, emit)}


def _marked(service: Service, it: IterationState, setting: Setting, emit: Emit) -> cloud.Mark:
    headers = identity.headers(identity.as_tested(service, it), setting, emit)
    return setting.platform().mark(service, it.services[service.name].url, wait=emit.wait, headers=headers)


def _vanished(service: Service, it: IterationState, mark: cloud.Mark, now: Serving) -> Seen | None:
    """Nothing answers under a tag that is gone, so no log will ever hold the mark: it is not waited for."""
    tag = it.services[service.name].tag
    if not tag or now.revision:
        return None
    return Seen(mark=mark, entry=None, log=_unavailable(f"the tag {tag} of {service.name} is gone"))


def _seen(service: Service, mark: cloud.Mark, suite: SuiteState, until: float, setting: Setting, emit: Emit) -> Seen:
    platform = setting.platform()
    try:
        within = max(0.0, until - time.monotonic())
        entry = platform.marked(service, mark, wait=emit.wait, within=within)
        if entry is None:
            waited = emit.state.charter.evidence.wait
            reason = f"the marked request to {service.name} was not in its request log within {waited:g} s"
            return Seen(mark=mark, entry=None, log=_unavailable(reason))
        ahead = _ahead(entry, mark)
        since, until_at = loglines.window(suite, ahead)
        found = platform.requests(service, since=since, until=until_at, limit=MOST, wait=emit.wait)
    except AccessDenied as error:
        return Seen(mark=mark, entry=None, log=_unavailable(setting.redact(error.message)))
    entries = tuple(_entry(service, r, ahead, setting) for r in found if not r.agent.startswith(AGENT))
    if len(found) == MOST:
        log = _unavailable(f"{service.name} was asked more often than the {MOST} times that are read")
    else:
        log = ServiceEvidence(status=LogStatus.READ)
    return Seen(mark=mark, entry=entry, log=log, entries=entries, ahead=ahead)


def _unavailable(reason: str) -> ServiceEvidence:
    return ServiceEvidence(status=LogStatus.UNAVAILABLE, reason=reason)


def _ahead(entry: cloud.Request, mark: cloud.Mark) -> timedelta:
    ahead = entry.at - mark.probe.at
    return ahead if abs(ahead) > CLOCKS_AGREE else timedelta()


def _entry(service: Service, request: cloud.Request, ahead: timedelta, setting: Setting) -> Entry:
    return Entry(
        at=request.at - ahead,
        service=service.name,
        revision=request.revision,
        method=request.method,
        path=_path(request, setting),
        status=request.status,
        seconds=request.seconds,
        trace=request.trace,
    )


def _path(request: cloud.Request, setting: Setting) -> str:
    """Also of a secret whose characters stand there percent-encoded, for its shape shows only without that."""
    path = urlsplit(request.url).path
    plain = unquote(path)
    shown = setting.redact(plain)
    return setting.redact(path if shown == plain else quote(shown, safe="/ []:@!$&'()*+,;=~"))


def _verified(it: IterationState) -> dict[str, str]:
    return {name: service.revision for name, service in it.services.items()}


def _beside(it: IterationState) -> dict[str, frozenset[str]]:
    """What serves while a candidate is tested."""
    tagged = {name: service.found for name, service in it.services.items() if service.tag}
    return {name: frozenset(shares(found.traffic)) for name, found in tagged.items() if found}


def _of_the_tested(it: IterationState, entries: Iterable[Entry]) -> list[Entry]:
    """Of a service whose candidate is tested, only the candidate's requests say anything about it."""
    tested = {name: service.revision for name, service in it.services.items() if service.tag}
    return [entry for entry in entries if tested.get(entry.service, entry.revision) == entry.revision]


def _moved(it: IterationState, read: Mapping[str, Serving], seen: Mapping[str, Seen]) -> Iterator[str]:
    for service in it.definitions:
        known = it.services[service.name]
        now = read[service.name].revision
        if now != known.revision:
            behind = f"behind the tag {known.tag} of {service.name} is" if known.tag else f"{service.name} serves"
            yield f"{behind} {now or ('nothing' if known.tag else 'several revisions')}, not {known.revision}"
        elif known.tag and _split_moved(known, read[service.name]):
            split = ", ".join(f"{revision} {share}%" for revision, share in shares(read[service.name].traffic).items())
            yield f"the traffic of {service.name}, which others call, went to {split} beside its candidate"
        elif _changed(known, read[service.name]):
            yield f"somebody changed {service.name} since it was verified; its traffic may have moved there and back"
        elif trouble := _unproven(service, known, seen[service.name]):
            yield f"{service.name} is no longer proven to serve {known.revision}: {trouble}"


def _split_moved(known: ServiceState, now: Serving) -> bool:
    return known.found is not None and shares(known.found.traffic) != shares(now.traffic)


def _changed(known: ServiceState, now: Serving) -> bool:
    """Also where it is now as it was: what a call was answered by that carried no trace can not be told afterwards."""
    verified = known.ready.serving.generation if known.ready else 0
    return bool(verified) and now.generation != verified


def _unproven(service: Service, known: ServiceState, seen: Seen) -> str:
    """Why the mark proves nothing; empty where it does, at the level that the service asks for."""
    if not seen.mark.good:
        return f"its health is red since the suite ran ({_said(seen.mark)})"
    if service.health.proof is Proof.ROUTED or seen.mark.named == known.revision:
        return ""
    if service.health.proof is Proof.ANSWERED and seen.mark.named:
        return f"its answer names {seen.mark.named}"
    if seen.entry is None:
        return f"{seen.log.reason} ({_said(seen.mark)})"
    return "" if seen.entry.revision == known.revision else f"the request log names {seen.entry.revision}"


def _said(mark: cloud.Mark) -> str:
    return "no answer" if mark.probe.status is None else f"HTTP {mark.probe.status}"


# what ran, between RunSuite and CheckServing: a passed case's trace id is kept no longer than that


def ran_file(setting: Setting, state: RunState, iteration: int, suite: str, attempt: int) -> Path:
    return setting.scratch(state, "ran") / f"{suite}-{iteration}-{attempt}.jsonl"


def write_ran(path: Path, cases: Iterable[Case]) -> None:
    """Appends; an attempt that is repeated has another number, and so another file."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(map(_line, cases))


def _line(case: Case) -> str:
    seconds = [s for s in (case.seconds, *(a.seconds for a in case.attempts)) if s is not None]
    started = case.started.isoformat() if case.started else ""
    row = (case.id, case.outcome, case.trace, started, sum(seconds) if seconds else None)
    return json.dumps(row, separators=(",", ":")) + "\n"


def _ran(path: Path) -> tuple[Ran, ...] | None:
    """None where the run goes on without its scratch folder, on another machine perhaps."""
    return tuple(read_ran(path)) if path.exists() else None


def read_ran(path: Path) -> Iterator[Ran]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            case_id, outcome, trace, started, seconds = json.loads(line)
            yield Ran(
                id=case_id,
                outcome=Outcome(outcome),
                trace=trace,
                started=datetime.fromisoformat(started) if started else None,
                seconds=seconds,
            )
