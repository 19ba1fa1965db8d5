"""When going on makes no sense."""

from loop.core.model import Failing, Judgement, Outcome, Verdict
from loop.core.stopping import comparable, invalid_in_a_row, no_progress, oscillating, undeployed_in_a_row


def judged(*failing: str, progress: bool = False, weakened: tuple[str, ...] = ()) -> Judgement:
    cases = tuple(Failing(id=name, outcome=Outcome.FAILED, signature="x", message="x") for name in failing)
    return Judgement(verdict=Verdict.FAILED, rule="", failing=cases, progress=progress, weakened=weakened)


INVALID = Judgement(verdict=Verdict.INVALID, rule="", progress=False)
UNDEPLOYED = Judgement(verdict=Verdict.FAILED, rule="", progress=False, deployed=False)
MOVED = judged("a", progress=True)
STUCK = judged("a")


def test_iterations_without_progress_are_counted_from_the_last_one_back() -> None:
    assert no_progress([]) == 0
    assert no_progress([STUCK, MOVED, STUCK, STUCK]) == 2
    assert no_progress([STUCK, STUCK, MOVED]) == 0
    assert no_progress([MOVED, STUCK, UNDEPLOYED]) == 2


def test_an_invalid_iteration_neither_counts_as_no_progress_nor_ends_the_row() -> None:
    assert no_progress([MOVED, STUCK, INVALID, STUCK, INVALID]) == 2


def test_invalid_iterations_in_a_row() -> None:
    assert invalid_in_a_row([INVALID, STUCK, INVALID, INVALID]) == 2
    assert invalid_in_a_row([INVALID, STUCK]) == 0


def test_undeployed_iterations_in_a_row() -> None:
    assert undeployed_in_a_row([STUCK, UNDEPLOYED, UNDEPLOYED]) == 2
    assert undeployed_in_a_row([UNDEPLOYED, STUCK]) == 0


def test_the_failing_ids_of_two_iterations_before_come_back() -> None:
    assert oscillating([judged("a"), judged("b"), judged("a")])
    assert oscillating([judged("c"), judged("a", "b"), judged(), judged("b", "a")])
    assert oscillating([judged("a"), judged("b"), INVALID, UNDEPLOYED, judged("a")])
    assert oscillating([judged(weakened=("a",)), judged("b"), judged("a")])


def test_the_same_failures_again_and_new_ones_are_no_oscillation() -> None:
    assert not oscillating([judged("a"), judged("a"), judged("a")])
    assert not oscillating([judged("a"), judged("b"), judged("c")])
    assert not oscillating([judged("a"), judged("b")])


def test_only_a_valid_iteration_whose_suites_ran_can_be_compared_with() -> None:
    assert comparable(STUCK)
    assert not comparable(INVALID)
    assert not comparable(UNDEPLOYED)
