"""Iteration against iteration, by case ids and causes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.core.compare import Earlier, Standing, compare, standings
from loop.core.model import PASSING, UNCOUNTED, Case, ChangeKind, Comparison, Credit, Judgement, Outcome, Verdict

PASS, FAIL, SKIP = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED
Cases = dict[str, Standing]


def failed(why: str = "x", source: str = "") -> Standing:
    return Standing(FAIL, why, source)


def compared(
    before: Cases,
    now: Cases,
    *,
    product: bool = False,
    sources: tuple[str, str] = ("", ""),
    weakened: tuple[str, ...] = (),
    beside: frozenset[ChangeKind] = frozenset(),
) -> Comparison:
    judgement = Judgement(verdict=Verdict.FAILED, rule="", sources_digest=sources[0], weakened=weakened)
    then = Earlier(label="iteration 1", judgement=judgement, cases=before, product_changed=product, decisive=beside)
    return compare(then, now, suites={"s"}, sources_digest=sources[1])


OK = Standing(PASS)


def test_fixed_broken_and_still_failing_by_cause() -> None:
    before = {"s::f": failed(), "s::b": OK, "s::s": failed("a"), "s::c": failed("a"), "s::o": OK}
    now = {"s::f": OK, "s::b": failed(), "s::s": failed("a"), "s::c": failed("b"), "s::o": OK}
    found = compared(before, now)
    assert found.against == "iteration 1"
    assert [f.id for f in found.fixed] == ["s::f"]
    assert (found.broken, found.still_same, found.still_changed) == (("s::b",), ("s::s",), ("s::c",))
    assert (found.new, found.gone, found.case_set_changed) == ((), (), "")


def test_without_signatures_the_outcomes_are_the_causes() -> None:
    before = {"s::a": Standing(Outcome.UNFINISHED), "s::b": Standing(Outcome.UNFINISHED)}
    found = compared(before, {"s::a": Standing(Outcome.UNFINISHED), "s::b": Standing(Outcome.ERROR)})
    assert (found.still_same, found.still_changed) == (("s::a",), ("s::b",))


def test_a_case_that_was_skipped_and_fails_now_is_broken_and_one_that_passes_now_is_not_fixed() -> None:
    found = compared({"s::a": Standing(SKIP), "s::b": Standing(SKIP)}, {"s::a": failed(), "s::b": OK})
    assert (found.broken, found.fixed) == (("s::a",), ())


def test_a_failing_case_that_is_skipped_now_is_neither_fixed_nor_still_failing() -> None:
    found = compared({"s::a": failed()}, {"s::a": Standing(SKIP)})
    assert (found.fixed, found.still_same, found.still_changed, found.broken) == ((), (), (), ())


def test_a_case_that_passed_and_is_skipped_now_is_not_broken() -> None:
    assert compared({"s::a": OK}, {"s::a": Standing(SKIP)}).broken == ()


def test_a_weakened_case_that_passes_again_is_fixed_also_when_it_had_been_deleted() -> None:
    before, weak = {"s::a": Standing(SKIP), "s::f": failed()}, ("s::a", "s::g", "s::h", "s::k")
    now = {"s::a": OK, "s::f": failed(), "s::g": OK, "s::h": failed()}
    found = compared(before, now, weakened=weak)
    assert [f.id for f in found.fixed] == ["s::a", "s::g"]


def test_new_and_gone_cases_change_the_set() -> None:
    before = {"s::a": OK, "s::b": OK}
    assert compared(before, {"s::a": OK}).case_set_changed == "cases 2 -> 1"
    assert compared(before, before | {"s::c": failed()}).case_set_changed == "cases 2 -> 3"
    swapped = compared(before, {"s::a": OK, "s::c": OK})
    assert swapped.case_set_changed == "cases 2 -> 2 (1 new, 1 gone)"
    assert (swapped.new, swapped.gone) == (("s::c",), ("s::b",))


def test_cases_of_other_suites_are_not_gone() -> None:
    found = compared({"s::a": OK, "other::a": OK}, {"s::a": OK})
    assert (found.gone, found.case_set_changed) == ((), "")


@pytest.mark.parametrize(
    ("product", "own", "sources", "credit"),
    [
        (True, ("a", "a"), ("x", "x"), Credit.PRODUCT),
        (True, ("a", "a"), ("x", "y"), Credit.PRODUCT),
        (True, ("a", "b"), ("x", "y"), Credit.BOTH),
        (False, ("a", "b"), ("x", "y"), Credit.TESTS),
        (False, ("a", "a"), ("x", "y"), Credit.TESTS),
        (False, ("a", "a"), ("x", "x"), Credit.UNEXPLAINED),
        (True, ("", ""), ("x", "y"), Credit.BOTH),
        (True, ("", "b"), ("x", "x"), Credit.PRODUCT),
        (False, ("a", ""), ("x", "y"), Credit.TESTS),
        (False, ("", ""), ("", "y"), Credit.UNEXPLAINED),
    ],
)
def test_a_gain_is_credited_to_what_changed(
    product: bool, own: tuple[str, str], sources: tuple[str, str], credit: Credit
) -> None:
    before, now = {"s::a": failed("x", own[0])}, {"s::a": Standing(PASS, "", own[1])}
    found = compared(before, now, product=product, sources=sources)
    assert [f.credit for f in found.fixed] == [credit]


TESTS, INFRA, CONFIG = ChangeKind.TESTS, ChangeKind.INFRA, ChangeKind.CONFIG


@pytest.mark.parametrize(
    ("product", "beside", "credit"),
    [
        (True, {TESTS}, Credit.BOTH),
        (True, {INFRA}, Credit.BOTH),
        (True, {CONFIG}, Credit.BOTH),
        (True, set(), Credit.PRODUCT),
        (False, {TESTS}, Credit.TESTS),
        (False, {CONFIG}, Credit.TESTS),
        (False, {INFRA}, Credit.UNEXPLAINED),
        (False, {INFRA, TESTS}, Credit.TESTS),
    ],
)
@pytest.mark.parametrize("source", ["", "a"])
def test_what_can_decide_any_case_takes_the_credit_from_the_product_alone(
    product: bool, beside: set[ChangeKind], credit: Credit, source: str
) -> None:
    before, now = {"s::a": failed("x", source)}, {"s::a": Standing(PASS, "", source)}
    found = compared(before, now, product=product, beside=frozenset(beside))
    assert [f.credit for f in found.fixed] == [credit]
    assert found.tests_changed == (TESTS in beside)


def test_test_sources_are_said_to_have_changed_only_when_both_digests_are_known() -> None:
    assert compared({}, {}, sources=("a", "b")).tests_changed is True
    assert compared({}, {}, sources=("a", "a")).tests_changed is False
    assert compared({}, {}, sources=("", "b")).tests_changed is False


def test_standings_carry_the_cause_of_each_failure() -> None:
    rows = [
        Case(id="s::a", outcome=FAIL, message="took 3.5s"),
        Case(id="s::b", outcome=FAIL, message="m", signature="given"),
        Case(id="s::c", outcome=PASS, message="m", source="d"),
        Case(id="s::d", outcome=SKIP, message="reason"),
    ]
    assert standings(rows) == {
        "s::a": Standing(FAIL, "took <duration>"),
        "s::b": Standing(FAIL, "given"),
        "s::c": Standing(PASS, "", "d"),
        "s::d": Standing(SKIP),
    }


def test_what_counted_or_was_weakened_may_not_leave_the_count() -> None:
    judgement = Judgement(verdict=Verdict.FAILED, rule="", weakened=("s::gone",))
    cases = {"s::p": OK, "s::f": failed(), "s::s": Standing(SKIP), "s::x": Standing(Outcome.XFAILED)}
    assert Earlier(label="", judgement=judgement, cases=cases).counted() == {"s::p", "s::f", "s::gone"}


SETS = st.dictionaries(
    st.sampled_from([f"s::{c}" for c in "abcdefgh"]),
    st.builds(Standing, st.sampled_from(list(Outcome)), st.sampled_from(["", "x", "y"])),
)


@given(SETS, SETS)
def test_every_case_lies_in_at_most_one_group_and_none_is_lost(before: Cases, now: Cases) -> None:
    found = compared(before, now)
    groups = [[f.id for f in found.fixed], found.broken, found.still_same, found.still_changed, found.new, found.gone]
    listed = [case for group in groups for case in group]
    assert len(listed) == len(set(listed))
    quiet = (before.keys() | now.keys()) - set(listed)
    for case in quiet:
        then, since = before[case].outcome, now[case].outcome
        assert since in PASSING or since in UNCOUNTED
        assert then in PASSING or then in UNCOUNTED or since in UNCOUNTED
