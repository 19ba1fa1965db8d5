"""Durations in the spellings of real runners."""

import pytest

from loop.suites.durations import seconds

SPELLED = {
    "1.5": 1.5,
    "0": 0.0,
    " 2 ": 2.0,
    "1e-3": 0.001,
    "1,234.5": 1234.5,
    "1,234,567.8": 1234567.8,
    "1,234": 1234.0,
    "0,5": 0.5,
    "0,042": 0.042,
    "12,5": 12.5,
    "0:00:01.5": 1.5,
    "1:02:03": 3723.0,
    "2:30": 150.0,
    "1.5s": 1.5,
    "120 ms": 0.12,
    "2 min": 120.0,
}
UNKNOWN = ["", "-1", "-0:01", "nan", "inf", "-inf", "<<computed>>", "soon", "1:2:3:4", "1,2,3", "5 parsecs", "1:x"]


@pytest.mark.parametrize(("text", "value"), SPELLED.items())
def test_a_duration_is_read(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_no_duration_is_unknown_and_not_zero(text: str) -> None:
    assert seconds(text) is None
