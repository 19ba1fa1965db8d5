"""`reports/index.md`: one row per run, newest first. Pure; the caller gives the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from loop.core.model import Rate, Verdict
from loop.core.wording import moment, percent
from loop.reports.document import Block, Heading, Line, Link, Paragraph, Row, Table, line
from loop.reports.markdown import markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    environment: str
    number: int
    started: datetime
    iterations: int
    """How many there are, Initial included."""
    verdict: Verdict | None
    """Of the last judged iteration; None when none was judged."""
    rate: Rate | None
    standing: str
    """The ending, or `running`, `paused`, `interrupted`."""
    report: str = ""
    """Path of the last iteration's report, relative to `reports/`."""


def index(rows: Sequence[IndexRow]) -> str:
    blocks: list[Block] = [Heading(1, line("Runs"))]
    for environment in sorted({row.environment for row in rows}):
        blocks.append(Heading(2, line(environment)))
        own = sorted((r for r in rows if r.environment == environment), key=lambda r: -r.number)
        head = ("Run", "Begun", "Iterations", "Verdict", "Pass rate", "Cases passed", "Standing")
        blocks.append(Table(head, tuple(Row(_cells(row)) for row in own)))
    return markdown((*blocks, *(() if rows else (Paragraph(line("None yet.")),))))


def _cells(row: IndexRow) -> tuple[Line, ...]:
    name = f"{row.environment}-{row.number}"
    shown = row.rate if row.verdict is not Verdict.INVALID else None
    return (
        line(Link(name, row.report) if row.report else name),
        line(moment(row.started)),
        line(str(row.iterations)),
        line(row.verdict or "none"),
        line(percent(shown) if shown else "no rate"),
        line(str(shown or "")),
        line(row.standing),
    )
