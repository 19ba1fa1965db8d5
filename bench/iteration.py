"""What an iteration over unchanged services costs beside the bare runner on the same files."""

import sys
import time
from pathlib import Path

from bench.cases import CASES, check, open_cases
from bench.figures import TURNS, Row, Series
from bench.stack import Stack, checked

FACTOR, SECONDS = 1.25, 2.0


def measure(scratch: Path) -> Row:
    with open_cases(scratch / "stack") as stack:
        _bare(stack)  # leaves the compiled test files behind, as an earlier run of anybody's does
        pairs = [(_loop(stack), _bare(stack)) for _ in range(TURNS)]
    loop = Series(what=f"loop run, {CASES} cases", values=tuple(pair[0] for pair in pairs))
    bare = Series(what="pytest --junitxml", values=tuple(pair[1] for pair in pairs))
    return Row(
        name="iteration",
        figure=loop.median,
        limit=FACTOR * bare.median + SECONDS,
        unit="s",
        rule=f"median of loop run at most {FACTOR:g} x median of pytest + {SECONDS:g} s",
        series=(loop, bare),
    )


def _loop(stack: Stack) -> float:
    turned = stack.turn()
    check(turned)
    return turned.seconds


def _bare(stack: Stack) -> float:
    result = stack.root / ".loop" / "bare.xml"
    began = time.perf_counter()
    checked([sys.executable, "-m", "pytest", f"--junitxml={result}", "tests"], stack.root)
    return time.perf_counter() - began
