"""Case rows, packed: names and long texts are interned, outcomes are numbers, and only what did not simply pass carries
details."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from loop.core.model import Case, CaseAttempt, Outcome
from loop.core.plain import plain_case
from loop.core.quiet import no_collections
from loop.journal.tables import cases as table
from loop.journal.tables import details as detail_table
from loop.journal.tables import names, texts

OUTCOMES = (
    Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED, Outcome.XFAILED, Outcome.XPASSED,
    Outcome.UNFINISHED, Outcome.NOT_RUN,
)  # fmt: skip
"""Numbers are places in this tuple: append only."""
SHORT = 100
"""Characters that a case has to say which stay with it: a row of their own would cost more than it saves."""
TEXT = "text"
"""In the details: the number of what else the case has to say."""
_NUMBER = {outcome: n for n, outcome in enumerate(OUTCOMES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Where case rows belong. Rows of an attempt that never finished stay and are never counted."""

    iteration: int
    suite: str
    attempt: int


class Rows:
    """Writes cases; remembers the numbers of what this process has already seen, the tables have the rest."""

    def __init__(self) -> None:
        self._names = Interned(names, "name")
        self._texts = Interned(texts, "digest")

    def insert(self, connection: sa.Connection, run: int, batch: Batch, cases: Sequence[Case]) -> None:
        if not cases:
            return
        wanted = {batch.suite, *(c.id for c in cases), *(s for c in cases if (s := _source(c)))}
        number = self._names.numbers(connection, {name: (name,) for name in wanted})
        where = (run, batch.iteration, number[batch.suite], batch.attempt)
        rows = [(*where, *_row(case, number)) for case in cases]
        _insert(connection, table, sorted(rows, key=itemgetter(4)))  # in order, pages are filled
        said = [(number[case.id], *_said(case)) for case in cases]
        _insert(connection, detail_table, [(*where, *row) for row in self._told(connection, said)])

    def _told(
        self, connection: sa.Connection, said: Iterable[tuple[int, dict[str, Any], str]]
    ) -> Iterator[tuple[int, str]]:
        """Case and details, for those that have something to say."""
        digests = [(case, own, _digest(text) if text else "", text) for case, own, text in said if own or text]
        number = self._texts.numbers(connection, {digest: (digest, text) for _, _, digest, text in digests if text})
        for case, own, digest, _ in digests:
            yield case, _json(own | {TEXT: number[digest]} if digest else own)


class Interned:
    """What is written once into a table of its own and referred to by number; `key` is the column that tells it."""

    def __init__(self, into: sa.Table, key: str) -> None:
        self._table, self._key = into, into.c[key]
        self._known: dict[str, int] = {}

    def numbers(self, connection: sa.Connection, wanted: Mapping[str, tuple[str, ...]]) -> Mapping[str, int]:
        """Of at least those keys; the values are the table's columns behind `id`. An earlier run wrote most of them:
        they are looked up before any is written."""
        self._look_up(connection, [key for key in wanted if key not in self._known])
        new = sorted(key for key in wanted if key not in self._known)
        if new:
            columns = [column.name for column in self._table.columns][1:]
            into, values = f"{self._table.name} ({', '.join(columns)})", ", ".join("?" * len(columns))
            statement = f"INSERT INTO {into} VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608 - our names
            connection.exec_driver_sql(statement, [wanted[key] for key in new])
            self._look_up(connection, new)
        return self._known

    def _look_up(self, connection: sa.Connection, unknown: Sequence[str]) -> None:
        for start in range(0, len(unknown), 500):
            query = sa.select(self._key, self._table.c.id).where(self._key.in_(unknown[start : start + 500]))
            self._known.update((row[0], row[1]) for row in connection.execute(query))


def _insert(connection: sa.Connection, into: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """By the driver, for what SQLAlchemy does with each row's parameters costs more than the insertion."""
    if rows:
        statement = f"INSERT INTO {into.name} VALUES ({', '.join('?' * len(into.columns))})"  # noqa: S608 - our names
        connection.exec_driver_sql(statement, list(rows))


def _source(case: Case) -> str:
    return f"{case.file}\0{case.source}" if case.file or case.source else ""


def _row(case: Case, number: Mapping[str, int]) -> tuple[int, int, int | None, int | None, None]:
    """In the order of the table's columns behind suite and attempt."""
    source = _source(case)
    return (
        number[case.id],
        _NUMBER[case.outcome],
        None if case.seconds is None else round(case.seconds * 1000),
        number[source] if source else None,
        None,
    )


def _said(case: Case) -> tuple[dict[str, Any], str]:
    """What is the case's own in this attempt, and its text where that is worth a row of its own."""
    text = {key: value for key in ("message", "detail", "signature") if (value := getattr(case, key))}
    own: dict[str, Any] = {"properties": case.properties} if case.properties else {}
    if case.attempts:
        own["attempts"] = [[a.outcome, a.seconds, a.message] for a in case.attempts]
    if case.outcome is not Outcome.PASSED:
        own |= {"trace": case.trace} if case.trace else {}
        own |= {"started": case.started.isoformat()} if case.started else {}
    return (own, _json(text)) if sum(map(len, text.values())) > SHORT else (own | text, "")


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def select(connection: sa.Connection, run: int, batch: Batch) -> list[Case]:
    suite = connection.scalar(sa.select(names.c.id).where(names.c.name == batch.suite))
    if suite is None:
        return []
    where = {"run": run, "iteration": batch.iteration, "suite": suite, "attempt": batch.attempt}
    told = sa.select(detail_table.c.case_id, detail_table.c.body)
    told = told.where(*(detail_table.c[key] == value for key, value in where.items()))
    bodies = {row[0]: json.loads(row[1]) for row in connection.execute(told)}
    said = _texts(connection, {body[TEXT] for body in bodies.values() if TEXT in body})
    bodies = {n: {**said.get(body.pop(TEXT, None), {}), **body} for n, body in bodies.items()}
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


def _texts(connection: sa.Connection, wanted: Collection[int]) -> Mapping[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    numbers = sorted(wanted)
    for start in range(0, len(numbers), 500):
        query = sa.select(texts.c.id, texts.c.body).where(texts.c.id.in_(numbers[start : start + 500]))
        found.update((row[0], json.loads(row[1])) for row in connection.execute(query))
    return found


def _case(
    number: int,
    name: str,
    outcome: int,
    ms: int | None,
    source: str | None,
    details: str | None,
    bodies: Mapping[int, dict[str, Any]],
) -> Case:
    file, _, digest = source.partition("\0") if source else ("", "", "")
    seconds = None if ms is None else ms / 1000
    body = json.loads(details) if details else bodies.get(number)
    if body is None:
        return plain_case(name, OUTCOMES[outcome], seconds, file, digest)
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
