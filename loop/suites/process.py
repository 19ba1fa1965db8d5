"""Runs one child of a suite with a time limit while its output is read. Every process of a suite starts here."""

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loop import guard
from loop.core.redact import Redactor
from loop.errors import Wait
from loop.suites.excerpts import LINE_LIMIT, SECRET_LENGTH, uncoloured
from loop.suites.tail import Tail

POLL = 0.05
"""Seconds between two looks at what a child wrote; its end is noticed at once."""
GRACE = 2.0
LAST_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    status: int | None
    """As the shell would give it, negative for a signal; None when the program could not be started."""
    seconds: float
    timed_out: bool = False
    refusal: str = ""
    """Why it could not be started, in the system's words."""


class Output:
    """What a child writes: raw in the scratch folder, redacted line by line to everybody else."""

    def __init__(self, path: Path, redact: Callable[[str], str], show: Callable[[str], None]) -> None:
        self.path = path
        # A private key goes over many lines; the product's redactor remembers that one has begun.
        self._redact = redact.line_by_line() if isinstance(redact, Redactor) else redact
        self._show = show
        self._tail = Tail(path, longest=LINE_LIMIT + SECRET_LENGTH)
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    def pump(self) -> None:
        for line in self._tail.lines():
            self._take(line)

    def finish(self) -> None:
        for line in self._tail.lines(chunks=None):
            self._take(line)
        rest = self._tail.last()
        if rest:
            self._take(rest)

    @property
    def last_lines(self) -> str:
        return "\n".join(self._last)

    def _take(self, raw: bytes) -> None:
        line = self._redact(uncoloured(raw.decode("utf-8", "replace").rstrip("\r")))
        if len(raw) > LINE_LIMIT:  # where the tail cut it, a secret may be cut too
            line = line[: min(LINE_LIMIT, max(0, len(line) - SECRET_LENGTH))]
        self._last.append(line)
        self._show(line)


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: Output,
    timeout: float,
    wait: Wait,
    on_child: Callable[[guard.Child], None],
    pump: Callable[[], None] = lambda: None,
    errors: Path | None = None,
) -> Ended:
    """Until the child ends or its time is over. Raises Cancelled, after the child's end, when `wait` does.

    `errors`: a file for standard error; without it both streams go into `output`.
    """
    began = time.monotonic()
    try:
        with output.path.open("wb") as log, (errors or Path(os.devnull)).open("wb") as log_of_errors:
            stderr = log_of_errors if errors else subprocess.STDOUT
            child = guard.start(argv, cwd=cwd, env=env, stdout=log, stderr=stderr)
    except OSError as error:
        return Ended(status=None, seconds=0.0, refusal=f"{error.strerror}: {error.filename}")
    try:
        on_child(child)
        timed_out = _attend(child, began + timeout, wait, (output.pump, pump))
    finally:
        status = child.stop(GRACE)
        output.finish()
    return Ended(status=status, seconds=time.monotonic() - began, timed_out=timed_out)


def _attend(child: guard.Child, deadline: float, wait: Wait, pumps: tuple[Callable[[], None], ...]) -> bool:
    """Whether the deadline came before the child's end."""
    while child.wait(POLL) is None:
        for pump in pumps:
            pump()
        if time.monotonic() >= deadline:
            return True
        wait(0)
    return False
