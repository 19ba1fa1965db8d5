"""Folds the recorder's lines into cases as they come. Every text passes the redactor before it gets into a case.

The recorder (recorder/loop_recorder.py) says what the lines hold. A case goes out once, when no further attempt of it
can follow; what began or was expected and never ended goes out at the end.
"""

import functools
import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from loop.children import uncoloured
from loop.core.model import Case, CaseAttempt, Outcome
from loop.core.signatures import signature
from loop.suites.excerpts import detail_excerpt, message_excerpt
from loop.suites.ids import Numbering
from loop.suites.outcomes import FAILING, Attempt, Phase, attempts_of, parts_left_out, repeated, split_attempts


@dataclass(slots=True)
class Running:
    """A case between its first and its last report."""

    id: str
    nodeid: str
    started: float | None = None
    phases: list[Phase] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    trace: str = ""


class Record:
    """What one pytest process has said so far."""

    def __init__(
        self,
        *,
        case_id: Callable[[str], str],
        file_of: Callable[[str], str],
        source_of: Callable[[str], str],
        redact: Callable[[str], str],
        on_case: Callable[[Case], None],
    ) -> None:
        self.versions: dict[str, str] = {}
        self.rootdir = ""
        self.expected: list[str] | None = None
        """Case ids in the runner's order; None until pytest has collected."""
        self.nodeids: list[str] = []
        self.collect_errors: dict[str, str] = {}
        self.collect_skips: dict[str, str] = {}
        self.sifted: dict[str, tuple[int, str]] = {}
        """Collected cases that were not to run: `deselected` or `dropped` -> how many, and one of them."""
        self.troubles: list[tuple[str, str]] = []
        self.exit: int | None = None
        """What pytest meant to exit with; None when it did not get that far."""
        self.stopped = ""
        self.counts: Counter[Outcome] = Counter()
        self.surplus: list[str] = []
        """Cases that ran and were not collected."""
        self.left_out: list[str] = []
        """Sentences on subtests that a case passed without."""
        self._case_id = case_id
        self._file_of = file_of
        self._source_of = source_of
        self._redact = redact
        self._redact_file = functools.cache(redact)
        self._on_case = on_case
        self._numbering = Numbering()
        self._waiting: defaultdict[str, deque[str]] = defaultdict(deque)
        self._running: dict[str, Running] = {}

    def feed(self, line: bytes) -> None:
        event = _decoded(line)
        if event is not None:
            self._take(event)

    def close(self) -> None:
        """Nothing more will come: hand out what began and did not end, then what never began."""
        for running in list(self._running.values()):
            self._hand_out(running)
        for case in list(self._never_began()):
            self._emit(case)
        self._waiting.clear()

    def _take(self, event: dict[str, Any]) -> None:
        match event.get("e"):
            case "report":
                self._report(event)
            case "start":
                self._start(event["id"], event["at"])
            case "finish":
                self._finish(event["id"])
            case "collected":
                self._collected(event["ids"])
            case "sifted":
                self._sifted(event)
            case "collect":
                self._collect(event)
            case "session":
                self.versions = {"pytest": event["pytest"], "python": event["python"]}
                self.rootdir = event["rootdir"]
            case "trouble":
                self.troubles.append((event["kind"], self._redact(event["text"])))
            case "end":
                self.exit = event["exit"]
                self.stopped = self._redact(event["reason"])
            case _:  # a line of something else that wrote into the file
                return

    def _collected(self, nodeids: list[str]) -> None:
        self.nodeids = nodeids
        self.expected = []
        for nodeid in nodeids:
            case_id = self._new_id(nodeid)
            self._waiting[nodeid].append(case_id)
            self.expected.append(case_id)

    def _sifted(self, event: dict[str, Any]) -> None:
        for how in ("deselected", "dropped"):
            if how in event:
                first = self._redact(self._case_id(event[how]["first"]).partition("::")[2])
                self.sifted[how] = (event[how]["count"], first)

    def _collect(self, event: dict[str, Any]) -> None:
        told = self.collect_errors if event["outcome"] == "failed" else self.collect_skips
        told[self._redact(event["id"])] = self._redact(event["text"] or event["message"])

    def _new_id(self, nodeid: str) -> str:
        return self._numbering.unique(self._redact(self._case_id(nodeid)))

    def _start(self, nodeid: str, at: float) -> None:
        running = self._of(nodeid)
        if running.started is None:
            running.started = at

    def _of(self, nodeid: str) -> Running:
        running = self._running.get(nodeid)
        if running is None:
            running = self._running[nodeid] = Running(self._next_id(nodeid), nodeid)
        return running

    def _next_id(self, nodeid: str) -> str:
        waiting = self._waiting.get(nodeid)
        if waiting:
            return waiting.popleft()
        surplus = self._new_id(nodeid)
        self.surplus.append(surplus)
        return surplus

    def _report(self, event: dict[str, Any]) -> None:
        running = self._of(event["id"])
        running.phases.append(_phase(event))
        running.trace = event.get("trace") or running.trace
        for name, value in event.get("properties", ()):
            running.properties[self._redact(name)] = self._redact(value)

    def _finish(self, nodeid: str) -> None:
        running = self._running.get(nodeid)
        if running is not None and running.phases and not repeated(split_attempts(running.phases)[-1]):
            self._hand_out(running)

    def _hand_out(self, running: Running) -> None:
        del self._running[running.nodeid]
        *earlier, last = attempts_of(running.phases)
        told = last.telling
        self.left_out += parts_left_out(last, running.id)
        file = self._file_of(running.nodeid)
        message, detail = self._message(told), self._detail(last)
        self._emit(
            Case(
                id=running.id,
                outcome=last.outcome,
                seconds=last.seconds if running.phases else None,
                message=message,
                detail=detail,
                signature=signature(message, detail) if last.outcome in FAILING else "",
                attempts=tuple(self._earlier(attempt) for attempt in earlier),
                properties=running.properties,
                file=self._redact_file(file),
                source=self._source_of(file),
                trace=running.trace,
                started=None if running.started is None else datetime.fromtimestamp(running.started, UTC),
            )
        )

    def _earlier(self, attempt: Attempt) -> CaseAttempt:
        return CaseAttempt(outcome=attempt.outcome, seconds=attempt.seconds, message=self._message(attempt.telling))

    def _message(self, phase: Phase | None) -> str:
        if phase is None or not phase.message:
            return ""
        message = self._redact(uncoloured(phase.message))
        return message_excerpt(message.removeprefix("Skipped: ") if phase.outcome == "skipped" else message)

    def _detail(self, attempt: Attempt) -> str:
        failed = [phase for phase in attempt.phases if phase.failed]
        if not failed:
            return ""
        # The last report carries what was captured in all phases before it.
        sections = [f"--- {name} ---\n{text}" for name, text in failed[-1].sections]
        text = "\n".join([phase.text for phase in failed] + sections)
        return detail_excerpt(self._redact(uncoloured(text)))

    def _never_began(self) -> Iterator[Case]:
        for nodeid, ids in self._waiting.items():
            file = self._file_of(nodeid)
            for case_id in ids:
                source = self._source_of(file)
                yield Case(id=case_id, outcome=Outcome.NOT_RUN, file=self._redact_file(file), source=source)

    def _emit(self, case: Case) -> None:
        self.counts[case.outcome] += 1
        self._on_case(case)


def _decoded(line: bytes) -> dict[str, Any] | None:
    """None for a line that a kill cut short, and for what something else wrote into the file."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _phase(event: dict[str, Any]) -> Phase:
    return Phase(
        when=event["when"],
        outcome=event["outcome"],
        seconds=event["seconds"],
        message=event.get("message", ""),
        text=event.get("text", ""),
        sections=tuple((name, text) for name, text in event.get("sections", ())),
        xfail="wasxfail" in event,
        part="part" in event,
    )
