"""How long eight independent services take to be deployed beside one alone, by the journal's times."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from bench.figures import TURNS, Row, Series
from bench.stack import BenchFailed, Stack, Turned, open_stack
from loop.core.events import BuildSubmitted, RevisionReady

MANY = 8
FACTOR = 1.6
PROCFILE = "web: sleep 1; exec python3 -m http.server --bind 127.0.0.1 $PORT\n"
CASE = "def test_nothing():\n    pass\n"


def measure(scratch: Path) -> Row:
    with ExitStack() as opened:
        many = opened.enter_context(_stack(scratch / "many", MANY))
        one = opened.enter_context(_stack(scratch / "one", 1))
        pairs = [(_deployed(many, turn), _deployed(one, turn)) for turn in range(1, TURNS + 1)]
    together = Series(what=f"{MANY} services", values=tuple(pair[0] for pair in pairs))
    alone = Series(what="one service", values=tuple(pair[1] for pair in pairs))
    return Row(
        name="deployment",
        figure=together.median / alone.median,
        limit=FACTOR,
        unit="x",
        rule="median of eight by median of one, from the first deployment's start to the last one serving",
        series=(together, alone),
    )


def _stack(root: Path, count: int) -> AbstractContextManager[Stack]:
    services = {f"web{n}": PROCFILE for n in range(count)}
    return open_stack(root, services, {"test_nothing.py": CASE})


def _deployed(stack: Stack, turn: int) -> float:
    """Seconds from the first deployment's start to the last revision that provably serves."""
    stack.configure(turn=turn)
    turned = stack.turn()
    _check(turned, len(stack.services))
    began = min(event.at for event in turned.started("DeployRevision"))
    return (max(event.at for event in turned.of_type(RevisionReady)) - began).total_seconds()


def _check(turned: Turned, count: int) -> None:
    if turned.of_type(BuildSubmitted):
        raise BenchFailed("images were to be there, but some were built")
    ready = len(turned.of_type(RevisionReady))
    if ready != count:
        raise BenchFailed(f"{ready} services were deployed, not {count}")
