"""What a suite's requests say of its cases (design section 6). Pure.

A request belongs to a case by its trace id, else by time while exactly one case ran; never by guess. "No request" is a
fact only where every service's request log was read to the end.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from loop.core.environment import Suite
from loop.core.model import PASSING, UNCOUNTED, Evidence, Outcome, Problem, ProblemKind

NAMED = 200
"""Cases that an event names; counts are always of all."""
SHOWN = 5
"""Requests of one failing case that are kept: the last ones, for the failure came after them."""
QUICK = 0.002
"""Seconds: what takes less can hardly have asked anything."""
PATH = 200
"""Characters of a path that are kept."""


class LogStatus(StrEnum):
    READ = "read"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What joining needs of one case; cheap enough for 100,000 of them."""

    id: str
    outcome: Outcome
    trace: str = ""
    started: datetime | None = None
    seconds: float | None = None
    """Of all attempts together."""

    @property
    def failed(self) -> bool:
        """It counts and did not pass."""
        return self.outcome not in PASSING and self.outcome not in UNCOUNTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request in a service's log, probes of ours left out. The path holds no query: tokens travel there."""

    at: datetime
    service: str
    revision: str
    method: str
    path: str
    status: int
    seconds: float | None
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRequest:
    method: str
    path: str
    status: int
    service: str
    revision: str
    ms: float | None
    by_time: bool = False
    """Joined because no other case ran then, not by its trace id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a service's own process wrote while a case ran that did not pass."""

    at: datetime
    service: str
    text: str
    severity: str = ""
    """As Cloud Logging names it; empty where the line has none."""
    error: bool = False
    """Of severity ERROR or higher, or the line of a traceback that names the exception."""
    by_time: bool = False
    """Joined because no other case ran then, not by its trace id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEvidence:
    """What one service's request log holds of the suite's window."""

    status: LogStatus
    reason: str = ""
    """Why it is unavailable."""
    requests: int = 0
    by_trace: int = 0
    by_time: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Latencies in seconds -> how often, of the requests to one service that a target names."""

    target: str
    service: str
    values: dict[float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteEvidence:
    services: dict[str, ServiceEvidence]
    cases: int
    """Cases that began and were not skipped."""
    asked: int
    """Of them, those with a request in the log."""
    bare: int = 0
    """Passes without a request, or in under 2 ms without a trace of their own: "passed without evidence"."""
    bare_ids: tuple[str, ...] = ()
    requests: dict[str, tuple[CaseRequest, ...]] = field(default_factory=dict)
    """Case id -> its last requests, for cases that did not pass."""
    samples: tuple[Samples, ...] = ()
    lines: dict[str, tuple[LogLine, ...]] = field(default_factory=dict)
    """Case id -> what services wrote while it ran, for cases that did not pass; at the end its last error line."""
    logs: tuple[Evidence, ...] = ()
    """Everything that services wrote while the suite ran; nothing is read of a suite in which no case failed."""

    @property
    def available(self) -> bool:
        return bool(self.services) and all(s.status is LogStatus.READ for s in self.services.values())

    def reached(self, service: str) -> bool:
        """By requests that belong to cases; by any, where the suite's clients carry no trace id."""
        seen = self.services.get(service)
        if seen is None:
            return False
        traced = any(s.by_trace for s in self.services.values())
        return bool(seen.by_trace or seen.by_time or (seen.requests and not traced))


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Case id -> its requests, each with whether it was joined by time alone."""

    requests: Mapping[str, Sequence[tuple[Entry, bool]]]
    by_trace: Mapping[str, int]
    """Service -> how many."""
    by_time: Mapping[str, int]


def join(ran: Iterable[Ran], entries: Iterable[Entry]) -> Joined:
    cases = list(ran)
    own = {case.trace: case.id for case in cases if case.trace}
    only = alone(cases)
    found: defaultdict[str, list[tuple[Entry, bool]]] = defaultdict(list)
    by_trace: Counter[str] = Counter()
    by_time: Counter[str] = Counter()
    for entry in sorted(entries, key=lambda e: e.at):
        if case_id := own.get(entry.trace):
            by_trace[entry.service] += 1
            found[case_id].append((entry, False))
        elif case_id := only(entry.at):
            by_time[entry.service] += 1
            found[case_id].append((entry, True))
    return Joined(requests=found, by_trace=by_trace, by_time=by_time)


def alone(cases: Iterable[Ran], *, lingering: timedelta = timedelta()) -> Callable[[datetime], str | None]:
    """At a moment: the only case that ran; None where none did, or several. A case that was the last to end is
    `lingering` for a while, until another begins."""
    steps = sorted(_steps(cases), key=lambda step: step[0])
    starts: list[datetime] = []
    holders: list[tuple[str | None, timedelta | None]] = []
    running: set[str] = set()
    for at, case_id, begins in steps:
        (running.add if begins else running.discard)(case_id)
        starts.append(at)
        only = next(iter(running)) if len(running) == 1 else None
        holders.append((only, None) if running else (case_id, lingering))

    def at_that_moment(at: datetime) -> str | None:
        place = bisect_right(starts, at) - 1
        holder, within = holders[place] if place >= 0 else (None, None)
        return holder if within is None or at < starts[place] + within else None

    return at_that_moment


def _steps(cases: Iterable[Ran]) -> Iterator[tuple[datetime, str, bool]]:
    for case in cases:
        if case.started is not None and case.seconds:
            yield case.started, case.id, True
            yield case.started + timedelta(seconds=case.seconds), case.id, False


def suite_evidence(
    ran: Sequence[Ran], logs: Mapping[str, ServiceEvidence], entries: Sequence[Entry], samples: Iterable[Samples] = ()
) -> SuiteEvidence:
    """`logs`: how the reading of each service's log went; its counts are filled in here."""
    joined = join(ran, entries)
    total = Counter(entry.service for entry in entries)
    services = {
        name: ServiceEvidence(
            status=log.status, reason=log.reason, requests=total[name],
            by_trace=joined.by_trace.get(name, 0), by_time=joined.by_time.get(name, 0),
        )
        for name, log in logs.items()
    }  # fmt: skip
    complete = all(log.status is LogStatus.READ for log in logs.values())
    bare = [case.id for case in ran if case.outcome in PASSING and _bare(case, joined, complete, bool(entries))]
    began = [case for case in ran if case.outcome not in (Outcome.NOT_RUN, Outcome.SKIPPED)]
    failed = [case.id for case in ran if case.failed]
    return SuiteEvidence(
        services=services,
        cases=len(began),
        asked=len(joined.requests),
        bare=len(bare),
        bare_ids=tuple(bare[:NAMED]),
        requests={i: _kept(joined.requests[i]) for i in failed[:NAMED] if i in joined.requests},
        samples=tuple(samples),
    )


def _bare(case: Ran, joined: Joined, complete: bool, some: bool) -> bool:
    """A case that neither a trace nor a time can be joined with is not known to have asked nothing, unless nobody
    asked anything."""
    requests = joined.requests.get(case.id, ())
    if case.seconds is not None and case.seconds < QUICK:
        return not any(not by_time for _, by_time in requests)
    tellable = bool(case.trace or case.started) or not some
    return complete and tellable and not requests


def _kept(requests: Sequence[tuple[Entry, bool]]) -> tuple[CaseRequest, ...]:
    return tuple(
        CaseRequest(
            method=entry.method, path=entry.path[:PATH], status=entry.status, service=entry.service,
            revision=entry.revision, ms=None if entry.seconds is None else round(entry.seconds * 1000, 1),
            by_time=by_time,
        )
        for entry, by_time in requests[-SHOWN:]
    )  # fmt: skip


def strangers(
    ran: Iterable[Ran], entries: Iterable[Entry], verified: Mapping[str, str], beside: Mapping[str, Collection[str]]
) -> tuple[str, ...]:
    """Sentences on requests of cases, by their own trace, that another revision answered than the one that was
    verified: the traffic moved while the suite ran, even where it moved back since. `beside`: revisions that serve
    while a candidate of theirs is tested; other services call them, with the same trace."""
    own = {case.trace for case in ran if case.trace}
    other = Counter(
        (entry.service, entry.revision)
        for entry in entries
        if entry.trace in own
        and entry.revision != verified.get(entry.service)
        and entry.revision not in beside.get(entry.service, ())
    )
    return tuple(
        f"{revision} answered {number} of its requests to {service}, not {verified.get(service)}"
        for (service, revision), number in sorted(other.items())
    )


def problem(suite: Suite, evidence: SuiteEvidence | None, candidates: Collection[str] = ()) -> Problem | None:
    """A suite that has to exercise services and is not known to have reached any of them can not be believed. What is
    tested as a candidate has to be reached itself: a pass would give it the traffic of all users."""
    missed = [name for name in suite.exercises if not (evidence and evidence.reached(name))]
    untested = [name for name in missed if name in candidates]
    if untested:
        return _unreached(suite, untested, f"the {of_candidates(untested)}", evidence)
    if not suite.exercises or len(missed) < len(suite.exercises):
        return None
    return _unreached(suite, missed, ", ".join(missed), evidence)


def of_candidates(names: Sequence[str]) -> str:
    return f"candidate{'s' if len(names) > 1 else ''} of {', '.join(names)}"


def _unreached(suite: Suite, names: Sequence[str], said: str, evidence: SuiteEvidence | None) -> Problem:
    logs = [evidence.services.get(name) if evidence else None for name in names]
    unread = [log for log in logs if log is None or log.status is LogStatus.UNAVAILABLE]
    if unread:
        why = next((log.reason for log in unread if log and log.reason), "its request log was not read")
        sentence = f"suite {suite.name}: whether it reached {said} is not known ({why})"
    else:
        sentence = f"suite {suite.name} sent no request to {said}, which it has to exercise"
    return Problem(kind=ProblemKind.NO_EVIDENCE, sentence=sentence)


def unasked(service: str, found: Iterable[SuiteEvidence | None]) -> bool:
    """None of the suites sent it a request; known only where each suite's part of its log was read to the end."""
    logs = [evidence.services.get(service) if evidence else None for evidence in found]
    return bool(logs) and all(log and log.status is LogStatus.READ and not log.requests for log in logs)
