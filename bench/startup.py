"""How long the command line takes to say what it can do."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figures import TURNS, Row, Series
from bench.stack import checked

SECONDS = 0.3
LOOP = Path(sys.executable).parent / "loop"
"""The installed command, beside the interpreter."""


def measure(scratch: Path) -> Row:
    commands = ([str(LOOP), "--help"], [sys.executable, "-c", "pass"])
    for command in commands:
        _timed(command, scratch)  # whoever calls it a second time finds it compiled and in memory
    pairs = [[_timed(command, scratch) for command in commands] for _ in range(TURNS)]
    help_, bare = (
        Series(what=what, values=values)
        for what, values in zip(("loop --help", "python -c pass"), zip(*pairs, strict=True), strict=True)
    )
    return Row(
        name="startup",
        figure=help_.median,
        limit=SECONDS,
        unit="s",
        rule="median of loop --help",
        series=(help_, bare),
        remarks=(f"ratio of the medians: {help_.median / bare.median:.3g}",),
    )


def _timed(command: Sequence[str], folder: Path) -> float:
    began = time.perf_counter()
    checked(command, folder)
    return time.perf_counter() - began
