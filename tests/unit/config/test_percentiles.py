"""Which percentile a target's name promises."""

import pytest

from loop.config.checks import percentile_of


@pytest.mark.parametrize("name", ["api latency p99", "p99_login", "login_p99", "login-p99.ms", "P99", "a_p99_b"])
def test_it_stands_between_anything_but_letters_and_digits(name: str) -> None:
    assert percentile_of(name) == 99


@pytest.mark.parametrize("name", ["login", "p0", "p100", "http99", "p99th", "mp99", "p99é"])
def test_what_is_a_part_of_a_word_is_none(name: str) -> None:
    assert percentile_of(name) is None
