"""Failing cases in groups, each with the layer that its facts point at."""

from datetime import UTC, datetime
from typing import Any

import pytest

from loop.core.clusters import Cluster, Layer, clue, group, layer, status
from loop.core.evidence import LogLine
from loop.core.model import Failing, Outcome


def failing(name: str, signature: str, outcome: Outcome = Outcome.FAILED, known: str = "") -> Failing:
    return Failing(id=name, outcome=outcome, signature=signature, message=signature, known=known)


def test_equal_signatures_are_one_group_and_the_largest_comes_first() -> None:
    cases = [failing("a", "HTTP 503"), failing("b", "HTTP 403"), failing("c", "HTTP 403", known="me: why")]
    assert group(cases) == (
        Cluster(signature="HTTP 403", layer=Layer.ACCESS, cases=("b", "c"), known=1),
        Cluster(signature="HTTP 503", layer=Layer.GATEWAY, cases=("a",)),
    )


def test_cases_without_a_signature_are_grouped_by_outcome() -> None:
    outcomes = {"a": Outcome.UNFINISHED, "b": Outcome.NOT_RUN, "c": Outcome.UNFINISHED}
    cases = [failing(name, "", outcome) for name, outcome in outcomes.items()]
    assert [(c.signature, c.layer, c.cases) for c in group(cases)] == [
        ("unfinished", Layer.RUNNER, ("a", "c")),
        ("not run", Layer.RUNNER, ("b",)),
    ]


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ("server rejected WebSocket connection: HTTP 403", 403),
        ("HTTP/1.1 502 Bad Gateway", 502),
        ("Request failed with status code 404", 404),
        ("AssertionError: assert 403 == 200 + where 403 = <Response [403 Forbidden]>.status_code", 403),
        ("assert 200 == 500", 500),
        ("assert 503 in (200, 201)", 503),
        ("requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: x", 429),
        ('{"status": 401}', 401),
        ("status_code=500", 500),
        ("assert 404 == 403", None),
        ("assert 500 == 12", None),
        ("expected 404 rows", None),
        ("assert 'x' == 'y'", None),
        ("HTTP 200", None),
    ],
)
def test_a_status_is_one_only_where_the_text_names_it_as_such(signature: str, code: int | None) -> None:
    assert status(signature) == code


@pytest.mark.parametrize(
    ("signature", "wanted"),
    [
        ("HTTP 401", Layer.ACCESS),
        ("HTTP 404", Layer.ROUTE),
        ("HTTP 422", Layer.REQUEST),
        ("HTTP 429", Layer.RATE_LIMIT),
        ("HTTP 500", Layer.SERVICE),
        ("HTTP 504", Layer.TIMEOUT),
        ("httpx.ConnectError: [Errno 111] Connection refused", Layer.NETWORK),
        ("TimeoutError: no answer", Layer.TIMEOUT),
        ("ImportError: no module", Layer.TEST_CODE),
        ("AssertionError: a is not b", Layer.ASSERTION),
        ("AssertionError: raised ConnectionError", Layer.NETWORK),
        ("AssertionError: not a TypeError", Layer.ASSERTION),
        ("assert 1 == 2", Layer.ASSERTION),
        ("it timed out, the connection was refused", Layer.UNKNOWN),
    ],
)
def test_the_layer_follows_from_status_codes_and_exception_types_alone(signature: str, wanted: Layer) -> None:
    assert layer(failing("a", signature)) is wanted


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        ("server rejected WebSocket connection: HTTP 403", "authentication or authorisation (from HTTP 403)"),
        ("httpx.ReadTimeout: no answer", "time limit (from ReadTimeout)"),
        ("assert 1 == 2", "assertion of the test (from assert)"),
        ("something else", "not known"),
    ],
)
def test_a_layer_is_told_with_the_fact_that_points_at_it(signature: str, told: str) -> None:
    assert str(clue(failing("a", signature))) == told


def written(text: str = "KeyError: 'jwt'", **more: Any) -> tuple[LogLine, ...]:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return (LogLine(at=at, service="api", text="Traceback"), LogLine(at=at, service="api", text=text, **more))


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        ("something else", "service (from a line in api's log: KeyError: 'jwt')"),
        ("assert 1 == 2", "service (from a line in api's log: KeyError: 'jwt')"),
        ("HTTP 500", "service (from HTTP 500 and a line in api's log: KeyError: 'jwt')"),
        ("HTTP 503", "service (from HTTP 503 and a line in api's log: KeyError: 'jwt')"),
        ("HTTP 403", "authentication or authorisation (from HTTP 403)"),
        ("httpx.ReadTimeout: no answer", "time limit (from ReadTimeout)"),
        ("TypeError: no", "test code (from TypeError)"),
    ],
)
def test_an_error_in_a_services_log_says_more_than_an_assertion_and_agrees_with_5xx(signature: str, told: str) -> None:
    assert str(clue(failing("a", signature), written(error=True))) == told


def test_a_line_that_is_no_error_points_nowhere() -> None:
    assert str(clue(failing("a", "something else"), written())) == "not known"


def test_a_line_joined_by_time_is_told_to_be() -> None:
    told = "service (from a line in api's log, joined by time: KeyError: 'jwt')"
    assert str(clue(failing("a", "something else"), written(error=True, by_time=True))) == told


def test_a_case_that_never_ended_stays_the_runners_whatever_a_service_wrote() -> None:
    unfinished = failing("a", "HTTP 500", Outcome.UNFINISHED)
    assert str(clue(unfinished, written(error=True))) == "runner (from unfinished)"


def test_groups_of_one_size_stay_in_order_of_appearance() -> None:
    assert [c.cases for c in group([failing("b", "z"), failing("a", "y")])] == [("b",), ("a",)]
