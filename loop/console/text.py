"""Aligned plain text that fits a width. Pure; the standard library only, for every command pays its import."""

import unicodedata
from collections.abc import Iterator, Sequence

from loop.core.wording import one_line

GAP = "  "
_NARROWEST = 12


def cells(text: str) -> int:
    """Columns that a terminal gives the text: wide characters take two, combining ones none."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """On one line, at most `width` columns wide; what is cut ends with two dots."""
    flat = one_line(text, 10_000)
    if cells(flat) <= width:
        return flat
    kept, used = [], 0
    for char in flat:
        used += _columns(char)
        if used > width - 2:
            break
        kept.append(char)
    return "".join(kept).rstrip() + ".."


def cut_left(text: str, width: int) -> str:
    """Like `cut`, but keeps the end: of a case id that is the part that tells."""
    flat = one_line(text, 10_000)
    if cells(flat) <= width:
        return flat
    kept, used = [], 0
    for char in reversed(flat):
        used += _columns(char)
        if used > width - 2:
            break
        kept.append(char)
    return ".." + "".join(reversed(kept))


def padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int = 80, *, whole: Sequence[int] = ()
) -> list[str]:
    """One line per row, none wider than `width`; the widest columns give way first, those of `whole` last."""
    flat = [[one_line(cell, 10_000) for cell in row] for row in (head, *rows)]
    # a column without any content says nothing
    shown = [n for n in range(len(head)) if any(row[n] for row in flat[1:]) or n == 0]
    flat = [[row[n] for n in shown] for row in flat]
    kept = [n for n, column in enumerate(shown) if column in whole]
    widths = _fitted([max(cells(row[n]) for row in flat) for n in range(len(shown))], width, kept)
    return [GAP.join(padded(cut(c, w), w) for c, w in zip(row, widths, strict=True)).rstrip() for row in flat]


def _fitted(widths: list[int], width: int, kept: Sequence[int] = ()) -> list[int]:
    widths = list(widths)
    room = width - len(GAP) * (len(widths) - 1)
    free = [n for n in range(len(widths)) if n not in kept]
    for columns in (free, range(len(widths))):
        _narrowed(widths, columns, room)
    return widths


def _narrowed(widths: list[int], columns: Sequence[int], room: int) -> None:
    while columns and sum(widths) > room and max(widths[n] for n in columns) > _NARROWEST:
        widest = max(columns, key=lambda n: (widths[n], -n))
        second = max([widths[n] for n in columns if n != widest], default=_NARROWEST)
        widths[widest] = max(min(second, widths[widest] - 1), widths[widest] - (sum(widths) - room), _NARROWEST)


def wrapped(text: str, width: int = 80, indent: str = "") -> Iterator[str]:
    """Words over as many lines as needed; a word longer than a line stands alone and is not broken."""
    row = ""
    for word in one_line(text, 10_000).split():
        if row and cells(indent + row) + 1 + cells(word) > width:
            yield indent + row
            row = word
        else:
            row = f"{row} {word}" if row else word
    if row:
        yield indent + row


def blocks(*paragraphs: Sequence[str]) -> str:
    """An empty line between them, none for an empty one; ends with a newline."""
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"
