"""Patterns over whole case ids."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.core.patterns import matches, matching


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("p1::a.py::test_x[a-1]", "p1::a.py::test_x[a-1]", True),
        ("p1::a.py::test_x[a-1]", "p1::a.py::test_xa", False),
        ("*TestWebSocket*", "p1::a.py::TestWebSocket::test_x", True),
        ("*TestWebSocket*", "p1::a.py::TestHttp::test_x", False),
        ("p1::*", "p1::a.py::test_x", True),
        ("p1::*", "p10::a.py::test_x", False),
        ("*test_x", "p1::a.py::test_x", True),
        ("*test_x", "p1::a.py::test_x2", False),
        ("p1::*::test_x*", "p1::a.py::test_x[1]", True),
        ("p1::*[1]*", "p1::a.py::test_x[1]", True),
        ("p1::*[1]*", "p1::a.py::test_x1", False),
        ("a*b*c", "a c b", False),
        ("a*a", "a", False),
        ("a**b", "a\nb", True),
        ("*", "", True),
        ("**", "anything", True),
        ("", "", True),
        ("", "x", False),
        ("?", "x", False),
        ("a.c", "abc", False),
    ],
)
def test_a_star_is_any_text_and_every_other_character_itself(pattern: str, text: str, wanted: bool) -> None:
    assert matches(pattern, text) is wanted


@given(st.lists(st.text(alphabet="ab[.]", max_size=4), min_size=2, max_size=5), st.text(max_size=4))
def test_what_stands_for_a_star_does_not_matter(parts: list[str], filling: str) -> None:
    assert matches("*".join(parts), filling.join(parts))


def test_many_stars_cost_no_more_than_the_text_is_long() -> None:
    began = time.perf_counter()
    assert not matches("*a" * 30 + "*b", "a" * 50_000)
    assert time.perf_counter() - began < 2


def test_a_text_that_matches_two_patterns_is_given_once() -> None:
    assert sorted(matching(["*b*", "a*", "zz"], ["ab", "ac", "xb", "xc"])) == ["ab", "ac", "xb"]
    assert matching([], ["ab"]) == []
