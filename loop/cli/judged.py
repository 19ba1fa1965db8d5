"""What the journal says was judged, newest first: the ground that `known`, `baseline` and `flaky` stand on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from loop.core.state import IterationState, RunState
from loop.errors import UsageError

if TYPE_CHECKING:
    from loop.journal import Journal, Run


def judged(journal: "Journal", environment: str | None) -> "Iterator[tuple[Run, RunState, IterationState]]":
    """Judged iterations, newest first; every one has a judgement."""
    for run in reversed(journal.runs(environment)):
        state = journal.state(run)
        for iteration in reversed(state.iterations):
            if iteration.judgement is not None:
                yield run, state, iteration


def environment_of(journal: "Journal", named: str | None) -> str:
    """The one that was named, else that of the newest run. Raises UsageError where it has no run."""
    runs = journal.runs(named)
    if not runs:
        raise UsageError(f"there is no run{f' of {named}' if named else ' yet'}", hint="loop history")
    return runs[-1].environment


def newest_judged(journal: "Journal", environment: str) -> "tuple[Run, RunState, IterationState]":
    found = next(judged(journal, environment), None)
    if found is None:
        raise UsageError(f"no iteration of {environment} was judged yet", hint=f"loop run --env {environment}")
    return found
