"""Document -> CommonMark with GitHub's tables. Everything from outside is escaped here and nowhere else.

Escapes no more than is needed: people read these files in a terminal too.
"""

import re
from itertools import groupby
from typing import assert_never

from loop.core.wording import one_line, printable
from loop.reports.document import Block, Bullets, Code, Heading, Line, Link, Output, Paragraph, Row, Span, Strong, Table

_SPECIAL = re.compile(r"[\\`*\[<~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_OPENING = re.compile(r"^(?:[#>+=-]|\d+(?=[.)]))")
"""What would begin a heading, a quotation, a list or an underline at the start of a line."""
_LONGEST = 2_000


def markdown(blocks: tuple[Block, ...]) -> str:
    """Ends with one newline; no trailing blanks; equal blocks give equal bytes."""
    return "\n\n".join(_block(block) for block in blocks) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_line(block.line)}"
        case Paragraph():
            return _at_start(_line(block.line))
        case Bullets():
            return "\n".join(_bullets(block))
        case Table():
            return "\n".join(_table(block))
        case Output():
            return f"{_at_start(_line(block.caption))}\n\n{fenced(block.text)}"
        case _:
            assert_never(block)


def _bullets(block: Bullets) -> list[str]:
    lines: list[str] = []
    for number, item in enumerate(block.items, 1):
        mark = f"{number}. " if block.numbered else "- "
        lines.append(mark + _at_start(_line(item.line)))
        lines += [" " * len(mark) + "- " + _at_start(_line(under)) for under in item.under]
    return lines


def _table(block: Table) -> list[str]:
    head = "| " + " | ".join(block.head) + " |"
    return [head, "|" + " --- |" * len(block.head), *(_row(row) for row in block.rows)]


def _row(row: Row) -> str:
    cells = [_cell(cell, strong=row.strong) for cell in row.cells]
    return "| " + " | ".join(cells) + " |"


def _cell(cell: Line, *, strong: bool) -> str:
    spans = tuple(s.text if strong and isinstance(s, Strong) else s for s in cell)
    # GitHub takes a pipe for the cell's end even within code, unless it is escaped
    text = _line(spans).replace("|", "\\|")
    return f"**{text}**" if strong and text else text


def _line(spans: Line) -> str:
    return "".join(_span(span) for span in spans).strip()


def _span(span: Span) -> str:
    match span:
        case str():
            return escaped(span)
        case Code():
            return code(span.text)
        case Strong():
            return f"**{escaped(span.text)}**" if span.text else ""
        case Link():
            return f"[{escaped(span.text).replace(']', chr(92) + ']')}](<{_target(span.target)}>)"
        case _:
            assert_never(span)


def _target(target: str) -> str:
    return printable(target).replace("\n", "").replace("<", "%3C").replace(">", "%3E").replace("\\", "%5C")


def escaped(text: str) -> str:
    """Plain text within a line. Keeps single blanks at its ends, for it may be one of several spans."""
    flat = one_line(text, _LONGEST)
    lead = " " if text[:1].isspace() and flat else ""
    tail = " " if text[-1:].isspace() and flat else ""
    return lead + _SPECIAL.sub(lambda found: "\\" + found[0], flat) + tail


def _at_start(text: str) -> str:
    found = _OPENING.match(text)
    if not found:
        return text
    return f"{found[0]}\\{text[found.end() :]}" if found[0].isdigit() else "\\" + text


def code(text: str) -> str:
    """A code span that no backtick within it can end."""
    flat = one_line(text, _LONGEST)
    if not flat:
        return ""
    ticks = "`" * (_longest_run(flat) + 1)
    pad = " " if flat[0] == "`" or flat[-1] == "`" else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def fenced(text: str) -> str:
    """A block whose fence is longer than any within it, so that no output can end it."""
    clean = "\n".join(line.rstrip() for line in printable(text).strip("\n").split("\n"))
    fence = "`" * max(3, _longest_run(clean) + 1)
    return f"{fence}text\n{clean}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(list(run)) for char, run in groupby(text) if char == "`"), default=0)
