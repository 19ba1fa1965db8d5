"""How long it takes to know that an unchanged stack serves, beside a bare interpreter that imports the same."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import imports
from bench.child import ROOT
from bench.figures import TURNS, Row, Series
from bench.stack import ENVIRONMENT, BenchFailed, Stack, Turned, checked, open_stack
from loop.core.events import ImageBuilt, RevisionReady, RevisionRequested

SECONDS = 1.0
SERVICES = ("a", "b", "c")
AFTER = {"b": "a"}
PROCFILE = "web: exec python3 -m http.server --bind 127.0.0.1 $PORT\n"
CASE = "def test_nothing():\n    pass\n"


def measure(scratch: Path) -> Row:
    procfiles = dict.fromkeys(SERVICES, PROCFILE)
    with open_stack(scratch / "stack", procfiles, {"test_nothing.py": CASE}, after=AFTER) as stack:
        modules = _imported(stack)
        whole = f"for name in '{' '.join(modules)}'.split(): __import__(name)"
        alone = f"{whole}\n__import__('os')._exit(0)"
        _timed(whole)
        turns = [(_proven(stack), _timed(alone), _timed(whole)) for _ in range(TURNS)]
    loop, imports, process = (
        Series(what=what, values=values)
        for what, values in zip(
            (
                "loop run, to the last service proven",
                f"python -c with the same {len(modules)} imports, to the last import",
                "python -c with them, to the end of the process",
            ),
            zip(*turns, strict=True),
            strict=True,
        )
    )
    return Row(
        name="unchanged",
        figure=loop.median - imports.median,
        limit=SECONDS,
        unit="s",
        rule="median of loop run less median of the imports",
        series=(loop, imports, process),
    )


def _proven(stack: Stack) -> float:
    turned = stack.turn()
    _check(turned)
    return turned.serving


def _check(turned: Turned) -> None:
    if turned.of_type(ImageBuilt, RevisionRequested):
        raise BenchFailed("nothing was changed, but something was built or deployed")
    ready = len(turned.of_type(RevisionReady))
    if ready != len(SERVICES):
        raise BenchFailed(f"{ready} services were proven, not {len(SERVICES)}")


def _imported(stack: Stack) -> list[str]:
    """What `loop run` has imported by the time the last service is proven, in its order."""
    file = stack.root / ".loop" / "imported.json"
    began = datetime.now(UTC)
    checked([sys.executable, "-P", imports.__file__, str(file), "run", "--env", ENVIRONMENT], stack.root)
    turned = Turned.read(stack.root, began, 0.0)
    _check(turned)
    seen = json.loads(file.read_text())
    return list(dict.fromkeys(name for at, name in seen if at <= turned.served.timestamp()))


def _timed(program: str) -> float:
    began = time.perf_counter()
    checked([sys.executable, "-c", program], ROOT)
    return time.perf_counter() - began
