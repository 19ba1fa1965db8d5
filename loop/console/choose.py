"""Which observer fits the stream. rich is imported only when a terminal looks on."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TextIO

from loop.console.observer import Observer
from loop.console.plain import Plain


def for_stream(stream: TextIO, clock: Callable[[], datetime], environ: Mapping[str, str]) -> Observer:
    """`Live` in a terminal that can move its cursor, else `Plain`. NO_COLOR is honoured by both."""
    if not stream.isatty() or environ.get("TERM", "dumb") == "dumb":
        return Plain(stream, clock)
    from loop.console.live import Live

    return Live(stream, clock)
