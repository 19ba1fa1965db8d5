"""The pure rules of who takes traffic; what a run does about it stands in tests/cases/traffic.json."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.core.environment import Charter, PlatformTarget, Service, Strategy, Traffic
from loop.core.events import ServicesPromoted
from loop.core.model import Serving, Split
from loop.core.state import IterationState, RunState, ServiceState
from loop.core.traffic import Pair, calls, candidates, in_order, pairs, shares, why_back

NAMES = ("auth", "backend", "frontend", "worker")


def service(name: str, *after: str, env: str = "") -> Service:
    return Service(name=name, service=name, after=after, env={"X": env} if env else {})


def iteration(services: list[Service], tagged: set[str]) -> IterationState:
    found = Serving(service="s", url="u", traffic=(Split(revision="old", percent=100),), revision="old")
    states = {s.name: ServiceState(name=s.name, tag="l-0" if s.name in tagged else "", found=found) for s in services}
    return IterationState(
        number=0, started=datetime(2026, 1, 1, tzinfo=UTC), commit="c", subject="s", definitions=tuple(services),
        services=states,
    )  # fmt: skip


@given(st.permutations(NAMES), st.data())
def test_what_others_come_after_comes_first(names: list[str], data: st.DataObject) -> None:
    services = [
        service(name, *data.draw(st.lists(st.sampled_from(names[:n]), unique=True) if n else st.just([])))
        for n, name in enumerate(names)
    ]
    shuffled = data.draw(st.permutations(services))
    ordered = [s.name for s in in_order(shuffled)]
    assert sorted(ordered) == sorted(NAMES)
    assert all(ordered.index(before) < ordered.index(s.name) for s in services for before in s.after)


def test_only_what_is_tested_behind_a_tag_is_a_candidate() -> None:
    it = iteration([service("b", "a"), service("a"), service("c")], {"a", "b"})
    assert [s.name for s in candidates(it)] == ["a", "b"]


@pytest.mark.parametrize(
    ("env", "called"),
    [
        ("${services.auth.url}", {"auth"}),
        ("${services.auth.url}/x,${services.worker.url}", {"auth", "worker"}),
        ("${services.backend.url}", set()),
        ("http://auth", set()),
    ],
)
def test_a_service_calls_those_whose_address_its_environment_names(env: str, called: set[str]) -> None:
    assert calls(service("backend", env=env)) == called


def test_a_pair_is_a_caller_and_a_candidate_that_it_was_not_tested_with() -> None:
    services = [service("auth"), service("backend", env="${services.auth.url}")]
    assert pairs(iteration(services, {"auth", "backend"})) == (Pair(caller="backend", called="auth"),)
    assert pairs(iteration(services, {"auth"})) == (Pair(caller="backend", called="auth"),)
    assert pairs(iteration(services, {"backend"})) == ()


def test_shares_add_up_by_revision_and_leave_tags_aside() -> None:
    splits = [
        Split(revision="a", percent=40),
        Split(revision="a", percent=10, tag="t"),
        Split(revision="b", percent=50),
        Split(revision="c", percent=0, tag="u"),
    ]
    assert shares(splits) == {"a": 50, "b": 50}


def test_a_promotion_that_the_time_limit_cut_short_is_not_blamed_on_the_goal() -> None:
    it = iteration([service("a")], {"a"})
    promoted = replace(it, promotion=ServicesPromoted(iteration=0, services=("a",)))
    target = PlatformTarget(project="p", region="r", repository="h/p/r", bucket="b")
    charter = Charter(
        name="e", title="", mission="", platform=target, suites=(), traffic=Traffic(strategy=Strategy.CANDIDATE)
    )
    state = RunState(
        environment="e", number=1, uid="abcdef", charter=charter, started=it.started, last=it.started,
        iterations=(promoted,), deadline_passed=True,
    )  # fmt: skip
    assert why_back(state) == "the promotion was not confirmed in time"
    assert why_back(replace(state, rollback=True)) == "asked for with loop rollback"
