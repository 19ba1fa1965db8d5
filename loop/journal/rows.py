"""Case rows, packed: names are interned, outcomes are numbers, and only what did not simply pass carries details."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from loop.core.model import Case, CaseAttempt, Outcome
from loop.core.plain import plain_case
from loop.core.quiet import no_collections
from loop.journal.tables import cases as table
from loop.journal.tables import details as detail_table
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
        where = (run, batch.iteration, self._known[batch.suite], batch.attempt)
        rows = sorted(((*where, *self._row(case)) for case in cases), key=itemgetter(4))  # in order, pages are filled
        _insert(connection, table, rows)
        told = [(*where, self._known[case.id], body) for case in cases if (body := _details(case))]
        _insert(connection, detail_table, told)

    def _row(self, case: Case) -> tuple[int, int, int | None, int | None, None]:
        """In the order of the table's columns behind suite and attempt."""
        source = _source(case)
        return (
            self._known[case.id],
            _NUMBER[case.outcome],
            None if case.seconds is None else round(case.seconds * 1000),
            self._known[source] if source else None,
            None,
        )

    def _learn(self, connection: sa.Connection, wanted: Collection[str]) -> None:
        """An earlier run wrote most of them: they are looked up before any is written."""
        self._look_up(connection, [name for name in wanted if name not in self._known])
        new = sorted(name for name in wanted if name not in self._known)
        if new:
            statement = "INSERT INTO names (name) VALUES (?) ON CONFLICT (name) DO NOTHING"
            connection.exec_driver_sql(statement, [(name,) for name in new])
            self._look_up(connection, new)

    def _look_up(self, connection: sa.Connection, unknown: Sequence[str]) -> None:
        for start in range(0, len(unknown), 500):
            query = sa.select(names.c.name, names.c.id).where(names.c.name.in_(unknown[start : start + 500]))
            self._known.update((row[0], row[1]) for row in connection.execute(query))


def _insert(connection: sa.Connection, into: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """By the driver, for what SQLAlchemy does with each row's parameters costs more than the insertion."""
    if rows:
        statement = f"INSERT INTO {into.name} VALUES ({', '.join('?' * len(into.columns))})"  # noqa: S608 - our names
        connection.exec_driver_sql(statement, list(rows))


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
    suite = connection.scalar(sa.select(names.c.id).where(names.c.name == batch.suite))
    if suite is None:
        return []
    where = {"run": run, "iteration": batch.iteration, "suite": suite, "attempt": batch.attempt}
    told = sa.select(detail_table.c.case_id, detail_table.c.body)
    told = told.where(*(detail_table.c[key] == value for key, value in where.items()))
    bodies = {row[0]: row[1] for row in connection.execute(told)}
    sources = names.alias()
    query = (
        sa.select(
            table.c.case_id, names.c.name, table.c.outcome, table.c.ms, sources.c.name.label("source"), table.c.details
        )
        .join(names, names.c.id == table.c.case_id)
        .outerjoin(sources, sources.c.id == table.c.source)
        .where(*(table.c[key] == value for key, value in where.items()))
        .order_by(table.c.case_id)
    )
    with no_collections():
        return [_case(*row, bodies) for row in connection.execute(query)]


def _case(
    number: int,
    name: str,
    outcome: int,
    ms: int | None,
    source: str | None,
    details: str | None,
    bodies: dict[int, str],
) -> Case:
    file, _, digest = source.partition("\0") if source else ("", "", "")
    seconds = None if ms is None else ms / 1000
    details = details or bodies.get(number)
    if details is None:
        return plain_case(name, OUTCOMES[outcome], seconds, file, digest)
    body = json.loads(details)
    attempts = tuple(CaseAttempt(outcome=Outcome(o), seconds=s, message=m) for o, s, m in body.pop("attempts", ()))
    started = body.pop("started", None)
    return Case(
        id=name,
        outcome=OUTCOMES[outcome],
        seconds=seconds,
        file=file,
        source=digest,
        attempts=attempts,
        started=datetime.fromisoformat(started) if started else None,
        **body,
    )
