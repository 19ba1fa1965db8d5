"""The event store and the case rows, on SQLite through SQLAlchemy Core.

One Journal per process; its methods may be called from any thread. An append is one transaction and durable (WAL, FULL)
when it returns.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from loop.core import back, events
from loop.core.events import Event, IterationJudged, RollbackRequested, RunEnded, RunStarted
from loop.core.fold import begin, evolve
from loop.core.goal import meeting
from loop.core.model import Case, TrendRow
from loop.core.state import RunState
from loop.errors import JournalError, JournalNewer
from loop.journal import rows, tables
from loop.journal.codec import decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run's row: `environment-number` for people, uid for machines, id for this journal."""

    id: int
    uid: str
    environment: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.environment}-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Somebody agreed that a case, which ran in the baseline, no longer counts."""

    case_id: str
    who: str
    at: datetime
    reason: str


def opened(url: str, root: Path) -> "Journal":
    """Open or make the journal; a relative SQLite path is relative to the repository `root`."""
    target = sa.engine.make_url(url)
    if target.get_backend_name() != "sqlite":
        raise JournalError(
            "only SQLite journals are supported so far", where=url, hint="use sqlite:///.loop/journal.db"
        )
    path = root / (target.database or ".loop/journal.db")
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(target.set(database=str(path)), connect_args={"check_same_thread": False})
    sa.event.listen(engine, "connect", _pragmas)
    try:
        return Journal(engine, path)
    except sa.exc.DatabaseError as error:
        raise JournalError(
            f"the journal can not be read: {error.orig}", where=str(path), hint="move the file away to begin a new one"
        ) from error


def _pragmas(connection: Any, _record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


class Journal:
    def __init__(self, engine: sa.Engine, path: Path) -> None:
        self.path = path
        self._engine = engine
        self._lock = threading.Lock()
        self._rows = rows.Rows()
        with engine.begin() as connection:
            self._refuse_newer(connection)
            tables.metadata.create_all(connection)
            # also of an earlier journal: from now on it holds what the program that made it can not read
            statement = sa.text("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', :schema)")
            connection.execute(statement, {"schema": str(tables.SCHEMA)})

    def _refuse_newer(self, connection: sa.Connection) -> None:
        if not sa.inspect(connection).has_table("meta"):
            return
        schema = connection.scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == "schema"))
        if schema is not None and int(schema) > tables.SCHEMA:
            raise JournalNewer(
                f"the journal has schema {schema}, this program knows {tables.SCHEMA}",
                where=str(self.path),
                hint="update loop; nothing in the journal was changed",
            )

    def close(self) -> None:
        self._engine.dispose()

    # runs

    def start(self, event: RunStarted) -> Run:
        """Record a run's first event. Raises JournalError when the number is taken."""
        row = {"uid": event.uid, "environment": event.environment, "number": event.number}
        with self._lock, self._engine.begin() as connection:
            try:
                inserted = connection.execute(tables.runs.insert().values(row))
            except sa.exc.IntegrityError as error:
                raise JournalError(
                    f"run {event.environment}-{event.number} exists already", where=str(self.path)
                ) from error
            run = Run(id=inserted.inserted_primary_key[0], **row)  # type: ignore[index, arg-type]
            self._insert(connection, run, 0, event)
        return run

    def runs(self, environment: str | None = None) -> tuple[Run, ...]:
        """Oldest first."""
        query = sa.select(tables.runs).order_by(tables.runs.c.id)
        if environment is not None:
            query = query.where(tables.runs.c.environment == environment)
        with self._engine.connect() as connection:
            return tuple(Run(**row._mapping) for row in connection.execute(query))

    def find(self, name: str) -> Run | None:
        """By `staging-42` or by uid."""
        return next((r for r in self.runs() if name in (r.name, r.uid)), None)

    # events

    def append(
        self, run: Run, seq: int, event: Event, cases: Sequence[Case] = (), batch: rows.Batch | None = None
    ) -> None:
        """Event `seq` of the run, with the case rows that belong to it, in one transaction."""
        with self._lock, self._engine.begin() as connection:
            if batch is not None:
                self._rows.insert(connection, run.id, batch, cases)
            self._insert(connection, run, seq, event)

    def _insert(self, connection: sa.Connection, run: Run, seq: int, event: Event) -> None:
        name = type(event).__name__
        values = {"run": run.id, "seq": seq, "type": name, "version": events.VERSION, "body": encode(event)}
        connection.execute(tables.events.insert().values(values))

    def events(self, run: Run, *, types: Iterable[str] | None = None) -> tuple[Event, ...]:
        """In order. `types` picks class names."""
        table = tables.events.c
        query = sa.select(table.type, table.version, table.body).where(table.run == run.id).order_by(table.seq)
        if types is not None:
            query = query.where(table.type.in_(tuple(types)))
        with self._engine.connect() as connection:
            return tuple(decode(*row) for row in connection.execute(query))

    def count(self, run: Run) -> int:
        query = sa.select(sa.func.count()).select_from(tables.events).where(tables.events.c.run == run.id)
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def state(self, run: Run) -> RunState:
        """The fold of all events of the run."""
        first, *rest = self.events(run)
        assert isinstance(first, RunStarted)
        state = begin(first)
        for event in rest:
            state = evolve(state, event)
        return state

    def trend(self, environment: str, limit: int = 5) -> tuple[TrendRow, ...]:
        """The last judged iteration of each of the environment's latest runs, oldest first."""
        found: list[TrendRow] = []
        for run in reversed(self.runs(environment)):
            if len(found) == limit:
                break
            row = self._trend_row(run)
            if row:
                found.append(row)
        return tuple(reversed(found))

    def _trend_row(self, run: Run) -> TrendRow | None:
        seen = self.events(run, types=("IterationJudged", "RunEnded", "RollbackRequested"))
        judged = [e for e in seen if isinstance(e, IterationJudged)]
        ended = [e for e in seen if isinstance(e, RunEnded)]
        if not judged:
            return None
        endings = [ended[-1].ending.value] if ended else []
        endings += [back.words(self.state(run))] if isinstance(seen[-1], RollbackRequested) else []
        met = meeting([e.judgement for e in judged])
        last = next(e for e in reversed(judged) if e.judgement is met)
        return TrendRow(
            run=run.name, iteration=last.iteration, at=last.at, verdict=last.judgement.verdict,
            rate=last.judgement.raw, ending=", ".join(endings),
        )  # fmt: skip

    # cases

    def add_cases(self, run: Run, batch: rows.Batch, cases: Sequence[Case]) -> None:
        with self._lock, self._engine.begin() as connection:
            self._rows.insert(connection, run.id, batch, cases)

    def cases(self, run: Run, batch: rows.Batch) -> list[Case]:
        """All rows of one suite attempt, in case id order of first sight."""
        with self._engine.connect() as connection:
            return rows.select(connection, run.id, batch)

    def case_ids(self, environment: str | None = None) -> list[str]:
        """Every case that any run ever had, without order."""
        named = sa.select(tables.cases.c.case_id)
        if environment is not None:
            of = sa.select(tables.runs.c.id).where(tables.runs.c.environment == environment)
            named = named.where(tables.cases.c.run.in_(of))
        query = sa.select(tables.names.c.name).where(tables.names.c.id.in_(named))
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    # acceptances

    def accept(self, environment: str, accepted: Sequence[Acceptance]) -> None:
        rows = [
            {"environment": environment, "case_id": a.case_id, "who": a.who, "at": a.at.isoformat(), "reason": a.reason}
            for a in accepted
        ]
        with self._lock, self._engine.begin() as connection:
            connection.execute(tables.acceptances.insert(), rows)

    def acceptances(self, environment: str) -> tuple[Acceptance, ...]:
        """Oldest first."""
        table = tables.acceptances.c
        query = sa.select(table.case_id, table.who, table.at, table.reason).order_by(table.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(table.environment == environment)).all()
        return tuple(
            Acceptance(case_id=row.case_id, who=row.who, at=datetime.fromisoformat(row.at), reason=row.reason)
            for row in rows
        )
