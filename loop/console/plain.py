"""For logs and cron: one line per event that matters, stamped in UTC, no colour, nothing ever redrawn."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TextIO

from loop.console.phrases import said
from loop.core.events import Event
from loop.core.model import PASSING, UNCOUNTED, Case
from loop.core.state import RunState
from loop.core.wording import one_line, printable

_LONGEST = 500


class Plain:
    """Lines on `stream`, usually stderr. When its reader is gone it falls silent: a run outlives who looks on."""

    def __init__(self, stream: TextIO, clock: Callable[[], datetime]) -> None:
        """`clock` stamps the cases; an event brings its own time."""
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False

    def saw(self, event: Event, state: RunState) -> None:
        phrase = said(event, state)
        if phrase:
            self._write(event.at, [phrase.text, *(f"  | {printable(line)}" for line in phrase.below)])

    def case(self, _iteration: int, _suite: str, case: Case) -> None:
        """Only those that did not pass: a log wants what is wrong, the counts come with the suite's end."""
        if case.outcome not in PASSING and case.outcome not in UNCOUNTED:
            self._write(self._clock(), [f"{case.outcome}: {case.id}{f' - {case.message}' if case.message else ''}"])

    def output(self, _subject: str, _line: str) -> None:
        """Nothing: the end of a build's or fixer's output comes with its failure, and else only hides what matters."""

    def close(self) -> None:
        self._closed = True

    def _write(self, at: datetime, lines: list[str]) -> None:
        stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        text = "".join(f"{stamp} {one_line(lines[0], _LONGEST)}\n" if n == 0 else f"{stamp} {line}\n"
                       for n, line in enumerate(lines))  # fmt: skip
        with self._lock:
            if self._closed:
                return
            try:
                self._stream.write(text)
                self._stream.flush()
            except OSError:
                self._closed = True
