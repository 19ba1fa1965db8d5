"""A line of a service's log belongs to a case by its trace id, else by time while that case ran alone, or to none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.core.evidence import NAMED, LogLine, Ran
from loop.core.loglines import KEPT, LONGEST_TRACEBACK, WIDTH, Line, errors, of_failing, plain_lines
from loop.core.model import Outcome

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
TRACEBACK = ("Traceback (most recent call last):", '  File "app.py", line 3, in get', "    return keys[name]")


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def ran(name: str, start: float, seconds: float = 1.0, outcome: Outcome = Outcome.FAILED, trace: str = "") -> Ran:
    return Ran(id=f"s::{name}", outcome=outcome, trace=trace, started=after(start), seconds=seconds)


def wrote(at: float, text: str = "a line", **more: Any) -> Line:
    return Line(**{"at": after(at), "service": "api", "stream": "stderr", "text": text, **more})


def block(*texts: str, at: float = 0.5) -> list[Line]:
    return [wrote(at + n / 1000, text) for n, text in enumerate(texts)]


def told(lines: list[Line]) -> list[str]:
    found = errors(lines)
    return [line.text for n, line in enumerate(lines) if n in found]


def texts(kept: tuple[LogLine, ...]) -> list[str]:
    return [line.text for line in kept]


@pytest.mark.parametrize(
    ("at", "holder"),
    [(-0.1, None), (0.5, "s::a"), (1.2, "s::a"), (1.4, None), (3.5, "s::b"), (4.5, None), (5.5, "s::c"), (6.1, "s::c")],
)
def test_time_joins_a_line_with_the_only_case_and_shortly_after_its_end(at: float, holder: str | None) -> None:
    cases = [ran("a", 0), ran("b", 3, 2), ran("c", 4, 2)]
    assert list(of_failing(cases, [wrote(at)])) == ([holder] if holder else [])


def test_what_follows_a_case_that_passed_is_not_the_next_ones_until_that_begins() -> None:
    cases = [ran("a", 0, outcome=Outcome.PASSED), ran("b", 1.1)]
    assert of_failing(cases, [wrote(1.05)]) == {}
    (line,) = of_failing(cases, [wrote(1.15)])["s::b"]
    assert line.by_time


def test_a_trace_id_joins_whatever_the_time_and_is_no_joining_by_time() -> None:
    cases = [ran("a", 0, trace="aa"), ran("b", 0, trace="bb")]
    (line,) = of_failing(cases, [wrote(99, trace="bb"), wrote(0.5)])["s::b"]
    assert (line.at, line.by_time) == (after(99), False)


def test_a_line_of_somebody_elses_request_is_none_of_the_case_that_ran_then() -> None:
    assert of_failing([ran("a", 0, trace="aa")], [wrote(0.5, trace="of a colleague")]) == {}


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.SKIPPED, Outcome.XFAILED, Outcome.XPASSED])
def test_only_cases_that_count_and_did_not_pass_keep_lines(outcome: Outcome) -> None:
    assert of_failing([ran("a", 0, outcome=outcome)], [wrote(0.5)]) == {}


@pytest.mark.parametrize("severity", ["ERROR", "CRITICAL", "ALERT", "EMERGENCY"])
def test_a_line_of_that_severity_is_an_error(severity: str) -> None:
    lines = [wrote(0, "no database", severity=severity), wrote(1, "slow", severity="WARNING"), wrote(2)]
    assert told(lines) == ["no database"]


@pytest.mark.parametrize(
    "raised", ["KeyError: 'jwt'", "KeyError", "jwt.exceptions.Expired: too old", "zlib.error: -3", "Refused: no"]
)
def test_the_last_line_of_a_traceback_is_an_error_and_no_other_of_it(raised: str) -> None:
    assert told(block("Exception on /jwt", *TRACEBACK, raised, "KeyError: said later")) == [raised]


def test_what_other_threads_wrote_into_a_traceback_is_not_its_exception() -> None:
    other = ("INFO:     127.0.0.1 - GET /", "ERROR: nothing", "GET / 200", "started", "[2026] x: y")
    assert told(block(*TRACEBACK, *other, "KeyError: 'jwt'")) == ["KeyError: 'jwt'"]


def test_each_stream_of_each_service_is_read_by_itself() -> None:
    lines = [
        wrote(0, TRACEBACK[0]), wrote(1, "Refused: of web", service="web"), wrote(2, "Note: out", stream="stdout"),
        wrote(3, TRACEBACK[1]), wrote(4, "KeyError: 1"),
    ]  # fmt: skip
    assert told(lines) == ["KeyError: 1"]


def test_every_exception_of_a_chain_is_named_and_the_last_one_is_kept_last() -> None:
    chain = ["During handling of the above exception, another exception occurred:", *TRACEBACK, "ValueError: second"]
    lines = block(*TRACEBACK, "KeyError: first", *chain, "and so on")
    assert told(lines) == ["KeyError: first", "ValueError: second"]
    assert texts(of_failing([ran("a", 0)], lines)["s::a"])[-1] == "ValueError: second"


def test_a_traceback_that_never_ends_claims_no_later_line() -> None:
    assert told(block(*TRACEBACK, *["  more"] * LONGEST_TRACEBACK, "Title: of something else")) == []


@pytest.mark.parametrize(
    "lines",
    [
        (
            "TypeError: x is undefined",
            "    at get (app.js:3:4)",
            "    at Object.asTypeError (app.js:9:1)",
            "    at z (z.js)",
        ),
        ('Exception in thread "main" java.lang.IllegalStateException: no', "\tat a.B.c(B.java:3)"),
        ("panic: runtime error: index out of range",),
        ("http: panic serving 127.0.0.1:9: no",),
    ],
)
def test_other_languages_name_their_error_first(lines: tuple[str, ...]) -> None:
    assert told(block("before", *lines, "after")) == [lines[0]]


def test_what_only_looks_a_little_like_one_is_none() -> None:
    assert told(block("KeyError: without a traceback", "retry after an Error", "see you  at noon", "panicking")) == []


def test_what_is_kept_is_bounded_and_ends_with_the_error() -> None:
    lines = block(*(f"line {n}" for n in range(50)), *TRACEBACK, "KeyError: " + "x" * 999, *(["after"] * 9))
    kept = of_failing([ran("a", 0)], lines)["s::a"]
    assert len(kept) == KEPT
    assert (kept[-1].error, kept[-1].text) == (True, ("KeyError: " + "x" * 999)[:WIDTH])
    assert texts(kept)[:-1] == [*(f"line {n}" for n in range(46, 50)), *TRACEBACK]


def test_without_an_error_the_last_lines_are_kept() -> None:
    assert texts(of_failing([ran("a", 0)], block(*"abcdefghijkl"))["s::a"]) == list("efghijkl")


def test_an_error_with_the_cases_trace_goes_before_a_later_one_by_time() -> None:
    own = wrote(0.2, "mine", severity="ERROR", trace="aa")
    kept = of_failing([ran("a", 0, trace="aa")], [own, wrote(0.4, "somebodys", severity="ERROR")])["s::a"]
    assert texts(kept) == ["mine"]


def test_an_event_names_a_bounded_number_of_cases() -> None:
    cases = [ran(str(n), 2 * n) for n in range(NAMED + 5)]
    found = of_failing(cases, [wrote(2 * n + 0.5) for n in range(NAMED + 5)])
    assert list(found) == [f"s::{n}" for n in range(NAMED)]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), max_size=6),
    st.lists(st.integers(0, 30), max_size=KEPT),
)
def test_no_line_is_joined_by_time_where_two_cases_ran(spans: list[tuple[int, int]], times: list[int]) -> None:
    cases = [ran(str(n), start, seconds) for n, (start, seconds) in enumerate(spans)]
    found = of_failing(cases, [wrote(at + 0.5, str(at)) for at in times])
    expected: dict[str, int] = {}
    for at in times:
        running = [f"s::{n}" for n, (start, long) in enumerate(spans) if start <= at + 0.5 < start + long]
        if len(running) == 1:
            expected[running[0]] = expected.get(running[0], 0) + 1
    assert {case_id: len(lines) for case_id, lines in found.items()} == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("loading 10%\rloading 90%\rKeyError: 'x'", ["loading 10% loading 90% KeyError: 'x'"]),
        ("\rKeyError: 'x'\r", ["KeyError: 'x'"]),
        ("one\r\ntwo\n\nthree", ["one", "two", "", "three"]),
        ("a \x1b[31mred\x1b[0m \x07bell \u202eturned\x85", ["a red bell turned"]),
        ("a \x1b]0;title\x07b", ["a b"]),
    ],
)
def test_a_line_ends_where_its_writer_ended_it_and_steers_no_terminal(text: str, lines: list[str]) -> None:
    assert plain_lines(text) == lines
