"""Measured figures and the table of them. Knows nothing of what was measured."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TURNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One quantity, measured several times."""

    what: str
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def __str__(self) -> str:
        low, middle, high = (f"{value:.3g}" for value in (min(self.values), self.median, self.most))
        return f"{self.what}: {low} / {middle} / {high} {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one bench found: `figure` is held against `limit`, `series` and `remarks` say where it comes from."""

    name: str
    figure: float
    limit: float
    unit: str
    rule: str
    series: tuple[Series, ...]
    remarks: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        return self.figure <= self.limit


def table(rows: Sequence[Row]) -> str:
    """One row per bench: name, measured (min / median / max), the figure, its limit, met or not."""
    lines = [("bench", "measured: min / median / max", "figure", "limit", "")]
    for row in rows:
        first, *more = [*map(str, row.series), *row.remarks, row.rule]
        figures = (f"{row.figure:.3g} {row.unit}", f"{row.limit:.3g} {row.unit}", "met" if row.met else "MISSED")
        lines.append((row.name, first, *figures))
        lines += [("", text, "", "", "") for text in more]
    return "\n".join(_aligned(lines)) + "\n"


def _aligned(lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
