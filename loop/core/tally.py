"""One suite's cases counted: the only place where an outcome becomes part of a rate (design section 5). Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from loop.core.environment import Suite
from loop.core.model import PASSING, UNCOUNTED, Case, Failing, Outcome, Rate, SuiteResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    cases: int
    by: str
    """Who says so, as the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    suite: Suite
    result: SuiteResult | None
    """None when the suite did not run."""
    expected: Expected
    counts: dict[Outcome, int]
    """By outcome; `not run` includes cases that were expected and that have no row."""
    passing: tuple[str, ...]
    retried: int
    """How many of `passing` did not pass at the first attempt."""
    failing: tuple[Failing, ...]
    flaky: tuple[str, ...]
    xpassed: tuple[str, ...]
    weakened: tuple[str, ...]
    missing: int
    """Counted cases that have no row and no name."""

    @property
    def counted(self) -> int:
        return len(self.passing) + len(self.failing) + len(self.weakened) + self.missing

    @property
    def known(self) -> int:
        return sum(1 for failing in self.failing if failing.known)

    @property
    def reported(self) -> int:
        """Cases that began."""
        return sum(self.counts.values()) - self.counts.get(Outcome.NOT_RUN, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the reference iterations say of one suite's cases."""

    counted: frozenset[str] = frozenset()
    """Ids that leave the count only when somebody accepts it; those of other suites do no harm."""
    gone: tuple[str, ...] = ()
    """Those of this suite that have no row now."""
    expected: int | None = None
    """Cases of this suite in the baseline, but for those whose end was accepted."""


def raw(tallies: Iterable[Tally]) -> Rate | None:
    """Passed at the first attempt, of all that count; None where nothing counts."""
    return _rate((len(t.passing) - t.retried, t.counted) for t in tallies)


def adjusted(tallies: Iterable[Tally]) -> Rate | None:
    """Passed at the last attempt, of all that count but the known issues that failed as known."""
    return _rate((len(t.passing), t.counted - t.known) for t in tallies)


def _rate(parts: Iterable[tuple[int, int]]) -> Rate | None:
    passed, counted = (sum(numbers) for numbers in zip((0, 0), *parts, strict=True))
    return Rate(passed=passed, counted=counted) if counted else None


def tally(
    suite: Suite, result: SuiteResult | None, cases: Sequence[Case], before: Before, failing: Callable[[Case], Failing]
) -> Tally:
    """`failing` turns a case that did not pass into what a judgement keeps of it."""
    expected = _expected(suite, result, before.expected, len(cases))
    short = max(0, expected.cases - len(cases))
    trusted = result is not None and not result.problems and not short
    gone = before.gone if trusted else ()
    passed = [case for case in cases if case.outcome in PASSING]
    uncounted = [case.id for case in cases if case.outcome in UNCOUNTED]
    return Tally(
        suite=suite,
        result=result,
        expected=expected,
        counts=_counts(cases, short),
        passing=tuple(case.id for case in passed),
        retried=sum(1 for case in passed if case.attempts and case.attempts[0].outcome not in PASSING),
        failing=tuple(failing(case) for case in cases if case.outcome not in PASSING and case.outcome not in UNCOUNTED),
        flaky=tuple(case.id for case in passed if case.attempts and case.flaky),
        xpassed=tuple(case.id for case in passed if case.outcome == Outcome.XPASSED),
        weakened=tuple(case_id for case_id in uncounted if case_id in before.counted) + gone,
        missing=0 if trusted else max(short, len(before.gone)),
    )


def _counts(cases: Sequence[Case], short: int) -> dict[Outcome, int]:
    outcomes = [case.outcome for case in cases]
    counts = {outcome: number for outcome in Outcome if (number := outcomes.count(outcome))}
    return counts | {Outcome.NOT_RUN: counts.get(Outcome.NOT_RUN, 0) + short} if short else counts


def _expected(suite: Suite, result: SuiteResult | None, baseline: int | None, rows: int) -> Expected:
    """What the runner collected, else the baseline, else `minimum:`, else what came (design section 2)."""
    if result is not None and result.expected is not None:
        return Expected(cases=result.expected, by="that its runner collected")
    if baseline is not None:
        return Expected(cases=baseline, by="of the baseline")
    if suite.minimum is not None:
        return Expected(cases=suite.minimum, by="of its minimum")
    return Expected(cases=rows, by="that came")
