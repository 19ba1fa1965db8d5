"""Runs one child with a time limit while its output is read."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loop import guard
from loop.children.output import Output
from loop.errors import Wait

POLL = 0.05
"""Seconds between two looks at what a child wrote; its end is noticed at once."""
GRACE = 2.0
SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    status: int | None
    """As the shell would give it, negative for a signal; None when the program could not be started."""
    seconds: float
    timed_out: bool = False
    refusal: str = ""
    """Why it could not be started, in the system's words."""


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
        output.path.touch(mode=0o600)
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
