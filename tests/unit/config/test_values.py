"""The small languages inside values."""

from fractions import Fraction

import pytest

from loop.config import values


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("20m", 1200.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("8h", 28800.0),
        ("90s", 90.0),
        ("100ms", 0.1),
        ("1.5s", 1.5),
        ("1d", 86400.0),
        (45, 45.0),
        (0.5, 0.5),
        ("45", 45.0),
        ("0.25", 0.25),
    ],
)
def test_durations(written: object, meant: float) -> None:
    assert values.seconds(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "0s",
        0,
        -1,
        "-1s",
        "m",
        "1x",
        "1h30",
        True,
        None,
        [],
        float("inf"),
        float("nan"),
        "9" * 400 + "d",
        10**400,
        "1e3",
    ],
)
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match="expected a duration above zero"):
        values.seconds(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("96%", Fraction(24, 25)),
        ("100%", Fraction(1)),
        ("99.5 %", Fraction(199, 200)),
        ("0%", Fraction(0)),
        (0.96, Fraction(24, 25)),
        (1, Fraction(1)),
        (0, Fraction(0)),
        (1.0, Fraction(1)),
        ("0.96", Fraction(24, 25)),
        (1e-05, Fraction(1, 100000)),
    ],
)
def test_rates_are_exact(written: object, meant: Fraction) -> None:
    assert values.rate(written) == meant


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (96, "expected at most 100%, found 96; write 96%"),
        ("101%", "expected at most 100%, found 101%"),
        ("96", "expected at most 100%, found 96; write 96%"),
        (-0.1, "expected a percentage such as 96%, found the number -0.1"),
        (float("inf"), "expected a percentage such as 96%, found a huge number"),
        (True, "expected a percentage such as 96%, found true"),
        ("all", 'expected a percentage such as 96%, found the text "all"'),
        (None, "expected a percentage such as 96%, found nothing"),
    ],
)
def test_what_is_no_rate(written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="expected") as raised:
        values.rate(written)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("fraction", "written"),
    [
        (Fraction(24, 25), "96%"),
        (Fraction(1), "100%"),
        (Fraction(0), "0%"),
        (Fraction(199, 200), "99.5%"),
        (Fraction(1, 3), "33.33%"),
        (Fraction(99999, 100000), "99.99%"),
        (Fraction(1, 10), "10%"),
        (Fraction(9999, 10000), "99.99%"),
    ],
)
def test_a_rate_is_never_rounded_up(fraction: Fraction, written: str) -> None:
    assert values.percent(fraction) == written


@pytest.mark.parametrize(("written", "meant"), [("on", True), ("No", False), (True, True), ("false", False)])
def test_switches(written: object, meant: bool) -> None:
    assert values.switch(written) is meant


@pytest.mark.parametrize(("written", "meant"), [("8080", 8080), (3, 3), ("-1", -1)])
def test_whole_numbers(written: object, meant: int) -> None:
    assert values.whole(written) == meant


def test_arguments_are_split_as_a_shell_would() -> None:
    assert values.arguments("tests -k 'a or b'") == ("tests", "-k", "a or b")
    assert values.arguments(["tests", "-k", "a or b"]) == ["tests", "-k", "a or b"]
