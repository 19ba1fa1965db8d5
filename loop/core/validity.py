"""May an iteration carry a verdict at all? Every reason against it, by name (design section 5). Pure."""

from collections.abc import Iterable, Iterator, Sequence

from loop.core.model import Problem, ProblemKind
from loop.core.tally import Tally


def problems(tallies: Sequence[Tally], elsewhere: Sequence[Problem]) -> tuple[Problem, ...]:
    """All of them: those from elsewhere, those that the suites' runners had, and what the counts show by themselves."""
    found = [*elsewhere, *(problem for tally in tallies for problem in _of(tally))]
    return tuple(found) or tuple(_missing(tallies))


def _of(tally: Tally) -> Iterable[Problem]:
    """A runner's own problems explain its counts."""
    if tally.result is None:
        return []
    return tally.result.problems or _counted(tally)


def _missing(tallies: Sequence[Tally]) -> Iterator[Problem]:
    """A suite that never began, where nothing that went wrong elsewhere explains it, wherever it stands in the file."""
    if not tallies:
        yield Problem(kind=ProblemKind.NOTHING_COUNTED, sentence="no suite was selected")
    yield from (_problem(ProblemKind.SUITE_NOT_RUN, t, "did not run") for t in tallies if t.result is None)


def _counted(tally: Tally) -> list[Problem]:
    expected, minimum = tally.expected, tally.suite.minimum
    if not tally.reported and not expected.cases:
        return [_problem(ProblemKind.COLLECTED_NOTHING, tally, "collected nothing")]
    if tally.reported < expected.cases:
        said = f"ran {tally.reported} of the {_cases(expected.cases)} {expected.by}"
        return [_problem(ProblemKind.FEWER_THAN_EXPECTED, tally, said)]
    if minimum is not None and tally.reported < minimum:
        said = f"ran {_cases(tally.reported)}, fewer than its minimum of {minimum}"
        return [_problem(ProblemKind.FEWER_THAN_EXPECTED, tally, said)]
    if not tally.counted:
        uncounted = ", ".join(f"{number} {outcome.value}" for outcome, number in tally.counts.items())
        return [_problem(ProblemKind.NOTHING_COUNTED, tally, f"has nothing that counts: {uncounted}")]
    return []


def _problem(kind: ProblemKind, tally: Tally, said: str) -> Problem:
    return Problem(kind=kind, sentence=f"suite {tally.suite.name} {said}")


def _cases(number: int) -> str:
    return "1 case" if number == 1 else f"{number} cases"
