"""From pytest's phase reports to one outcome."""

import pytest

from loop.core.model import Outcome
from loop.suites.outcomes import Phase, attempts_of, parts_left_out


def phase(when: str, outcome: str, **more: object) -> Phase:
    return Phase(when=when, outcome=outcome, **more)


SETUP, CALL, TEARDOWN = phase("setup", "passed"), phase("call", "passed"), phase("teardown", "passed")

FOLDED = {
    "plain pass": ([SETUP, CALL, TEARDOWN], Outcome.PASSED),
    "failing call": ([SETUP, phase("call", "failed"), TEARDOWN], Outcome.FAILED),
    "failing set-up": ([phase("setup", "failed"), TEARDOWN], Outcome.ERROR),
    "failing teardown": ([SETUP, CALL, phase("teardown", "failed")], Outcome.ERROR),
    "failing call and teardown": ([SETUP, phase("call", "failed"), phase("teardown", "failed")], Outcome.FAILED),
    "skipped by a mark": ([phase("setup", "skipped"), TEARDOWN], Outcome.SKIPPED),
    "skipped in the call": ([SETUP, phase("call", "skipped"), TEARDOWN], Outcome.SKIPPED),
    "skipped in the teardown": ([SETUP, CALL, phase("teardown", "skipped")], Outcome.PASSED),
    "xfail": ([SETUP, phase("call", "skipped", xfail=True), TEARDOWN], Outcome.XFAILED),
    "xfail without running": ([phase("setup", "skipped", xfail=True), TEARDOWN], Outcome.XFAILED),
    "xpass": ([SETUP, phase("call", "passed", xfail=True), TEARDOWN], Outcome.XPASSED),
    "strict xpass": ([SETUP, phase("call", "failed"), TEARDOWN], Outcome.FAILED),
    "xfail with a failing teardown": (
        [SETUP, phase("call", "skipped", xfail=True), phase("teardown", "failed")],
        Outcome.ERROR,
    ),
    "failed part of a passed call": ([SETUP, phase("call", "failed", part=True), CALL, TEARDOWN], Outcome.FAILED),
    "skipped part of a passed call": ([SETUP, phase("call", "skipped", part=True), CALL, TEARDOWN], Outcome.PASSED),
    "crash report of a worker": ([SETUP, phase("???", "failed")], Outcome.ERROR),
    "crash report beside a pass": ([phase("???", "failed"), SETUP, CALL, TEARDOWN], Outcome.ERROR),
    "nothing but a set-up": ([SETUP], Outcome.UNFINISHED),
    "nothing": ([], Outcome.UNFINISHED),
}


@pytest.mark.parametrize(("phases", "outcome"), FOLDED.values(), ids=FOLDED)
def test_phases_fold_to_one_outcome(phases: list[Phase], outcome: Outcome) -> None:
    (attempt,) = attempts_of(phases)
    assert attempt.outcome is outcome


def test_every_attempt_of_a_rerun_case_is_kept_in_order() -> None:
    failed = [SETUP, phase("call", "rerun", message="first"), TEARDOWN]
    broken = [phase("setup", "rerun", message="second"), TEARDOWN]
    attempts = attempts_of([*failed, *broken, SETUP, CALL, TEARDOWN])
    assert [attempt.outcome for attempt in attempts] == [Outcome.FAILED, Outcome.ERROR, Outcome.PASSED]
    assert [attempt.telling and attempt.telling.message for attempt in attempts] == ["first", "second", None]


def test_a_case_that_was_to_be_repeated_and_was_not_is_unfinished() -> None:
    attempts = attempts_of([SETUP, phase("call", "rerun"), TEARDOWN])
    assert [attempt.outcome for attempt in attempts] == [Outcome.FAILED, Outcome.UNFINISHED]


def test_two_reports_of_one_case_without_a_rerun_are_one_attempt() -> None:
    attempts = attempts_of([SETUP, phase("call", "failed"), TEARDOWN, SETUP, CALL, TEARDOWN])
    assert [attempt.outcome for attempt in attempts] == [Outcome.FAILED]


def test_seconds_are_those_of_the_phases_without_their_parts() -> None:
    phases = [phase("setup", "passed", seconds=1.0), phase("call", "passed", seconds=0.5, part=True)]
    (attempt,) = attempts_of([*phases, phase("call", "passed", seconds=2.0), phase("teardown", "passed", seconds=4.0)])
    assert attempt.seconds == 7.0


def test_the_call_explains_a_failure_better_than_the_teardown() -> None:
    (attempt,) = attempts_of([phase("teardown", "failed", message="late"), phase("call", "failed", message="told")])
    assert attempt.telling is not None
    assert attempt.telling.message == "told"


def left_out(*parts: Phase) -> list[str]:
    (attempt,) = attempts_of([SETUP, *parts, CALL, TEARDOWN])
    return list(parts_left_out(attempt, "t"))


def test_subtests_that_a_passed_case_left_out_are_counted() -> None:
    passed, skipped = (phase("call", outcome, part=True) for outcome in ("passed", "skipped"))
    xfailed = phase("call", "skipped", part=True, xfail=True)
    assert left_out(passed) == left_out() == []
    assert left_out(passed, skipped, skipped) == ["2 of 3 subtests of t were skipped"]
    assert left_out(xfailed) == ["the only subtest of t was expected to fail and did"]
    assert left_out(skipped, xfailed) == [
        "1 of 2 subtests of t was skipped",
        "1 of 2 subtests of t was expected to fail and did",
    ]
    assert left_out(skipped, phase("call", "failed", part=True)) == []
