"""Text fits its width, whatever is in it."""

from hypothesis import given
from hypothesis import strategies as st

from loop.console.text import cells, cut, cut_left, table, wrapped

TEXTS = st.text(alphabet=st.sampled_from("ab c\n\t\x1b[31m\u4e2d\u6587e\u0301\u200d"), max_size=60)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=5)


@given(ROWS, st.integers(44, 120))
def test_no_line_of_a_table_is_wider_than_asked(rows: list[tuple[str, str, str]], width: int) -> None:
    lines = table(("First", "Second", "Third"), rows, width)
    assert len(lines) == len(rows) + 1
    assert max(map(cells, lines)) <= width
    assert not any("\x1b" in line or "\n" in line for line in lines)


@given(TEXTS, st.integers(3, 40))
def test_cut_text_fits_and_keeps_its_telling_end(text: str, width: int) -> None:
    assert cells(cut(text, width)) <= width
    assert cells(cut_left(text, width)) <= width


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert cells("\u4e2d\u6587") == 4
    assert cells("e\u0301") == 1
    assert cut("\u4e2d\u6587\u4e2d\u6587", 6) == "\u4e2d\u6587.."
    assert cut_left("a::b::test_x", 8) == "..test_x"


def test_the_widest_column_gives_way() -> None:
    assert table(("Name", "What"), [("short", "long " * 10)], 30) == [
        "Name   What",
        "short  long long long long l..",
    ]


def test_a_column_without_content_is_left_out() -> None:
    assert table(("Name", "Empty", "Rate"), [("a", "", "96%")]) == ["Name  Rate", "a     96%"]


def test_words_are_wrapped_and_never_broken() -> None:
    assert list(wrapped("one two three", 8, "  ")) == ["  one", "  two", "  three"]
    assert list(wrapped("a " + "x" * 90, 80)) == ["a", "x" * 90]
    assert list(wrapped("", 80)) == []
