"""Which lines of the services' own logs belong to a failing case, and which of them tell of an error. Pure.

A line belongs to a case by the trace id that the service wrote with it, else by time, while that case ran alone or had
just ended; such a line is labelled, for what one case sets off may show up in the next one's time. With several cases
at once, a line without a trace id belongs to none of them. That no line was written is never said: a log may be late.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from loop.core.compare import suite_of
from loop.core.evidence import NAMED, LogLine, Ran, alone
from loop.core.state import IterationState
from loop.core.wording import printable

KEPT = 8
"""Lines of one failing case that are kept: its last error line and what stands above it, else the last ones."""
WIDTH = 240
"""Characters of a line that are kept."""
LINGERING = timedelta(seconds=0.25)
"""A server may answer first and write its traceback afterwards."""
LONGEST_TRACEBACK = 200
"""Lines until a traceback must have named its exception."""

SEVERE = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})
_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"(?![A-Z]+:)(?:(?:\w+\.)+\w+|[A-Z]\w*)(?::|$)")
"""An exception by a class's name or a dotted one, with or without a message; `ERROR: ...` of another writer is none."""
_FRAME = re.compile(r"\s+at \S")
_THROWN = re.compile(r"\b\w*(?:Error|Exception)\b")
_PANIC = re.compile(r"(?:http: )?panic\b[: ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a service's log, as it was read; redacted."""

    at: datetime
    service: str
    stream: str
    """Lines of one stream follow each other; those of two may be mixed."""
    text: str
    severity: str = ""
    trace: str = ""


def plain_lines(text: str) -> list[str]:
    """The lines of one entry without what could steer a terminal: before it is redacted, for a colour may stand in the
    middle of a secret. One that a process overwrote (carriage return) stays one line."""
    return [printable(line.strip("\r").replace("\r", " ")) for line in text.replace("\r\n", "\n").split("\n")]


def of_case(it: IterationState, case_id: str) -> tuple[LogLine, ...]:
    suite = it.suites.get(suite_of(case_id))
    return suite.evidence.lines.get(case_id, ()) if suite and suite.evidence else ()


def words(line: LogLine, *, mixed: bool = True) -> str:
    """`backend (ERROR, by time): text`; `mixed`: say how, for others beside it may be joined by trace id."""
    marks = ", ".join(mark for mark in (line.severity, "by time" if mixed and line.by_time else "") if mark)
    return f"{line.service}{f' ({marks})' if marks else ''}: {line.text}"


def of_failing(ran: Sequence[Ran], lines: Sequence[Line]) -> dict[str, tuple[LogLine, ...]]:
    """Case id -> what is kept for it; cases that passed and cases without a line are not there."""
    wanted = [case.id for case in ran if case.failed][:NAMED]
    joined = _joined(ran, lines)
    return {case_id: _kept(joined[case_id]) for case_id in wanted if case_id in joined}


def _joined(ran: Sequence[Ran], lines: Sequence[Line]) -> Mapping[str, Sequence[LogLine]]:
    own = {case.trace: case.id for case in ran if case.trace}
    only = alone(ran, lingering=LINGERING)
    wrong = errors(lines)
    found: defaultdict[str, list[LogLine]] = defaultdict(list)
    for number, line in sorted(enumerate(lines), key=lambda each: each[1].at):
        # one that names somebody else's trace is known to be none of these cases
        case_id = own.get(line.trace) if line.trace else only(line.at)
        if case_id:
            found[case_id].append(_line(line, error=number in wrong))
    return found


def _line(line: Line, *, error: bool) -> LogLine:
    return LogLine(
        at=line.at, service=line.service, text=line.text[:WIDTH], severity=line.severity, error=error,
        by_time=not line.trace,
    )  # fmt: skip


def _kept(lines: Sequence[LogLine]) -> tuple[LogLine, ...]:
    """What a trace id vouches for goes before what only stands in the case's time."""
    by_trace = [n for n, line in enumerate(lines) if line.error and not line.by_time]
    wrong = by_trace or [n for n, line in enumerate(lines) if line.error]
    end = wrong[-1] + 1 if wrong else len(lines)
    return tuple(lines[max(0, end - KEPT) : end])


def errors(lines: Sequence[Line]) -> frozenset[int]:
    """The places of those lines that tell of an error: by severity, or by what a traceback looks like."""
    places = sorted(range(len(lines)), key=lambda n: (lines[n].service, lines[n].stream))
    severe = {n for n in places if lines[n].severity in SEVERE}
    streams = groupby(places, key=lambda n: (lines[n].service, lines[n].stream))
    named = {n for _, members in streams for n in _named([(n, lines[n].text) for n in members])}
    return frozenset(severe | named)


def _named(stream: Iterable[tuple[int, str]]) -> Iterator[int]:
    """Python's tracebacks end with the exception, those of JVM and Node begin with it, and Go says panic."""
    left, before = 0, (-1, "")
    for place, text in stream:
        if left and not text[:1].isspace() and _RAISED.match(text):
            left = 0
            yield place
        elif _FRAME.match(text) and _THROWN.search(before[1]) and not _FRAME.match(before[1]):
            yield before[0]
        elif _PANIC.match(text):
            yield place
        left = LONGEST_TRACEBACK if text.strip() == _TRACEBACK else max(0, left - 1)
        before = (place, text)
