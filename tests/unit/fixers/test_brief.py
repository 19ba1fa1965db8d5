"""The brief's keys are a contract, its size is bounded, and its markdown twin says nothing else."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from loop.core.environment import Charter, Fix, Goal, Limits, PlatformTarget, Proof, Service
from loop.core.events import (
    BuildFailed,
    FixCommitted,
    FixRejected,
    IterationJudged,
    IterationStarted,
    RevisionFailed,
    RevisionReady,
    RevisionRequested,
    RunStarted,
    ServiceUnhealthy,
    ServiceUnverified,
)
from loop.core.evidence import LogLine, SuiteEvidence
from loop.core.fold import begin, evolve
from loop.core.model import (
    Case,
    Change,
    ChangedFile,
    ChangeKind,
    Commit,
    Comparison,
    Credit,
    Failing,
    Fixed,
    Judgement,
    Outcome,
    Probe,
    Problem,
    ProblemKind,
    Rate,
    Serving,
    Verdict,
)
from loop.core.state import RunState, SuiteState
from loop.fixers import brief, markdown
from loop.fixers.brief import trimmed
from loop.fixers.markdown import fenced

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLATFORM = PlatformTarget(project="p", region="r", repository="repo", bucket="b", endpoint="emulator")
CHARTER = Charter(
    name="local", title="Local", mission="All cases pass", platform=PLATFORM, suites=(),
    goal=Goal(pass_rate=Fraction(1)), limits=Limits(),
    fix=Fix(command="./fix.sh", protect=("tests/**",), max_files=20, timeout=60.0),
)  # fmt: skip
WEB = Service(name="web", service="acme-web", source="services/web")
API = Service(name="api", service="acme-api", source="services/api")


def failing(name: str, signature: str, **more: Any) -> Failing:
    return Failing(id=f"e2e::{name}", outcome=Outcome.FAILED, signature=signature, message=f"{signature}!", **more)


JUDGEMENT = Judgement(
    verdict=Verdict.FAILED, rule="the goal is not met", reasons=("e2e: 22/25",), raw=Rate(passed=22, counted=25),
    adjusted=Rate(passed=22, counted=24), goal="pass rate >= 100%",
    failing=(failing("a", "HTTP 500"), failing("b", "HTTP 403", since=1), failing("c", "HTTP 403"),
             failing("d", "HTTP 401", known="ada: staging wants OAuth")),
    problems=(Problem(kind=ProblemKind.RUNNER_DIED, sentence="the runner died", output="Killed"),),
)  # fmt: skip


def run_of_two() -> RunState:
    """Initial, a rejected and a graded answer, and iteration 1 with a service that was not built."""
    state = begin(RunStarted(environment="local", number=7, uid="abc234", charter=CHARTER, at=AT))
    fix = Commit(sha="f" * 40, subject="Fix the header", trailers={"Root-cause": ("a typo",)})
    change = Change(
        kinds=(ChangeKind.PRODUCT,), commits=(fix,),
        files=(ChangedFile(path="services/web/app.py", status="M", kind=ChangeKind.PRODUCT, added=2, removed=1),),
    )  # fmt: skip
    serving = Serving(service="acme-web", url="http://web", traffic=(), revision="acme-web-labc234-1")
    compared = Comparison(against="iteration 0", fixed=(Fixed(id="e2e::z", credit=Credit.PRODUCT),), broken=("e2e::a",))
    events = [
        IterationStarted(iteration=0, commit="0" * 40, subject="Start", services=(WEB, API)),
        IterationJudged(iteration=0, judgement=JUDGEMENT),
        FixRejected(iteration=0, attempt=1, guard="nothing was changed", log=("tried",)),
        FixCommitted(iteration=0, commit="f" * 40, branch="loop/local-7", commits=(fix,), notes="Looked at headers"),
        IterationStarted(iteration=1, commit="f" * 40, subject="Fix", services=(WEB, API), change=change),
        RevisionReady(iteration=1, service="web", revision=serving.revision, level=Proof.LOGGED, serving=serving,
                      probe=Probe(at=AT, status=200, seconds=0.1)),
        BuildFailed(iteration=1, service="api", reason="pip failed", log=("no such package",)),
        IterationJudged(iteration=1, judgement=replace(JUDGEMENT, comparison=compared)),
    ]  # fmt: skip
    for event in events:
        state = evolve(state, replace(event, at=AT))
    return state


CASES = {"e2e::c": Case(id="e2e::c", outcome=Outcome.FAILED, file="tests/test_c.py", detail="Traceback\n```\n403")}
TOLD = brief(run_of_two(), 1, cases=CASES, logs={"web": ["GET / 403"]})


def test_the_keys_are_those_of_the_contract_and_json_can_carry_them() -> None:
    assert json.loads(json.dumps(TOLD)) == TOLD
    assert set(TOLD) == {
        "version", "run", "uid", "iteration", "environment", "title", "mission", "commit", "branch", "goal", "verdict",
        "rule", "reasons", "rates", "failures", "failures_omitted", "known_issues", "problems", "weakened",
        "comparison", "services", "dependencies", "hooks", "change", "attempts", "limits",
    }  # fmt: skip
    assert (TOLD["run"], TOLD["branch"], TOLD["commit"]) == ("local-7", "loop/local-7", "f" * 40)
    assert TOLD["rates"] == {"raw": "22/25", "adjusted": "22/24"}
    assert TOLD["limits"] == {"protect": ["tests/**"], "max_files": 20, "seconds": 60.0, "notes": None}


def test_equal_causes_are_one_group_and_the_largest_comes_first() -> None:
    first, second = TOLD["failures"]
    assert (first["signature"], first["cases"], first["count"]) == ("HTTP 403", ["e2e::b", "e2e::c"], 2)
    assert (first["example"], first["file"], first["output"]) == ("e2e::c", "tests/test_c.py", "Traceback\n```\n403")
    assert first["failing_since"] == 0
    assert (second["signature"], second["example"], second["output"]) == ("HTTP 500", "e2e::a", "")


def test_a_group_has_what_services_wrote_while_its_example_ran() -> None:
    line = LogLine(at=AT, service="api", text="KeyError: 'jwt'", severity="ERROR", error=True, by_time=True)
    found = SuiteEvidence(services={}, cases=4, asked=0, lines={"e2e::a": (line,)})
    state = run_of_two()
    suites = {"e2e": SuiteState(name="e2e", evidence=found)}
    state = replace(state, iterations=(state.iterations[0], replace(state.iterations[1], suites=suites)))
    told = brief(state, 1, cases=CASES)
    of_403, of_500 = told["failures"]
    assert of_403["service_lines"] == []
    assert of_500["service_lines"] == [
        {"service": "api", "severity": "ERROR", "text": "KeyError: 'jwt'", "joined_by": "time"}
    ]
    said = "HTTP 500 and a line in api's log, joined by time: KeyError: 'jwt'"
    assert of_500["layer"] == {"probable": "service", "from": said}
    assert "api (ERROR, by time): KeyError: 'jwt'" in markdown(told)


def test_known_issues_are_not_to_be_fixed() -> None:
    assert TOLD["known_issues"] == [{"case": "e2e::d", "known": "ada: staging wants OAuth"}]


def test_services_say_where_they_stand_with_their_log() -> None:
    web, api = TOLD["services"]
    assert (web["state"], web["revision"], web["log"]) == ("serving", "acme-web-labc234-1", ["GET / 403"])
    assert (api["state"], api["reason"], api["log"]) == ("build failed", "pip failed", ["no such package"])


@pytest.mark.parametrize(
    ("event", "state", "reason"),
    [
        (RevisionFailed(iteration=1, service="web", revision="r", reason="crashed"), "revision failed", "crashed"),
        (ServiceUnhealthy(iteration=1, service="web", revision="r", reason="HTTP 500"), "unhealthy", "HTTP 500"),
        (ServiceUnverified(iteration=1, service="api", revision="r", reason="no proof"), "build failed", "pip failed"),
        (ServiceUnverified(iteration=2, service="web", revision="r", reason="no proof"), "unverified", "no proof"),
        (RevisionRequested(iteration=2, service="web", revision="r", operation="o"), "unknown", ""),
    ],
)
def test_a_service_that_does_not_serve_says_why(event: Any, state: str, reason: str) -> None:
    started = IterationStarted(iteration=2, commit="2" * 40, subject="", services=(WEB, API), at=AT)
    told = brief(evolve(evolve(run_of_two(), started), event), event.iteration)
    service = next(s for s in told["services"] if s["name"] == event.service)
    assert (service["state"], service["reason"]) == (state, reason)


def test_earlier_attempts_say_what_came_of_them() -> None:
    rejected, graded = TOLD["attempts"]
    assert rejected == {"iteration": 0, "outcome": "rejected", "reason": "nothing was changed", "log": ["tried"]}
    assert (graded["outcome"], graded["rate"], graded["notes"]) == ("graded", "22/24", "Looked at headers")
    assert graded["comparison"]["fixed"] == ["e2e::z"]
    assert graded["comparison"]["broken"] == ["e2e::a"]


def test_a_brief_of_initial_knows_nothing_of_what_came_later() -> None:
    told = brief(run_of_two(), 0)
    assert (told["change"], told["comparison"]) == (None, None)
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["rejected"]


def test_an_iteration_that_was_never_judged_has_a_brief() -> None:
    state = run_of_two()
    told = brief(evolve(state, IterationStarted(iteration=2, commit="2" * 40, subject="", services=(), at=AT)), 2)
    assert (told["verdict"], told["failures"], told["rates"]) == (None, [], {})
    assert "no rate passed" in markdown(told)


def test_its_size_is_bounded_whatever_fails() -> None:
    many = tuple(failing(f"{i}", f"cause {i % 500}") for i in range(5000))
    state = run_of_two()
    state = evolve(state, IterationJudged(iteration=1, judgement=replace(JUDGEMENT, failing=many), at=AT))
    cases = {f.id: Case(id=f.id, outcome=f.outcome, detail="x" * 10_000) for f in many}
    told = brief(state, 1, cases=cases, logs={"web": [f"line {i}" for i in range(10_000)]})
    assert (len(told["failures"]), told["failures_omitted"]) == (30, 470)
    assert len(told["services"][0]["log"]) == 100
    assert len(json.dumps(told)) < 300_000


def test_trimming_keeps_head_and_tail_by_lines() -> None:
    text = "\n".join(f"line {i}" for i in range(1000))
    short = trimmed(text, 100)
    assert short.startswith("line 0\nline 1\n")
    assert short.endswith("line 998\nline 999")
    left_out = int(short.partition("[... ")[2].split()[0])
    assert len(short) == len(text) - left_out + len(f"\n[... {left_out} characters left out ...]\n")
    assert trimmed("short") == "short"
    assert len(trimmed("x" * 10_000, 100)) < 200


def test_the_markdown_twin_says_the_same() -> None:
    text = markdown(TOLD)
    for said in ("local-7, iteration 1", "pass rate >= 100%", "### 2 x HTTP 403", "`e2e::b`", "pip failed", "GET / 403",
                 "no such package", "Fix the header (Root-cause: a typo)", "M `services/web/app.py` (+2 -1, product)",
                 "rejected, nothing was changed", "`tests/**`", "At most 20 files", "the runner died",
                 "ada: staging wants OAuth"):  # fmt: skip
        assert said in text


def test_a_fence_is_longer_than_any_in_its_text() -> None:
    assert fenced("a\n````\nb")[1] == "`````"
    assert fenced("plain")[1] == "```"


def test_no_text_in_it_steers_a_terminal() -> None:
    cases = {"e2e::c": replace(CASES["e2e::c"], detail="\x1b[31mred\x07 \u202eturned")}
    told = brief(run_of_two(), 1, cases=cases, logs={"web": ["GET \x1b]0;x\x07/ \u202e403\x07"]})
    assert told["services"][0]["log"] == ["GET / 403"]
    assert told["failures"][0]["output"] == "red turned"
