"""`reports/index.md`: one row per run, newest first. Pure; the caller gives the rows."""

from collections.abc import Sequence
from dataclasses import replace

from loop.core.model import Verdict
from loop.core.wording import RunRow, moment, percent
from loop.reports.document import Block, Heading, Line, Link, Paragraph, Row, Table, line
from loop.reports.markdown import markdown

IndexRow = RunRow

_HEAD = ("Run", "Begun", "Iterations", "Verdict", "Pass rate", "Cases passed", "Standing")


def index(rows: Sequence[RunRow]) -> str:
    """`report` of each row is a path below `reports/`, or begins with that folder as events name it."""
    blocks: list[Block] = [Heading(1, line("Runs"))]
    for environment in sorted({row.environment for row in rows}):
        own = sorted((r for r in rows if r.environment == environment), key=lambda r: -r.number)
        blocks += [Heading(2, line(environment)), Table(_HEAD, tuple(Row(_cells(row)) for row in own))]
    return markdown((*blocks, *(() if rows else (Paragraph(line("None yet.")),))))


def _cells(row: RunRow) -> tuple[Line, ...]:
    row = replace(row, report=row.report.removeprefix("reports/"))
    shown = row.rate if row.verdict is not Verdict.INVALID else None
    return (
        line(Link(row.name, row.report) if row.report else row.name),
        line(moment(row.started)),
        line(str(row.iterations)),
        line(row.verdict or "none"),
        line(percent(shown) if shown else "no rate"),
        line(str(shown or "")),
        line(row.standing),
    )
