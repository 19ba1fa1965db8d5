"""A request belongs to a case by its trace id, else by time while one case ran alone, and never by guess."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.core.environment import Suite
from loop.core.evidence import (
    NAMED,
    SHOWN,
    Entry,
    LogStatus,
    Ran,
    ServiceEvidence,
    SuiteEvidence,
    join,
    problem,
    strangers,
    suite_evidence,
    unasked,
)
from loop.core.model import Outcome, ProblemKind

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
READ = {"api": ServiceEvidence(status=LogStatus.READ)}
UNREAD = {"api": ServiceEvidence(status=LogStatus.UNAVAILABLE, reason="the log is late")}


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def ran(name: str, start: float = 0.0, seconds: float = 1.0, outcome: Outcome = Outcome.PASSED, trace: str = "") -> Ran:
    return Ran(id=f"s::{name}", outcome=outcome, trace=trace, started=after(start), seconds=seconds)


def asked(at: float, trace: str = "", *, path: str = "/api/x", seconds: float | None = 0.01, **more: str) -> Entry:
    return Entry(
        at=after(at), service=more.get("service", "api"), revision=more.get("revision", "api-1"), method="GET",
        path=path, status=200, seconds=seconds, trace=trace,
    )  # fmt: skip


def of(cases: list[Ran], entries: list[Entry], logs: dict[str, ServiceEvidence] = READ) -> SuiteEvidence:
    return suite_evidence(cases, logs, entries)


def test_a_trace_id_decides_whatever_the_time() -> None:
    joined = join([ran("a", 0, trace="aa"), ran("b", 5, trace="bb")], [asked(5.5, "aa"), asked(99, "bb")])
    assert {name: len(found) for name, found in joined.requests.items()} == {"s::a": 1, "s::b": 1}
    assert joined.by_trace == {"api": 2}


@pytest.mark.parametrize(
    ("at", "holder"),
    [(-0.1, None), (0.0, "s::a"), (0.5, "s::a"), (1.5, None), (2.5, "s::b"), (3.0, None), (4.5, "s::c"), (9.0, None)],
)
def test_time_decides_only_while_exactly_one_case_ran(at: float, holder: str | None) -> None:
    cases = [ran("a", 0, 2), ran("b", 1, 2), ran("c", 4, 1)]
    assert list(join(cases, [asked(at, "of somebody else")]).requests) == ([holder] if holder else [])


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5), st.booleans()), max_size=8),
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 9)), max_size=30),
)
def test_every_join_can_be_checked_by_hand(spans: list[tuple[int, int, bool]], wanted: list[tuple[int, int]]) -> None:
    cases = [ran(str(n), start, long, trace=f"t{n}" if traced else "") for n, (start, long, traced) in enumerate(spans)]
    entries = [asked(at + 0.5, f"t{n}") for at, n in wanted]
    joined = join(cases, entries)
    expected: Counter[tuple[str, bool]] = Counter()
    for (at, _), entry in zip(wanted, entries, strict=True):
        own = [c.id for c in cases if c.trace == entry.trace]
        running = [str(n) for n, (start, long, _) in enumerate(spans) if start <= at + 0.5 < start + long]
        if own:
            expected[own[0], False] += 1
        elif len(running) == 1:
            expected[f"s::{running[0]}", True] += 1
    found = Counter((name, by_time) for name, each in joined.requests.items() for _, by_time in each)
    assert found == expected
    assert sum(joined.by_trace.values()) + sum(joined.by_time.values()) == expected.total()


def test_a_pass_without_a_request_is_named_where_the_log_was_read() -> None:
    cases = [ran("a", 0, trace="aa"), ran("b", 2, trace="bb"), ran("c", 4, outcome=Outcome.FAILED, trace="cc")]
    found = of(cases, [asked(0.5, "aa")])
    assert (found.bare, found.bare_ids, found.asked, found.cases) == (1, ("s::b",), 1, 3)
    assert of(cases, [asked(0.5, "aa")], UNREAD).bare == 0


def test_a_pass_in_under_two_milliseconds_needs_a_request_of_its_own_trace() -> None:
    quick = [ran("a", 0, 0.001, trace="aa"), ran("b", 1, 0.001, trace="bb"), ran("c", 2, 0.001)]
    found = of(quick, [asked(0.0005, "aa"), asked(2.0005)], UNREAD)
    assert found.bare_ids == ("s::b", "s::c")


def test_a_case_that_nothing_can_be_joined_with_is_not_said_to_have_asked_nothing() -> None:
    unknown = Ran(id="s::junit", outcome=Outcome.PASSED, seconds=1.0)
    assert of([unknown], [asked(0.5)]).bare == 0
    assert of([unknown], []).bare == 1


def test_what_an_event_names_is_bounded_and_counts_are_of_all() -> None:
    passes = [ran(f"p{n}", n) for n in range(NAMED + 5)]
    failures = [ran(f"f{n}", 1000 + n, outcome=Outcome.FAILED, trace=f"f{n}") for n in range(NAMED + 5)]
    entries = [asked(1000 + n, f"f{n}", path=f"/{k}") for n in range(NAMED + 5) for k in range(SHOWN + 3)]
    found = of(passes + failures, entries)
    assert (found.bare, len(found.bare_ids), len(found.requests)) == (NAMED + 5, NAMED, NAMED)
    assert [r.path for r in found.requests["s::f0"]] == [f"/{k}" for k in range(3, SHOWN + 3)]


def test_a_case_that_another_revision_answered_is_named() -> None:
    cases = [ran("a", trace="aa")]
    entries = [asked(0.1, "aa", revision="api-2"), asked(0.2, "aa"), asked(0.3, "elsewhere", revision="api-3")]
    (said,) = strangers(cases, entries, {"api": "api-1"}, {})
    assert "api-2 answered 1" in said
    assert strangers(cases, entries[1:], {"api": "api-1"}, {}) == ()
    beside = {"api": {"api-2"}}  # it serves while a candidate is tested
    assert strangers(cases, entries, {"api": "api-1"}, beside) == ()


SUITE = Suite(name="s", exercises=("api", "web"))
BOTH = {**READ, "web": ServiceEvidence(status=LogStatus.READ)}


def test_a_suite_that_reached_one_of_the_named_services_is_believed() -> None:
    assert problem(SUITE, of([ran("a", trace="aa")], [asked(0.5, "aa")], BOTH)) is None
    assert problem(Suite(name="s"), None) is None


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (of([ran("a", trace="aa")], [], BOTH), "sent no request to api, web"),
        (of([ran("a", trace="aa")], [asked(0.5, "aa", service="other")], BOTH), "sent no request"),
        (of([ran("a")], [], READ | {"web": UNREAD["api"]}), "not known (the log is late)"),
        (None, "not known"),
    ],
)
def test_a_suite_that_is_not_known_to_have_reached_any_is_not(evidence: SuiteEvidence | None, said: str) -> None:
    found = problem(SUITE, evidence)
    assert found is not None
    assert found.kind is ProblemKind.NO_EVIDENCE
    assert said in found.sentence


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        ({"web"}, "suite s sent no request to the candidate of web, which it has to exercise"),
        ({"api", "web"}, "suite s sent no request to the candidate of web, which it has to exercise"),
        ({"api"}, ""),
        ({"other"}, ""),
    ],
)
def test_a_candidate_that_a_suite_has_to_exercise_is_asked_itself(candidates: set[str], said: str) -> None:
    found = problem(SUITE, of([ran("a", trace="aa")], [asked(0.5, "aa")], BOTH), candidates)
    assert (found.sentence if found else "") == said


def test_whether_a_candidate_was_asked_is_not_known_where_its_log_was_not_read() -> None:
    partly = of([ran("a", trace="aa")], [asked(0.5, "aa")], READ | {"web": UNREAD["api"]})
    found = problem(SUITE, partly, {"web"})
    assert found
    assert found.sentence == "suite s: whether it reached the candidate of web is not known (the log is late)"
    assert not unasked("web", [partly])
    assert not unasked("web", [None])
    assert not unasked("web", [])


def test_a_service_is_unasked_where_no_suite_sent_it_a_request() -> None:
    first = of([ran("a", trace="aa")], [asked(0.5, "aa")], BOTH)
    second = of([ran("a", trace="aa")], [asked(0.5, "aa", service="web")], BOTH)
    assert unasked("web", [first])
    assert not unasked("web", [first, second])
    assert not unasked("api", [first, second])


def test_a_strangers_request_is_none_of_a_suite_whose_requests_carry_traces() -> None:
    traced = [ran("a", 0, trace="aa"), ran("b", 0, trace="bb")]
    entries = [asked(0.5, "aa", service="other"), asked(0.5, "of somebody else")]
    logs = BOTH | {"other": READ["api"]}
    assert problem(SUITE, of(traced, entries, logs)) is not None
    assert problem(SUITE, of([Ran(id="s::junit", outcome=Outcome.PASSED)], entries[1:], BOTH)) is None


# targets
