"""Which cases change their mind: pass rate, flips and retries over many iterations of one environment. Pure.

A case that fails because the product broke is not flaky. It is called so only when both outcomes came from the same
images of all services, the same test source and the same of all that tests need (helpers, configuration, scripts);
all else is told as numbers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from loop.core.model import PASSING, UNCOUNTED, Case, Outcome

LETTERS = {
    Outcome.PASSED: "P", Outcome.FAILED: "F", Outcome.ERROR: "E", Outcome.SKIPPED: "s", Outcome.XFAILED: "x",
    Outcome.XPASSED: "X", Outcome.UNFINISHED: "U", Outcome.NOT_RUN: "n",
}  # fmt: skip
ABSENT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One iteration's cases, and what they ran against."""

    cases: Iterable[Case]
    images: str = ""
    """Names the images of all services together; empty where one is not known."""
    testside: str = ""
    """Names all that decides cases beside the product; empty in journals that did not record it."""


@dataclass(slots=True, kw_only=True)
class Habit:
    """What one case did over the iterations that were looked at, oldest first."""

    id: str
    last: str = ""
    """One letter per iteration: `PPFPP`; `-` where it had no such case."""
    passed: int = 0
    counted: int = 0
    flips: int = 0
    """Changes between passing and not passing, over iterations in which it counted."""
    retried: int = 0
    """Iterations in which it passed, and not at the first attempt."""
    same: dict[tuple[str, str, str], set[bool]] = field(default_factory=dict)
    """Whether it passed, by images, test source and what else decides cases."""
    _before: bool | None = None

    @property
    def flaky(self) -> bool:
        """Both outcomes from the same images and the same source."""
        return self.retried > 0 or any(len(outcomes) > 1 for outcomes in self.same.values())

    @property
    def pass_rate(self) -> Fraction:
        return Fraction(self.passed, self.counted or 1)

    @property
    def flip_rate(self) -> Fraction:
        return Fraction(self.flips, max(self.counted - 1, 1))

    def saw(self, case: Case, images: str, testside: str) -> None:
        self.last += LETTERS[case.outcome]
        if case.outcome in UNCOUNTED:
            return
        passed = case.outcome in PASSING
        self.counted += 1
        self.passed += passed
        self.flips += self._before is not None and self._before != passed
        self.retried += case.flaky
        self._before = passed
        if images and case.source:
            self.same.setdefault((images, case.source, testside), set()).add(passed)


def habits(sightings: Iterable[Sighting]) -> tuple[Habit, ...]:
    """Oldest first in; every case out, worst first."""
    found: dict[str, Habit] = {}
    for seen, sighting in enumerate(sightings):
        for case in sighting.cases:
            habit = found.get(case.id)
            if habit is None:
                habit = found[case.id] = Habit(id=case.id, last=ABSENT * seen)
            habit.saw(case, sighting.images, sighting.testside)
        for habit in found.values():
            habit.last = habit.last.ljust(seen + 1, ABSENT)
    return tuple(sorted(found.values(), key=_worst_first))


def changed(found: Iterable[Habit]) -> tuple[Habit, ...]:
    """Those worth showing: a case that always passed or never did has no habit."""
    return tuple(habit for habit in found if habit.flips or habit.retried)


def images(by_service: Mapping[str, str]) -> str:
    """One name for the images of all services; empty where one is not known."""
    if not by_service or not all(by_service.values()):
        return ""
    return "\n".join(f"{name} {image}" for name, image in sorted(by_service.items()))


def _worst_first(habit: Habit) -> tuple[bool, Fraction, int, Fraction, str]:
    return not habit.flaky, -habit.flip_rate, -habit.retried, habit.pass_rate, habit.id
