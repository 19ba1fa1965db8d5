"""One run at a time per environment.

On SQLite the authority is a kernel lock on a file beside the journal, so a dead holder's lease is free at once; the row
in the journal only tells others who holds it, and counts the fencing number up.
"""

import fcntl
import getpass
import hashlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from loop.errors import LeaseHeld
from loop.journal import tables
from loop.journal.store import Journal

HEARTBEAT = 5.0
"""Seconds between two signs of life in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    holder: str
    host: str
    pid: int
    since: str
    heartbeat: str
    fence: int


class Lease:
    """Held from `acquire` to `release`, or until the process is gone."""

    fence: str
    """`<scope>:<number>`: within a scope, one environment of one journal, it counts up with every holder. Empty until
    held."""

    def __init__(self, journal: Journal, environment: str, *, holder: str) -> None:
        self.fence = ""
        self._engine = journal._engine
        self._environment = environment
        self._holder = holder
        self._path = Path(f"{journal.path}.{environment}.lease")
        self._file: IO[str] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, *, wait: Callable[[Holder | None], None] | None = None) -> None:
        """Without `wait`, a held lease raises LeaseHeld; with it, `wait` is called before every retry."""
        self._file = self._path.open("a")
        while not self._try():
            holder = holder_of(self._engine, self._environment)
            if wait is None:
                self._file.close()
                self._file = None
                raise _held(self._environment, holder)
            wait(holder)
        self.fence = self._record()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def release(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        if self._file:
            self._file.close()
            self._file = None

    def _try(self) -> bool:
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _record(self) -> str:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        values = {
            "environment": self._environment, "holder": self._holder, "host": socket.gethostname(), "pid": os.getpid(),
            "since": now, "heartbeat": now,
        }  # fmt: skip
        table = tables.leases
        mine = table.c.environment == self._environment
        with self._engine.begin() as connection:
            fence = (connection.scalar(sa.select(table.c.fence).where(mine)) or 0) + 1
            connection.execute(table.delete().where(mine))
            connection.execute(table.insert().values(values | {"fence": fence}))
            return f"{_scope(connection, self._environment)}:{fence}"

    def _beat(self) -> None:
        mine = tables.leases.c.environment == self._environment
        while not self._stop.wait(HEARTBEAT):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            with self._engine.begin() as connection:
                connection.execute(tables.leases.update().where(mine).values(heartbeat=now))


def _scope(connection: sa.Connection, environment: str) -> str:
    """Numbers of two journals, or of two environments, say nothing about each other."""
    mine = tables.meta.c.key == "journal"
    journal = connection.scalar(sa.select(tables.meta.c.value).where(mine))
    if journal is None:
        journal = secrets.token_hex(8)
        connection.execute(tables.meta.insert().values(key="journal", value=journal))
    return hashlib.sha256(f"{journal}/{environment}".encode()).hexdigest()[:12]


def holder_of(engine: sa.Engine, environment: str) -> Holder | None:
    query = sa.select(tables.leases).where(tables.leases.c.environment == environment)
    with engine.connect() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else Holder(**{k: v for k, v in row.items() if k != "environment"})


def held_by(journal: Journal, environment: str) -> str:
    """Who works at the environment now, as words; empty when nobody does. Asks the kernel, not the row."""
    path = Path(f"{journal.path}.{environment}.lease")
    if not path.exists():
        return ""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _who(holder_of(journal._engine, environment))
    return ""


def me() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def pause(_holder: Holder | None) -> None:
    """The plain way to wait for a lease."""
    time.sleep(0.5)


def _held(environment: str, holder: Holder | None) -> LeaseHeld:
    return LeaseHeld(
        f"another run of {environment} is under way, held by {_who(holder)}",
        where=f"environment {environment}",
        hint=f"wait for it with --wait; loop status --env {environment} shows where it stands",
    )


def _who(holder: Holder | None) -> str:
    return f"{holder.holder} (pid {holder.pid}) since {holder.since}" if holder else "another process"
