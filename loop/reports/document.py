"""A report before it has a format: headings, lines, lists, tables and literal output, all text still as it came.

Sections are written once as these values; markdown.py and html.py each escape in their own way, so neither format can
say what the other does not.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    target: str
    """Relative to the report's folder."""


Span = str | Code | Strong | Link
Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    line: Line


@dataclass(frozen=True, slots=True)
class Paragraph:
    line: Line


@dataclass(frozen=True, slots=True)
class Bullet:
    line: Line
    under: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[Bullet, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    cells: tuple[Line, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """Literal text of a program, with one line that says whose it is."""

    caption: Line
    text: str


Block = Heading | Paragraph | Bullets | Table | Output


def line(*spans: Span) -> Line:
    return spans


def bullets(*lines: Line) -> Bullets:
    return Bullets(tuple(Bullet(each) for each in lines))


def joined(spans: tuple[Span, ...], comma: str = ", ") -> Line:
    """The spans with a comma between them."""
    return tuple(part for n, span in enumerate(spans) for part in ((comma, span) if n else (span,)))
