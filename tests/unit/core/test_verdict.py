"""What may be said of an iteration: rates, validity, gates, goal, known issues, weakened cases."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.core.compare import Earlier, standings
from loop.core.environment import (
    Capability,
    Charter,
    Gate,
    Goal,
    KnownIssue,
    KnownIssues,
    PlatformTarget,
    RateKind,
    Suite,
)
from loop.core.goal import known_failing, rule_text
from loop.core.model import (
    Case,
    CaseAttempt,
    Judgement,
    Outcome,
    Problem,
    ProblemKind,
    Rate,
    SuiteResult,
    Verdict,
)
from loop.core.verdict import MESSAGE, History, Trial, deploy_failed, judge

TODAY = date(2026, 11, 22)
PLATFORM = PlatformTarget(project="p", region="r", repository="h/p/r", bucket="b")
P1 = Suite(name="p1", pytest=("tests",))
OTHER = Suite(name="p2", command="npx test", junit="*.xml")
PASS, FAIL, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR


def charter(*suites: Suite, goal: str = "96/100", **more: object) -> Charter:
    base = Charter(name="staging", title="", mission="", platform=PLATFORM, suites=suites or (P1,))
    return replace(base, goal=Goal(pass_rate=Fraction(goal)), **more)  # type: ignore[arg-type]


def case(name: str, outcome: Outcome = PASS, why: str = "", suite: str = "p1", **more: object) -> Case:
    return replace(Case(id=f"{suite}::{name}", outcome=outcome, message=why, signature=why), **more)  # type: ignore[arg-type]


def cases(passed: int, failed: int = 0, suite: str = "p1") -> list[Case]:
    good = [case(f"good{i}", suite=suite) for i in range(passed)]
    return good + [case(f"bad{i}", FAIL, "HTTP 403", suite=suite) for i in range(failed)]


def result(expected: int | None = None, problems: Iterable[Problem] = (), digest: str = "") -> SuiteResult:
    return SuiteResult(
        command="x",
        exit_status=0,
        seconds=1.5,
        expected=expected,
        problems=tuple(problems),
        cases_digest=digest,
        sources_digest=digest,
    )


def trial(rows: Mapping[str, list[Case]] | list[Case], iteration: int = 1, **more: object) -> Trial:
    by_suite = {"p1": rows} if isinstance(rows, list) else rows
    results = {suite: result() for suite in by_suite}
    return replace(Trial(iteration=iteration, results=results, cases=by_suite), **more)  # type: ignore[arg-type]


def judged(rows: Mapping[str, list[Case]] | list[Case], rules: Charter | None = None, **more: object) -> Judgement:
    history = more.pop("history", History())
    assert isinstance(history, History)
    return judge(rules or charter(), trial(rows, **more), history, today=TODAY)


def earlier(rows: list[Case], judgement: Judgement | None = None, label: str = "iteration 0") -> Earlier:
    return Earlier(label=label, judgement=judgement or judged(rows, iteration=0), cases=standings(rows))


def issue(pattern: str = "p1::bad*", signature: str = "403", until: str = "2026-11-22") -> KnownIssue:
    return KnownIssue(pattern=pattern, signature=signature, owner="ann", reason="real token needed", until=until)


class TestRates:
    def test_the_goal_is_met_at_exactly_its_rate(self) -> None:
        found = judged(cases(24, 1))
        assert (found.verdict, found.goal_met) == (Verdict.PASSED, True)
        assert found.rule == "goal met: 24/25 (96%) meets pass rate >= 96%"
        assert found.reasons == (found.rule,)

    def test_the_goal_is_not_met_one_case_below(self) -> None:
        found = judged(cases(23, 2))
        assert (found.verdict, found.goal_met) == (Verdict.FAILED, False)
        assert found.rule == "goal not met: 23/25 (92%) is below pass rate >= 96%"

    def test_a_hundred_percent_means_all(self) -> None:
        found = judged(cases(1999, 1), charter(goal="1"))
        assert found.rule == "goal not met: 1999/2000 (99%) is below pass rate >= 100%"

    def test_error_unfinished_and_failed_count_and_do_not_pass(self) -> None:
        found = judged([*cases(1), case("e", ERROR), case("u", Outcome.UNFINISHED), case("f", FAIL)])
        assert found.raw == found.adjusted == Rate(passed=1, counted=4)
        assert [f.id for f in found.failing] == ["p1::e", "p1::u", "p1::f"]
        assert found.counts == {PASS: 1, FAIL: 1, ERROR: 1, Outcome.UNFINISHED: 1}

    def test_skipped_and_xfailed_leave_the_count(self) -> None:
        found = judged([*cases(2), case("s", Outcome.SKIPPED), case("x", Outcome.XFAILED)])
        assert found.adjusted == Rate(passed=2, counted=2)
        assert found.counts == {PASS: 2, Outcome.SKIPPED: 1, Outcome.XFAILED: 1}

    def test_xpassed_is_passed_and_called_out(self) -> None:
        found = judged([*cases(1), case("x", Outcome.XPASSED)])
        assert found.adjusted == Rate(passed=2, counted=2)
        assert found.xpassed == ("p1::x",)

    def test_a_flaky_case_passes_adjusted_and_not_raw(self) -> None:
        retried = case("r", attempts=(CaseAttempt(outcome=FAIL), CaseAttempt(outcome=PASS)))
        again = case("a", attempts=(CaseAttempt(outcome=PASS), CaseAttempt(outcome=FAIL)))
        steady = case("s", attempts=(CaseAttempt(outcome=PASS),))
        found = judged([retried, again, steady])
        assert (found.raw, found.adjusted) == (Rate(passed=2, counted=3), Rate(passed=3, counted=3))
        assert found.flaky == ("p1::r", "p1::a")

    def test_the_last_attempt_decides(self) -> None:
        found = judged([*cases(1), case("l", FAIL, attempts=(CaseAttempt(outcome=PASS),))])
        assert found.raw == found.adjusted == Rate(passed=1, counted=2)
        assert found.flaky == ()

    def test_a_goal_on_the_raw_rate_ignores_retries_and_known_issues(self) -> None:
        rules = replace(charter(known_issues=(issue(),)), goal=Goal(pass_rate=Fraction(1), of=RateKind.RAW))
        assert judged(cases(1, 1), rules).rule == "goal not met: 1/2 (50%) is below raw pass rate >= 100%"

    def test_a_goal_with_decimals_is_said_with_them(self) -> None:
        assert rule_text(Fraction(995, 1000), RateKind.ADJUSTED) == "pass rate >= 99.5%"
        assert rule_text(Fraction(2, 3), RateKind.RAW) == "raw pass rate >= 66.6667%"

    @given(st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=30))
    def test_every_case_is_in_exactly_one_count(self, outcomes: list[Outcome]) -> None:
        found = judged([case(str(i), outcome) for i, outcome in enumerate(outcomes)])
        uncounted = sum(o in (Outcome.SKIPPED, Outcome.XFAILED) for o in outcomes)
        passed = sum(o in (PASS, Outcome.XPASSED) for o in outcomes)
        assert sum(found.counts.values()) == len(outcomes)
        assert len(found.failing) == len(outcomes) - uncounted - passed
        counted = len(outcomes) - uncounted
        assert found.raw == found.adjusted == (Rate(passed=passed, counted=counted) if counted else None)
        assert found.goal_met is (found.verdict is Verdict.PASSED)


class TestValidity:
    def test_a_suite_that_collected_nothing_is_invalid(self) -> None:
        found = judged([])
        assert (found.verdict, found.goal_met, found.progress) == (Verdict.INVALID, False, False)
        assert found.rule == "invalid: suite p1 collected nothing"
        assert [p.kind for p in found.problems] == [ProblemKind.COLLECTED_NOTHING]
        assert found.raw is None

    def test_collected_nothing_is_found_for_a_runner_that_counts(self) -> None:
        found = judged([], results={"p1": result(expected=0)})
        assert found.rule == "invalid: suite p1 collected nothing"

    def test_fewer_results_than_collected_are_invalid_and_counted_as_not_run(self) -> None:
        found = judged(cases(20), results={"p1": result(expected=25)})
        assert found.rule == "invalid: suite p1 ran 20 of the 25 cases that its runner collected"
        assert found.counts == {PASS: 20, Outcome.NOT_RUN: 5}
        assert found.adjusted == Rate(passed=20, counted=25)

    def test_a_suite_of_which_nothing_ran_is_said_to_be_short_and_its_gate_is_not_met(self) -> None:
        gated = charter(replace(P1, gate=Gate(pass_rate=Fraction(1))))
        found = judged([], gated, results={"p1": result(expected=25)})
        assert found.rule == "invalid: suite p1 ran 0 of the 25 cases that its runner collected"
        assert [s.gate_met for s in found.suites] == [False]
        assert [s.gate_met for s in judged([], gated).suites] == [False]

    def test_cases_that_never_began_are_invalid_also_when_they_have_rows(self) -> None:
        found = judged([*cases(1), case("n", Outcome.NOT_RUN)], results={"p1": result(expected=2)})
        assert found.rule == "invalid: suite p1 ran 1 of the 2 cases that its runner collected"
        assert found.counts == {PASS: 1, Outcome.NOT_RUN: 1}

    def test_a_runner_that_can_not_count_is_held_against_the_baseline(self) -> None:
        before = earlier(cases(3))
        found = judged(cases(2), history=History(baseline=before))
        assert found.rule == "invalid: suite p1 ran 2 of the 3 cases of the baseline"
        assert found.adjusted == Rate(passed=2, counted=3)
        assert found.weakened == ()

    def test_without_a_baseline_the_previous_iteration_takes_its_place(self) -> None:
        found = judged(cases(2), history=History(previous=earlier(cases(3))))
        assert found.rule == "invalid: suite p1 ran 2 of the 3 cases of the baseline"

    def test_a_case_whose_end_was_accepted_is_expected_no_more(self) -> None:
        history = History(baseline=earlier(cases(3)), accepted=frozenset({"p1::good2"}))
        assert judged(cases(2), history=history).verdict is Verdict.PASSED

    def test_for_a_suite_that_the_baseline_lacks_the_previous_iteration_takes_its_place(self) -> None:
        history = History(baseline=earlier(cases(2)), previous=earlier([*cases(1), *cases(3, suite="p2")]))
        found = judged({"p1": cases(2), "p2": cases(2, suite="p2")}, charter(P1, OTHER), history=history)
        assert found.rule == "invalid: suite p2 ran 2 of the 3 cases of the baseline"

    def test_of_a_baseline_with_other_suites_only_the_shared_ones_count(self) -> None:
        before = earlier([*cases(2), *cases(3, suite="p2")])
        shared = replace(before, judgement=replace(before.judgement, weakened=("p1::w", "p2::w"))).only({"p1"})
        assert shared.counted() == {"p1::good0", "p1::good1", "p1::w"}

    def test_without_any_baseline_the_minimum_counts(self) -> None:
        rules = charter(replace(P1, minimum=3))
        assert judged(cases(2), rules).rule == "invalid: suite p1 ran 2 of the 3 cases of its minimum"
        assert judged(cases(3), rules).verdict is Verdict.PASSED

    def test_the_minimum_holds_also_where_the_runner_counts(self) -> None:
        found = judged(cases(1), charter(replace(P1, minimum=3)), results={"p1": result(expected=1)})
        assert found.rule == "invalid: suite p1 ran 1 case, fewer than its minimum of 3"
        assert found.problems[0].kind is ProblemKind.FEWER_THAN_EXPECTED

    def test_a_suite_of_skips_alone_is_invalid(self) -> None:
        found = judged([case("a", Outcome.SKIPPED), case("b", Outcome.XFAILED)])
        assert found.rule == "invalid: suite p1 has nothing that counts: 1 skipped, 1 xfailed"
        assert found.problems[0].kind is ProblemKind.NOTHING_COUNTED

    def test_a_runner_s_own_problem_is_the_reason_and_its_counts_are_not_named_again(self) -> None:
        died = Problem(kind=ProblemKind.RUNNER_DIED, sentence="suite p1: the runner was killed")
        found = judged(cases(24), results={"p1": result(expected=25, problems=[died])})
        assert found.problems == (died,)
        assert found.rule == "invalid: suite p1: the runner was killed"
        assert found.adjusted == Rate(passed=24, counted=25)

    def test_a_problem_from_elsewhere_beats_results_that_are_all_green(self) -> None:
        moved = Problem(kind=ProblemKind.CONTAMINATED, sentence="while p1 ran: backend moved")
        down = Problem(kind=ProblemKind.DEPENDENCY, sentence="redis was not reachable")
        found = judged(cases(25), problems=(moved, down))
        assert found.verdict is Verdict.INVALID
        assert found.rule == "invalid: while p1 ran: backend moved (and 1 more)"
        assert found.reasons == ("while p1 ran: backend moved", "redis was not reachable")

    def test_suites_that_never_began_are_explained_by_the_problem_before_them(self) -> None:
        down = Problem(kind=ProblemKind.DEPENDENCY, sentence="redis was not reachable")
        found = judged({}, problems=(down,))
        assert found.problems == (down,)
        assert (found.raw, found.adjusted) == (None, None)
        assert [(s.suite, s.seconds) for s in found.suites] == [("p1", 0.0)]

    def test_a_suite_without_a_result_and_without_a_reason_is_itself_the_reason(self) -> None:
        found = judged({"p1": cases(1)}, charter(P1, OTHER))
        assert found.rule == "invalid: suite p2 did not run"
        assert (found.raw, found.adjusted) == (None, None)

    @pytest.mark.parametrize("suites", [(P1, OTHER), (OTHER, P1)])
    def test_what_made_one_suite_invalid_explains_the_other_wherever_it_is_listed(
        self, suites: tuple[Suite, ...]
    ) -> None:
        died = Problem(kind=ProblemKind.RUNNER_DIED, sentence="p1 died")
        found = judged({"p1": []}, charter(*suites), results={"p1": result(problems=[died])})
        assert found.problems == (died,)

    def test_an_iteration_without_a_suite_is_invalid(self) -> None:
        assert judged({}, selected=("none",)).rule == "invalid: no suite was selected"

    def test_an_invalid_iteration_is_not_compared(self) -> None:
        before = earlier(cases(0, 1))
        found = judged([case("bad0")], history=History(previous=before, baseline=before), problems=(
            Problem(kind=ProblemKind.CONTAMINATED, sentence="moved"),
        ))  # fmt: skip
        assert (found.comparison, found.baseline, found.progress) == (None, None, False)


class TestGates:
    def test_a_gate_that_is_not_met_fails_an_iteration_whose_goal_is(self) -> None:
        gated = replace(P1, gate=Gate(pass_rate=Fraction(1)))
        found = judged({"p1": cases(24, 1), "p2": cases(75, suite="p2")}, charter(gated, OTHER))
        assert (found.verdict, found.goal_met) == (Verdict.FAILED, False)
        assert found.rule == "gate not met: suite p1: 24/25 (96%) is below pass rate >= 100%"
        assert [(s.gate, s.gate_met) for s in found.suites] == [("pass rate >= 100%", False), ("", True)]

    def test_goal_and_gate_are_both_named(self) -> None:
        found = judged(cases(1, 1), charter(replace(P1, gate=Gate(pass_rate=Fraction(1)))))
        assert found.reasons == (
            "goal not met: 1/2 (50%) is below pass rate >= 96%",
            "gate not met: suite p1: 1/2 (50%) is below pass rate >= 100%",
        )
        assert found.rule == found.reasons[0]

    def test_a_gate_may_ask_for_the_raw_rate(self) -> None:
        rules = charter(replace(P1, gate=Gate(pass_rate=Fraction(1), of=RateKind.RAW)))
        found = judged([case("r", attempts=(CaseAttempt(outcome=FAIL),))], rules)
        assert found.rule == "gate not met: suite p1: 0/1 (0%) is below raw pass rate >= 100%"

    def test_a_suite_of_known_issues_alone_does_not_hold_its_gate_shut(self) -> None:
        gated = replace(P1, gate=Gate(pass_rate=Fraction(1)))
        found = judged({"p1": cases(0, 1), "p2": cases(9, suite="p2")}, charter(gated, OTHER, known_issues=(issue(),)))
        assert found.verdict is Verdict.PASSED
        assert found.suites[0].adjusted is None


class TestKnownIssues:
    def test_a_covered_case_leaves_the_adjusted_rate_alone(self) -> None:
        found = judged(cases(24, 1), charter(goal="1", known_issues=(issue(),)))
        assert (found.raw, found.adjusted) == (Rate(passed=24, counted=25), Rate(passed=24, counted=24))
        assert found.rule == "goal met but for 1 known issue: 24/24 (100%) meets pass rate >= 100%"
        assert [f.known for f in found.failing] == ["ann: real token needed"]
        assert (known_failing(found), found.notes) == (1, ())

    def test_an_error_is_covered_and_nothing_that_did_not_end(self) -> None:
        rows = [*cases(1), case("bad1", ERROR, "HTTP 403"), case("bad2", Outcome.UNFINISHED, "HTTP 403")]
        assert judged(rows, charter(known_issues=(issue(),))).adjusted == Rate(passed=1, counted=2)

    def test_another_signature_counts_plainly_and_is_called_out(self) -> None:
        found = judged([*cases(24), case("bad0", FAIL, "HTTP 500")], charter(goal="1", known_issues=(issue(),)))
        assert found.adjusted == Rate(passed=24, counted=25)
        assert found.notes == ("known issue p1::bad* (ann) does not cover p1::bad0: HTTP 500",)

    def test_a_case_that_did_not_end_is_called_out_by_its_outcome(self) -> None:
        rows = [*cases(24), *(case(f"bad{i}", Outcome.UNFINISHED) for i in range(5))]
        found = judged(rows, charter(known_issues=(issue(),)))
        assert len(found.notes) == 1
        assert found.notes[0] == (
            "known issue p1::bad* (ann) does not cover p1::bad0: unfinished; p1::bad1: unfinished; "
            "p1::bad2: unfinished and 2 cases more"
        )

    def test_the_last_day_still_covers_and_the_next_does_not(self) -> None:
        assert known_failing(judged(cases(1, 1), charter(known_issues=(issue(until="2026-11-22"),)))) == 1
        expired = judged(cases(1, 1), charter(known_issues=(issue(until="2026-11-21"),)))
        assert known_failing(expired) == 0
        assert expired.notes == ("known issue p1::bad* (ann) expired on 2026-11-21: 1 case counted plainly",)

    def test_of_an_expired_issue_only_what_it_would_cover_is_counted(self) -> None:
        rows = [*cases(1, 1), case("bad1", FAIL, "HTTP 500")]
        assert judged(rows, charter(known_issues=(issue(until="2026-11-21"),))).notes == (
            "known issue p1::bad* (ann) expired on 2026-11-21: 1 case counted plainly",
            "known issue p1::bad* (ann) does not cover p1::bad1: HTTP 500",
        )

    def test_a_pass_is_called_out_also_after_the_last_day(self) -> None:
        found = judged([case("bad0"), case("bad1")], charter(known_issues=(issue(until="2026-11-21"),)))
        assert found.notes == (
            "known issue p1::bad* (ann) expired on 2026-11-21",
            "known issue p1::bad* (ann) passed: 2 cases",
        )

    def test_an_issue_without_a_case_is_called_out_in_a_complete_run_only(self) -> None:
        rules = charter(known_issues=(issue(pattern="gone*"),))
        assert judged(cases(1), rules).notes == ("known issue gone* (ann) matches no case that counted",)
        assert judged(cases(1), rules, selected=("p1",)).notes == ()

    def test_an_issue_without_a_signature_covers_nothing(self) -> None:
        assert known_failing(judged(cases(1, 1), charter(known_issues=(issue(signature=""),)))) == 0

    def test_another_issue_may_cover_what_the_first_does_not(self) -> None:
        rules = charter(known_issues=(issue(signature="500"), issue(pattern="*bad0")))
        assert known_failing(judged(cases(1, 1), rules)) == 1

    def test_a_goal_may_forbid_them(self) -> None:
        rules = replace(charter(known_issues=(issue(),)), goal=Goal(known_issues=KnownIssues.FORBID))
        assert judged(cases(24, 1), rules).rule == "goal not met: 24/25 (96%) is below pass rate >= 100%"

    def test_known_issues_alone_meet_no_goal(self) -> None:
        found = judged(cases(0, 2), charter(known_issues=(issue(),)))
        assert found.rule == "goal not met: every case that counts is a known issue"
        assert (found.raw, found.adjusted) == (Rate(passed=0, counted=2), None)


class TestWeakened:
    @pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.XFAILED])
    def test_a_case_that_ran_and_is_skipped_now_counts_as_not_passed(self, outcome: Outcome) -> None:
        history = History(baseline=earlier(cases(25)))
        found = judged([*cases(24), case("good24", outcome)], history=history)
        assert found.adjusted == found.raw == Rate(passed=24, counted=25)
        assert found.weakened == ("p1::good24",)
        assert found.verdict is Verdict.FAILED
        assert found.rule == ("goal not met: 24/25 (96%) meets pass rate >= 96%, but 1 case weakened (p1::good24)")

    def test_a_case_that_was_deleted_counts_as_not_passed(self) -> None:
        history = History(baseline=earlier(cases(5)))
        found = judged(cases(1), results={"p1": result(expected=1)}, history=history)
        assert found.adjusted == Rate(passed=1, counted=5)
        assert found.rule == (
            "goal not met: 1/5 (20%) is below pass rate >= 96%, "
            "with 4 cases weakened (p1::good1, p1::good2, p1::good3 and 1 more)"
        )

    def test_three_cases_are_all_named(self) -> None:
        found = judged(cases(1), results={"p1": result(expected=1)}, history=History(baseline=earlier(cases(4))))
        assert found.rule.endswith("with 3 cases weakened (p1::good1, p1::good2, p1::good3)")
        rows = [*cases(24), *(case(f"bad{i}", FAIL, "HTTP 500") for i in range(3))]
        notes = judged(rows, charter(known_issues=(issue(),))).notes
        assert [note.endswith("p1::bad2: HTTP 500") for note in notes] == [True]

    def test_a_case_stays_weakened_when_its_weak_iteration_has_become_the_baseline(self) -> None:
        rows = [*cases(24), case("good24", Outcome.SKIPPED)]
        weak = judged(rows, history=History(baseline=earlier(cases(25))))
        assert judged(rows, history=History(baseline=earlier(rows, weak))).weakened == ("p1::good24",)
        gone = judged(cases(24), history=History(baseline=earlier(rows, weak)), results={"p1": result(expected=24)})
        assert gone.weakened == ("p1::good24",)

    def test_what_was_new_in_the_last_iteration_may_not_be_weakened_either(self) -> None:
        history = History(baseline=earlier(cases(2), label="staging-1 iteration 0"), previous=earlier(cases(3)))
        assert judged([*cases(2), case("good2", Outcome.SKIPPED)], history=history).weakened == ("p1::good2",)

    def test_an_accepted_case_is_weakened_no_more(self) -> None:
        history = History(baseline=earlier(cases(25)), accepted=frozenset({"p1::good24"}))
        found = judged([*cases(24), case("good24", Outcome.SKIPPED)], history=history)
        assert (found.weakened, found.verdict, found.adjusted) == ((), Verdict.PASSED, Rate(passed=24, counted=24))

    def test_a_case_that_never_ran_may_stay_skipped(self) -> None:
        rows = [*cases(1), case("s", Outcome.SKIPPED)]
        assert judged(rows, history=History(baseline=earlier(rows))).weakened == ()

    def test_cases_of_suites_that_were_not_selected_are_not_weakened(self) -> None:
        both = [*cases(2), *cases(2, suite="p2")]
        before = earlier(both, judged({"p1": both[:2], "p2": both[2:]}, charter(P1, OTHER)))
        found = judged(cases(2), charter(P1, OTHER), selected=("p1",), history=History(baseline=before))
        assert (found.weakened, found.adjusted) == ((), Rate(passed=2, counted=2))


class TestPartial:
    def test_a_run_of_selected_suites_never_meets_the_goal(self) -> None:
        found = judged(cases(2), charter(P1, OTHER), selected=("p1",))
        assert found.verdict is Verdict.FAILED
        assert found.rule == (
            "goal not met: 2/2 (100%) meets pass rate >= 96%, but a run of selected suites can not meet it"
        )


class TestProgress:
    def test_the_first_iteration_can_not_lack_progress(self) -> None:
        found = judged(cases(0, 1))
        assert (found.progress, found.comparison, found.baseline) == (True, None, None)

    def test_a_fixed_case_is_progress(self) -> None:
        found = judged([case("bad0"), case("bad1", FAIL, "x")], history=History(previous=earlier(cases(0, 2))))
        assert found.progress is True
        assert found.comparison is not None
        assert [f.id for f in found.comparison.fixed] == ["p1::bad0"]

    def test_another_signature_is_progress(self) -> None:
        found = judged([case("bad0", FAIL, "HTTP 500")], history=History(previous=earlier(cases(0, 1))))
        assert found.progress is True

    def test_the_same_failure_is_none(self) -> None:
        assert judged(cases(5, 1), history=History(previous=earlier(cases(0, 1)))).progress is False

    def test_a_broken_case_alone_is_none(self) -> None:
        assert judged([case("good0", FAIL, "x")], history=History(previous=earlier(cases(1)))).progress is False

    def test_a_streak_keeps_the_iteration_in_which_it_began(self) -> None:
        first = judged(cases(1, 1), iteration=2)
        second = judged([*cases(0, 1), case("good0", FAIL, "x")], iteration=3, history=History(
            previous=earlier(cases(1, 1), first)
        ))  # fmt: skip
        assert [(f.id, f.since) for f in second.failing] == [("p1::bad0", 2), ("p1::good0", 3)]

    def test_one_earlier_iteration_as_both_is_compared_once(self) -> None:
        before = earlier(cases(1))
        found = judged(cases(1), history=History(previous=before, baseline=before))
        assert found.baseline is found.comparison
        baseline = earlier(cases(1), label="staging-7 initial")
        other = judged(cases(1), history=History(previous=before, baseline=baseline))
        assert other.baseline is not None
        assert other.baseline.against == "staging-7 initial"


class TestRecord:
    def test_capabilities_count_what_their_patterns_name(self) -> None:
        rules = charter(capabilities=(
            Capability(name="good", patterns=("*good*", "*good0")), Capability(name="all", patterns=("*",)),
            Capability(name="none", patterns=("zz*",)),
        ))  # fmt: skip
        history = History(baseline=earlier(cases(3)))
        found = judged([*cases(2, 1), case("good2", Outcome.SKIPPED)], rules, history=history)
        assert [(c.name, c.passed, c.counted, c.failing) for c in found.capabilities] == [
            ("good", 2, 3, ("p1::good2",)),
            ("all", 2, 4, ("p1::bad0", "p1::good2")),
            ("none", 0, 0, ()),
        ]

    def test_digests_cover_every_suite_or_are_empty(self) -> None:
        rows = {"p1": cases(1), "p2": cases(1, suite="p2")}
        both = charter(P1, OTHER)

        def digest(one: str, other: str) -> str:
            found = judged(rows, both, results={"p1": result(digest=one), "p2": result(digest=other)})
            assert found.cases_digest == found.sources_digest
            return found.sources_digest

        assert digest("a", "b") == digest("a", "b") != digest("a", "c")
        assert digest("a", "b") != digest("b", "a")
        assert digest("a", "") == ""

    def test_a_case_whose_reader_left_its_signature_out_gets_one(self) -> None:
        found = judged([*cases(1), Case(id="p1::n", outcome=FAIL, message="took 3.5s\n" + "x" * 2000)])
        assert found.failing[0].signature.startswith("took <duration>")
        assert len(found.failing[0].message) == MESSAGE

    def test_suites_keep_their_own_numbers(self) -> None:
        found = judged({"p1": cases(1, 1), "p2": cases(3, suite="p2")}, charter(P1, OTHER))
        assert [(s.suite, str(s.raw), str(s.adjusted), s.seconds) for s in found.suites] == [
            ("p1", "1/2", "1/2", 1.5),
            ("p2", "3/3", "3/3", 1.5),
        ]
        assert found.adjusted == Rate(passed=4, counted=5)


class TestDeployFailed:
    def test_a_product_that_does_not_start_is_failed_without_a_rate(self) -> None:
        found = deploy_failed(charter(), ["backend: exited with 1", "auth: build failed"])
        assert found.verdict is Verdict.FAILED
        assert found.rule == "deploy failed: backend: exited with 1 (and 1 more)"
        assert (found.deployed, found.raw, found.goal_met, found.progress) == (False, None, False, True)
        assert found.goal == "pass rate >= 96%"

    def test_it_is_no_progress_after_another_iteration(self) -> None:
        first = deploy_failed(charter(), ["backend: exited with 1"])
        found = deploy_failed(charter(), ["backend: exited with 1"], previous=first)
        assert (found.rule, found.progress) == ("deploy failed: backend: exited with 1", False)
