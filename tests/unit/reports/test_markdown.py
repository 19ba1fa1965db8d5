"""Text from outside stays text: whatever it holds, the page keeps its shape."""

import pytest
from edges import HOSTILE, hostile
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from loop.core.wording import one_line
from loop.reports.document import Bullets, Code, Heading, Link, Output, Paragraph, Row, Table, bullets, line
from loop.reports.markdown import code, escaped, fenced, markdown
from loop.reports.render import document, render
from loop.reports.subject import subject_of

TEXTS = st.text(alphabet=st.sampled_from("ab1 `*_[]()<>#!|&;~\\\n\t-+.=/\x1b\u202e\u00e9"), max_size=40)


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").parse(text)


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or ()]


@given(TEXTS)
def test_plain_text_comes_back_as_it_was(text: str) -> None:
    tokens = parsed(markdown((Paragraph(line("x ", text, " x")),)))
    assert {t.type for t in tokens} == {"paragraph_open", "inline", "paragraph_close"}
    assert {t.type for t in inline(tokens)} == {"text"}
    shown = "".join(t.content for t in inline(tokens))
    assert shown.split() == f"x {one_line(text)} x".split()


@given(TEXTS)
def test_text_at_the_start_of_a_line_begins_nothing(text: str) -> None:
    tokens = parsed(markdown((Heading(2, line("h")), Paragraph(line(text, "x")), bullets(line(text, "x")))))
    assert [t.type for t in tokens].count("heading_open") == 1
    assert [t.type for t in tokens].count("bullet_list_open") == 1
    assert not {"html_block", "blockquote_open", "ordered_list_open", "fence", "hr"} & {t.type for t in tokens}


@given(TEXTS, TEXTS)
def test_a_table_keeps_its_cells(first: str, second: str) -> None:
    table = Table(("A", "B"), (Row((line(first), line(Code(second)))), Row((line(second), line(first)), strong=True)))
    tokens = parsed(markdown((table,)))
    cells = ["".join(c.content for c in t.children or ()) for t in tokens if t.type == "inline"][2:]
    assert [c.split() for c in cells] == [one_line(t).split() for t in (first, second, second, first)]
    assert not {"html_inline", "link_open", "image"} & {t.type for t in inline(tokens)}


@given(TEXTS)
def test_code_is_one_span_and_says_what_it_was_given(text: str) -> None:
    spans = [t for t in inline(parsed(f"x{code(text)}x")) if t.type == "code_inline"]
    if code(text):
        assert len(spans) == 1
        assert spans[0].content == code(text).strip("`").strip() or "`" in spans[0].content
    else:
        assert not spans


@given(TEXTS)
def test_no_output_ends_its_fence(text: str) -> None:
    tokens = parsed(fenced(text) + "\n\nafter")
    assert [t.type for t in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("test_002_websocket", "test_002_websocket"),
        ("a _word_ here", "a \\_word\\_ here"),
        ("x && y", "x && y"),
        ("&lt; stays", "\\&lt; stays"),
        ("50% of 2 < 3", "50% of 2 \\< 3"),
        ("p95 | 4 ms", "p95 | 4 ms"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("to\u202eright", "toright"),
    ],
)
def test_only_what_would_be_markup_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_link_target_can_not_end_its_brackets() -> None:
    tokens = inline(parsed(markdown((Paragraph(line(Link("a]b", "evidence/0/a> (b).txt"))),))))
    assert [t.attrs["href"] for t in tokens if t.type == "link_open"] == ["evidence/0/a%3E%20(b).txt"]


def test_a_hostile_run_changes_nothing_in_the_page() -> None:
    state = hostile().run
    blocks = document(subject_of(state, 0, {}))
    tokens = parsed(render(state, 0, {}).markdown)
    kinds = [t.type for t in tokens]
    assert kinds.count("heading_open") == sum(isinstance(b, Heading) for b in blocks)
    assert kinds.count("fence") == sum(isinstance(b, Output) for b in blocks) == 1
    assert kinds.count("table_open") == sum(isinstance(b, Table) for b in blocks)
    assert kinds.count("bullet_list_open") == _lists(blocks)
    assert not {"html_block", "html_inline", "link_open", "image", "s_open"} & {
        t.type for t in [*tokens, *inline(tokens)]
    }


def _lists(blocks: tuple[object, ...]) -> int:
    own = [b for b in blocks if isinstance(b, Bullets)]
    return sum(not b.numbered for b in own) + sum(bool(i.under) for b in own for i in b.items)


def test_a_hostile_run_brings_no_element_into_the_html() -> None:
    html = render(hostile().run, 0, {}).html
    assert "<script" not in html
    assert "href" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "\x1b" not in html
    assert HOSTILE not in html
