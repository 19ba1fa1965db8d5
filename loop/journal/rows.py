"""Case rows, packed: names are interned, outcomes are numbers, and only what did not simply pass carries details."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from loop.core.model import Case, CaseAttempt, Outcome
from loop.journal.tables import cases as table
from loop.journal.tables import names

OUTCOMES = (
    Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED, Outcome.XFAILED, Outcome.XPASSED,
    Outcome.UNFINISHED, Outcome.NOT_RUN,
)  # fmt: skip
"""Numbers are places in this tuple: append only."""
_NUMBER = {outcome: n for n, outcome in enumerate(OUTCOMES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Where case rows belong. Rows of an attempt that never finished stay and are never counted."""

    iteration: int
    suite: str
    attempt: int


class Names:
    """Numbers of the names that this process has already seen; the table has the rest."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def insert(self, connection: sa.Connection, run: int, batch: Batch, cases: Sequence[Case]) -> None:
        if not cases:
            return
        self._learn(connection, {batch.suite, *(c.id for c in cases), *(s for c in cases if (s := _source(c)))})
        known = self._known
        where = {"run": run, "iteration": batch.iteration, "suite": known[batch.suite], "attempt": batch.attempt}
        connection.execute(table.insert(), [where | self._row(case) for case in cases])

    def _row(self, case: Case) -> dict[str, Any]:
        source = _source(case)
        return {
            "case_id": self._known[case.id],
            "outcome": _NUMBER[case.outcome],
            "ms": None if case.seconds is None else round(case.seconds * 1000),
            "source": self._known[source] if source else None,
            "details": _details(case),
        }

    def _learn(self, connection: sa.Connection, wanted: Iterable[str]) -> None:
        new = sorted(name for name in wanted if name not in self._known)
        if not new:
            return
        statement = sa.text("INSERT INTO names (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")
        connection.execute(statement, [{"name": name} for name in new])
        for start in range(0, len(new), 500):
            query = sa.select(names.c.name, names.c.id).where(names.c.name.in_(new[start : start + 500]))
            self._known.update((row.name, row.id) for row in connection.execute(query))


def _source(case: Case) -> str:
    return f"{case.file}\0{case.source}" if case.file or case.source else ""


def _details(case: Case) -> str | None:
    body: dict[str, Any] = {
        key: value
        for key in ("message", "detail", "signature", "properties", "trace")
        if (value := getattr(case, key)) and not (key == "trace" and case.outcome is Outcome.PASSED)
    }
    if case.attempts:
        body["attempts"] = [[a.outcome, a.seconds, a.message] for a in case.attempts]
    if case.started and case.outcome is not Outcome.PASSED:
        body["started"] = case.started.isoformat()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")) if body else None


def select(connection: sa.Connection, run: int, batch: Batch) -> list[Case]:
    suite = sa.select(names.c.id).where(names.c.name == batch.suite).scalar_subquery()
    sources = names.alias()
    query = (
        sa.select(names.c.name, table.c.outcome, table.c.ms, sources.c.name, table.c.details)
        .join(names, names.c.id == table.c.case_id)
        .outerjoin(sources, sources.c.id == table.c.source)
        .where(table.c.run == run, table.c.iteration == batch.iteration)
        .where(table.c.suite == suite, table.c.attempt == batch.attempt)
        .order_by(table.c.case_id)
    )
    return [_case(*row) for row in connection.execute(query)]


def _case(name: str, outcome: int, ms: int | None, source: str | None, details: str | None) -> Case:
    file, _, digest = (source or "").partition("\0")
    body = json.loads(details) if details else {}
    attempts = tuple(CaseAttempt(outcome=Outcome(o), seconds=s, message=m) for o, s, m in body.pop("attempts", ()))
    started = body.pop("started", None)
    return Case(
        id=name,
        outcome=OUTCOMES[outcome],
        seconds=None if ms is None else ms / 1000,
        file=file,
        source=digest,
        attempts=attempts,
        started=datetime.fromisoformat(started) if started else None,
        **body,
    )
