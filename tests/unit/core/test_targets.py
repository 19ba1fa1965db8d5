"""What was measured against targets: a figure that was measured, or none at all."""

from collections import Counter
from datetime import UTC, datetime
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.core.environment import Target
from loop.core.evidence import Entry, SuiteEvidence, suite_evidence
from loop.core.model import Case, Outcome
from loop.core.targets import measured, nearest_rank, rounded, samples

API = Target(name="api", below=0.1, requests="/api/*", percentile=95)


def asked(*, path: str = "/api/x", seconds: float | None = 0.01, service: str = "api") -> Entry:
    return Entry(
        at=datetime(2026, 11, 22, tzinfo=UTC), service=service, revision="api-1", method="GET", path=path, status=200,
        seconds=seconds,
    )  # fmt: skip


def of(*entries: Entry) -> SuiteEvidence:
    return suite_evidence([], {}, entries, samples(entries, (API,)))


def test_a_target_over_requests_is_measured_over_all_suites_and_by_service() -> None:
    first = of(*(asked(seconds=0.01 * n) for n in range(1, 11)))
    second = of(asked(seconds=0.5, service="web"), asked(seconds=9.0, path="/other"), asked(seconds=None))
    (found,) = measured((API,), (first, second), ())
    assert (found.n, found.value, found.met, found.source, found.unit) == (11, 0.5, False, "request log", "s")
    assert [(s.service, s.n, s.value) for s in found.services] == [("api", 10, 0.1), ("web", 1, 0.5)]


def recorded(*values: str, outcome: Outcome = Outcome.PASSED) -> list[Case]:
    return [Case(id=v, outcome=outcome, properties={"websocket_ms": v, "other": "1"}) for v in values]


WS = Target(name="ws", below=50, property="websocket_ms", percentile=50)


def test_a_target_over_a_property_takes_what_is_a_number_and_counts_what_is_none() -> None:
    (found,) = measured((WS,), (), recorded("12.5", "7", "40", "soon", "nan", "12 ms", "1,000", "", "-3", "-inf"))
    assert (found.n, found.value, found.met, found.source, found.unit) == (3, 12.5, True, "property", "ms")
    assert found.unread == 7


def test_an_infinite_value_is_above_every_limit() -> None:
    (half,) = measured((WS,), (), recorded("12.5", "inf"))
    (most,) = measured((WS,), (), recorded("12.5", "inf", "Infinity"))
    assert (half.n, half.value, half.met, half.unread) == (2, 12.5, True, 0)
    assert (most.n, most.value, most.met, most.unread) == (3, None, False, 0)


def test_a_target_with_no_value_but_unreadable_ones_is_not_met() -> None:
    (found,) = measured((WS,), (), recorded("fast"))
    assert (found.n, found.value, found.met, found.unread) == (0, None, False, 1)


def test_values_that_are_no_times_may_be_below_zero_and_any_may_be_next_to_it() -> None:
    degrees = Target(name="t", below=50, property="websocket_ms", percentile=50, unit="C")
    assert [m.value for m in measured((degrees,), (), recorded("-3"))] == [-3.0]
    assert [m.value for m in measured((WS,), (), recorded("5e-324"))] == [0.0]


@pytest.mark.parametrize("outcome", [Outcome.XFAILED, Outcome.SKIPPED])
def test_what_a_case_recorded_that_does_not_count_is_not_measured(outcome: Outcome) -> None:
    assert measured((WS,), (), recorded("7", outcome=outcome)) == ()


def test_what_nothing_measured_is_not_there() -> None:
    assert measured((API, Target(name="p", below=1, property="p")), (of(),), ()) == ()


def test_a_limit_is_met_below_it_only() -> None:
    (at_limit,) = measured((API,), (of(asked(seconds=0.1)),), ())
    (just_below,) = measured((API,), (of(asked(seconds=0.0999)),), ())
    assert (at_limit.met, just_below.met) == (False, True)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_nearest_rank(values: list[float], percentile: int) -> None:
    expected = sorted(values)[ceil(percentile * len(values) / 100) - 1]
    assert nearest_rank(Counter(values), percentile) == expected


@given(st.floats(1e-9, 1e9))
def test_rounding_goes_up_by_less_than_a_hundredth(value: float) -> None:
    assert value * (1 - 1e-6) <= rounded(value) <= value * 1.0101
    assert rounded(rounded(value)) == rounded(value)


def test_rounding_keeps_three_digits() -> None:
    assert [rounded(v) for v in (0, 0.1, 45.3, 45.31, 1234, 0.0123, -2.5)] == [0, 0.1, 45.3, 45.4, 1240, 0.0123, -2.5]
