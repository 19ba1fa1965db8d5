"""What a report says and, above all, what it does not say."""

from dataclasses import replace

import pytest
from edges import ALL, crashing, mixed, serving
from stories import CHARTER, EXECUTES, OAUTH, SERVICES, SUITE, UID, Story, failing, judged, seed, seed_cases

from loop.console.summary import summary
from loop.core.environment import Charter, Strategy, Traffic
from loop.core.events import RunResumed, ServicesPromoted, SuiteFinished
from loop.core.model import Case, Failing, Outcome, Rate, SuiteResult, Verdict
from loop.core.state import RunState
from loop.reports.render import render
from loop.reports.results import trimmed


def last(state: RunState) -> str:
    return render(state, len(state.iterations) - 1, {}).markdown


@pytest.mark.parametrize("name", sorted(ALL.keys() - {"hostile"}))
def test_every_ending_reads_as_it_should(golden: object, name: str) -> None:
    golden(f"{name}.md", last(ALL[name]().run))  # type: ignore[operator]


@pytest.mark.parametrize("name", sorted(ALL))
def test_equal_states_give_equal_bytes(name: str) -> None:
    state = ALL[name]().run
    again = ALL[name]().run
    number = len(state.iterations) - 1
    assert render(state, number, {}) == render(again, number, {})


def test_a_run_against_google_does_not_mention_the_emulator() -> None:
    state = seed().run
    platform = replace(state.charter.platform, endpoint="google")
    assert "emulator" in last(state)
    assert "emulator" not in last(replace(state, charter=replace(state.charter, platform=platform)))


def test_a_report_of_an_earlier_iteration_knows_nothing_of_later_ones() -> None:
    text = render(seed().run, 1, seed_cases(1)).markdown
    assert "Iteration 2" not in text
    assert "goal met" not in text


def test_what_the_fixer_did_next_is_told_by_the_run_s_last_report_alone() -> None:
    story = mixed()
    assert "27 files changed" in last(story.run)
    story.iterate(2)
    assert "27 files changed" not in render(story.run, 1, {}).markdown
    assert "27 files changed" in render(story.run, 2, {}).markdown


def test_a_resumed_run_is_no_longer_called_paused() -> None:
    story = ALL["paused"]()
    story.tell(RunResumed(host="h", pid=1))
    assert "paused" not in last(story.run)


def test_a_service_s_log_stands_in_the_report() -> None:
    assert "KeyError: 'JWT_SECRET'" in last(crashing().run)


def test_cases_with_one_cause_are_read_once() -> None:
    text = last(mixed().run)
    assert "#### 3 cases: requests.exceptions.HTTPError: 503 Server Error" in text
    assert text.count("- Message: `requests.exceptions.HTTPError") == 1


def test_many_failures_stay_readable() -> None:
    many = tuple(
        Failing(id=f"s::t{n}", outcome=Outcome.FAILED, signature=f"cause {n}", message="m") for n in range(500)
    )
    story = Story()
    story.start()
    story.iterate(0)
    story.judge(0, judged(many, None, raw=Rate(passed=0, counted=500), adjusted=Rate(passed=0, counted=500)))
    text = last(story.run)
    assert "488 further cases" in text
    assert len(text) < 60_000


def test_output_is_trimmed_in_its_middle() -> None:
    text = trimmed("\n".join(f"line {n}" for n in range(100)))
    assert text.startswith("line 0\n")
    assert "... 70 lines left out ..." in text
    assert text.endswith("line 99")
    assert trimmed("x" * 1000).endswith(" ...")
    assert trimmed("a\nb") == "a\nb"


def test_the_output_of_a_case_stands_with_it() -> None:
    rows = {SUITE: [Case(id=OAUTH, outcome=Outcome.FAILED, detail="the body of the answer")]}
    assert "the body of the answer" in render(seed().run, 3, rows).markdown


def test_a_claim_that_did_not_hold_is_called_out() -> None:
    text = render(seed().run, 1, seed_cases(1)).markdown
    claimed = text.split(f"#### `{OAUTH}`")[1].split("####")[0]
    assert "Root cause (note in `5265616420`): auth and backend each spelled the issuer themselves" in claimed
    assert "claims to fix it; it still does not pass" in claimed
    unclaimed = text.split(f"#### `{EXECUTES}`")[1].split("###")[0]
    assert "Root cause: not known" in unclaimed


def test_a_gain_from_editing_tests_is_called_one() -> None:
    assert "It comes from editing tests alone" in last(seed().run)
    assert "It comes from editing tests alone" not in render(seed().run, 2, {}).markdown


def test_a_percentage_is_rounded_down() -> None:
    story = Story()
    story.start()
    story.iterate(0)
    story.judge(0, judged(failing(0, OAUTH), None, raw=Rate(passed=1999, counted=2000), adjusted=None))
    assert "## Current status: 99% pass rate (1999/2000 cases passed)" in last(story.run)


def test_without_declarations_nothing_is_claimed() -> None:
    story = Story()
    story.start(charter=Charter(name="local", title="T", mission="", platform=seed().run.charter.platform, suites=()))
    story.iterate(0, services=())
    story.judge(0, judged((), None, capabilities=(), suites=()))
    text = last(story.run)
    for sentence in (
        "No targets are declared; nothing was measured.",
        "No known issues are declared.",
        "No services are declared.",
        "**Mission**: none is stated",
    ):
        assert sentence in text
    assert "What works" not in text


def marked(*marks: str) -> RunState:
    story = Story()
    story.start()
    story.iterate(0)
    result = SuiteResult(command="pytest", exit_status=0, seconds=1.0, expected=25, marks=marks)
    story.tell(SuiteFinished(iteration=0, suite=SUITE, attempt=1, result=result))
    story.judge(0, judged((), None))
    return story.run


def test_what_makes_results_weak_stands_in_one_place() -> None:
    text = last(marked("asserts nothing (pass): a", "exit status 0 with a failing case", "junit.xml: counts disagree"))
    weak = text.split("### Weak evidence")[1].split("###")[0]
    assert f"**{SUITE}**: 3 marks" in weak
    assert all(word in weak for word in ("asserts nothing", "exit status 0", "counts disagree"))
    assert text.count("asserts nothing") == 1, "it is not told again where it was measured"


def test_without_weak_evidence_nothing_is_said_of_it() -> None:
    assert "Weak evidence" not in last(marked())
    assert "Weak evidence" not in summary(marked(), "report.md")


def test_the_summary_counts_what_is_weak_and_says_where_it_stands() -> None:
    state = marked("one", "two")
    assert "\n2 marks: see Weak evidence in the report\n" in summary(state, "report.md")
    assert "Weak evidence" not in summary(state, None), "there is no report to look into"


def test_the_probable_layer_stands_with_its_fact() -> None:
    assert "- Probable layer: authentication or authorisation (from HTTP 403)" in last(seed().run)


def test_every_difference_that_led_to_a_deployment_stands_under_its_status() -> None:
    text = last(told(differs=("memory: 512Mi -> 1Gi", "environment variable MODE has another value")))
    assert "- **auth** differed: memory: 512Mi -> 1Gi; environment variable MODE has another value\n" in text
    many = last(told(differs=tuple(f"labels.l{n}: not set -> x" for n in range(11))))
    assert "labels.l7: not set -> x; and 3 more\n" in many
    assert "differed" not in last(told(differs=()))


def test_an_image_that_runs_by_its_tag_is_called_out() -> None:
    by_tag = last(told(image="r.example/auth:v1"))
    assert "- **auth** runs `r.example/auth:v1` by its tag, whose digest was not known" in by_tag
    assert "by its tag" not in last(told(image="r.example/auth@sha256:1"))


def told(**known: object) -> RunState:
    """The seed's last iteration with that known of the service auth."""
    state = seed().run
    it = state.iterations[-1]
    service = next(iter(it.services))
    services = it.services | {service: replace(it.services[service], **known)}  # type: ignore[arg-type]
    definitions = tuple(replace(d, image=known.get("image")) if d.name == service else d for d in it.definitions)  # type: ignore[arg-type]
    return replace(state, iterations=(*state.iterations[:-1], replace(it, services=services, definitions=definitions)))


def test_what_is_not_held_against_a_run_stands_in_the_opening_once() -> None:
    note = "No baseline: the suites differ from local-41's; what its 3 cases covered is not held against this run."
    story = Story()
    story.start()
    story.iterate(0)
    story.judge(0, judged((), None, goal_met=True, baseline_note=note))
    text = last(story.run)
    assert text.count("what its 3 cases covered") == 1
    assert text.index("**No baseline**: the suites differ") < text.index("### Achievements")
    assert note in " ".join(summary(story.run, "report.md").split())


def test_values_of_a_target_that_were_no_number_are_counted_in_its_line() -> None:
    def told(**odd: object) -> str:
        state = seed().run
        *earlier, it = state.iterations
        assert it.judgement
        targets = tuple(replace(each, **odd) for each in it.judgement.targets)  # type: ignore[arg-type]
        it = replace(it, judgement=replace(it.judgement, targets=targets))
        return last(replace(state, iterations=(*earlier, it)))

    assert "(2 values were no number)" in told(unread=2)
    assert "**not measured** (1 value was no number)" in told(n=0, value=None, unread=1)
    assert "infinite, **missed** (n = 61" in told(value=None)
    assert "no number" not in told()


def test_what_was_not_deployed_names_what_serves() -> None:
    story = Story()
    story.start(trend=())
    story.iterate(0)
    story.observe(0, "auth", found=serving("auth"))
    story.observe(0, "backend")
    text = last(story.run)
    assert "| **auth** | not deployed in this iteration; what serves is acme-auth-l4wx5y-2 |" in text
    assert "| **backend** | not deployed |" in text


def test_the_step_after_a_promotion_is_its_confirmation() -> None:
    story = Story()
    charter = replace(CHARTER, traffic=Traffic(strategy=Strategy.CANDIDATE))
    story.start(trend=(), charter=charter)
    story.iterate(0, services=SERVICES[:1])
    story.observe(0, "auth", found=serving("auth"), tag=f"l{UID}-0")
    story.deploy(0, "auth", beside=serving("auth"))
    story.test(0, ())
    story.judge(0, replace(judged((), None, rule="goal met"), verdict=Verdict.PASSED, goal_met=True))
    story.tell(ServicesPromoted(iteration=0, services=("auth",)))
    text = render(story.run, 0, {}).markdown
    assert "1. See whether the promotion is confirmed, where it serves: Iteration 1, of the same commit" in text
    assert "Nothing is left to do" not in text
    unconfirmed = replace(story.run, charter=replace(charter, traffic=replace(charter.traffic, confirm=())))
    assert "Nothing is left to do." in render(unconfirmed, 0, {}).markdown
