"""A thousand trivial cases and one service that they leave alone: the stack of two benches."""

from contextlib import AbstractContextManager
from pathlib import Path

from bench.stack import BenchFailed, Stack, Turned, open_stack
from loop.core.events import ImageBuilt, RevisionRequested
from loop.core.model import Outcome

FILES, EACH = 10, 100
CASES = FILES * EACH


def open_cases(root: Path) -> AbstractContextManager[Stack]:
    text = "".join(f"def test_{n:03}():\n    assert {n} + 1 == {n + 1}\n\n\n" for n in range(EACH))
    cases = {f"test_part_{n}.py": text for n in range(FILES)}
    return open_stack(root, {"web": "web: exec python3 -m http.server --bind 127.0.0.1 $PORT\n"}, cases)


def check(turned: Turned) -> None:
    """It ran every case, against services that it did not touch."""
    if turned.of_type(ImageBuilt, RevisionRequested):
        raise BenchFailed("an iteration over unchanged services built or deployed")
    suites = [suite.result for iteration in turned.state.iterations for suite in iteration.suites.values()]
    passed = sum(result.counts.get(Outcome.PASSED, 0) for result in suites if result)
    if passed != CASES:
        raise BenchFailed(f"{passed} cases passed, not {CASES}")
