"""For logs and cron: one line per event that matters, stamped in UTC, no colour, nothing ever redrawn."""

import threading
from datetime import UTC, datetime
from typing import TextIO

from loop.console.phrases import said
from loop.core.events import Event
from loop.core.model import PASSING, UNCOUNTED, Case
from loop.core.state import RunState
from loop.core.wording import one_line, printable

_LONGEST = 500


class Plain:
    """Lines on `stream`, usually stderr. When its reader is gone it falls silent: a run outlives who looks on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._closed = False
        self._last = datetime.fromtimestamp(0, UTC)

    def saw(self, event: Event, state: RunState) -> None:
        self._last = event.at
        phrase = said(event, state)
        if phrase:
            self._write([phrase.text, *(f"  | {printable(line)}" for line in phrase.below)])

    def case(self, _iteration: int, _suite: str, case: Case) -> None:
        """Only those that did not pass: a log wants what is wrong, the counts come with the suite's end."""
        if case.outcome not in PASSING and case.outcome not in UNCOUNTED:
            self._write([f"{case.outcome}: {case.id}{f' - {case.message}' if case.message else ''}"])

    def output(self, subject: str, line: str) -> None:
        self._write([f"{subject} | {printable(line)}"])

    def close(self) -> None:
        self._closed = True

    def _write(self, lines: list[str]) -> None:
        # a case has no event of its own: it carries the time of the last one, which began its suite
        stamp = self._last.strftime("%Y-%m-%dT%H:%M:%SZ")
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
