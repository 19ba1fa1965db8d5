"""Tools that read JUnit show what we say: above all, nothing is green that is not."""

from xml.etree import ElementTree

import pytest
from edges import ALL, HOSTILE
from stories import IDS, OAUTH, SUITE, seed

from loop.core.model import Case, CaseAttempt, Outcome
from loop.core.state import RunState
from loop.reports.junit import junit


def tree(state: RunState, number: int, rows: list[Case]) -> ElementTree.Element:
    return ElementTree.fromstring("".join(junit(state, number, {SUITE: rows})))


def test_every_case_is_there_with_its_outcome() -> None:
    rows = [Case(id=i, outcome=Outcome.FAILED if i == OAUTH else Outcome.PASSED, seconds=0.25) for i in IDS]
    suite = tree(seed().run, 3, rows).find("testsuite")
    assert suite is not None
    assert (suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors")) == (
        SUITE,
        "25",
        "1",
        "0",
    )
    failed = [c.get("name") for c in suite.iter("testcase") if c.find("failure") is not None]
    assert failed == ["test_rejects_oauth_without_token"]


def test_results_name_the_revisions_they_are_bound_to() -> None:
    properties = {p.get("name"): p.get("value") for p in tree(seed().run, 3, []).iter("property")}
    assert properties["revision.backend"] == "acme-backend-lk7q2zd-2"
    assert properties["verdict"] == "passed"


@pytest.mark.parametrize(
    ("outcome", "element"),
    [
        (Outcome.PASSED, None),
        (Outcome.XPASSED, None),
        (Outcome.FAILED, "failure"),
        (Outcome.ERROR, "error"),
        (Outcome.SKIPPED, "skipped"),
        (Outcome.XFAILED, "skipped"),
        (Outcome.UNFINISHED, "error"),
        (Outcome.NOT_RUN, "error"),
    ],
)
def test_outcomes_keep_their_meaning(outcome: Outcome, element: str | None) -> None:
    case = tree(seed().run, 3, [Case(id=f"{SUITE}::a.py::test[x::y]", outcome=outcome)]).find("testsuite/testcase")
    assert case is not None
    assert [child.tag for child in case] == ([element] if element else [])
    assert (case.get("classname"), case.get("name")) == ("a.py", "test[x::y]")


def test_a_flaky_case_keeps_its_failed_attempt() -> None:
    row = Case(
        id=f"{SUITE}::t", outcome=Outcome.PASSED, attempts=(CaseAttempt(outcome=Outcome.FAILED, message="boom"),)
    )
    flaky = tree(seed().run, 3, [row]).find("testsuite/testcase/flakyFailure")
    assert flaky is not None
    assert flaky.get("message") == "boom"


@pytest.mark.parametrize(
    "name", ["crashing", "unbuilt", "unverified", "collected_nothing", "interrupted", "paused", "mixed", "ruined"]
)
def test_what_keeps_an_iteration_from_passing_is_an_error_even_over_passed_cases(name: str) -> None:
    state = ALL[name]().run
    root = tree(state, len(state.iterations) - 1, [Case(id=f"{SUITE}::t", outcome=Outcome.PASSED)])
    assert root.findall("testsuite[@name='loop']/testcase/error")


def test_a_passed_iteration_has_no_such_errors() -> None:
    assert not tree(seed().run, 3, []).findall("testsuite[@name='loop']")


def test_any_text_gives_well_formed_xml() -> None:
    evil = HOSTILE + "\x00\ud800\uffff]]>&'\""
    row = Case(id=f"{SUITE}::{evil}", outcome=Outcome.FAILED, message=evil, detail=evil, file=evil)
    text = "".join(junit(seed().run, 3, {SUITE: [row]})).encode("utf-8")
    assert ElementTree.fromstring(text).find("testsuite/testcase/failure") is not None
