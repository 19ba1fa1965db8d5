"""Who watches a run, and what is printed when it is over."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from itertools import count

from loop.console.choose import for_stream
from loop.console.jsonlines import JsonLines
from loop.console.observer import Observer
from loop.console.summary import summary
from loop.core.events import Event
from loop.core.state import RunState
from loop.engine import utc_now
from loop.journal.codec import line


def observers(name: str, first: int, *, json: bool) -> Sequence[Observer]:
    """Progress on stderr; with `--json` also the events on stdout, numbered from `first` as in the journal."""
    progress = for_stream(sys.stderr, utc_now, os.environ)
    return (progress, JsonLines(sys.stdout, _encoder(name, first))) if json else (progress,)


def print_summary(state: RunState, *, json: bool) -> None:
    """The table and the ending; the report's path is the last line. With `--json` stdout belongs to the events."""
    report = next((it.report for it in reversed(state.iterations) if it.report), None)
    width = shutil.get_terminal_size().columns
    (sys.stderr if json else sys.stdout).write(summary(state, report, width=width))


def _encoder(name: str, first: int) -> Callable[[Event], str]:
    numbers = count(first)
    return lambda event: line(event, run=name, seq=next(numbers))
