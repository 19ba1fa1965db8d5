"""What survives `kill -9`: every resource as its own proto, in one SQLite file. Knows nothing of what they mean."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


class Kind(StrEnum):
    SERVICE = "service"
    REVISION = "revision"
    OPERATION = "operation"
    BUILD = "build"
    PORT = "port"
    TAG = "tag"
    POLICY = "policy"


SCHEMA = """
create table if not exists resource (
    seq integer primary key autoincrement, kind text not null, name text not null, body blob not null,
    unique (kind, name)
)
"""


class Store:
    """Thread-safe; a `change` is one transaction, and is on disk when its block is left."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self.closed = False
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = normal")  # safe against a killed process, which is what happens
        self._database.execute(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self.closed = True
            self._database.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        with self._lock:
            if self._depth:
                yield
                return
            self._depth += 1
            self._database.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._database.execute("rollback")
                raise
            else:
                self._database.execute("commit")
            finally:
                self._depth -= 1

    def get(self, kind: Kind, name: str, shape: type[M]) -> M | None:
        body = self._body(kind, name)
        return None if body is None else shape.FromString(body)

    def put(self, kind: Kind, name: str, message: Message) -> None:
        self._write(kind, name, message.SerializeToString())

    def delete(self, kind: Kind, name: str) -> None:
        with self._lock:
            self._database.execute("delete from resource where kind = ? and name = ?", (kind, name))

    def every(self, kind: Kind, shape: type[M], prefix: str = "") -> list[M]:
        """In order of creation."""
        with self._lock:
            rows = self._database.execute(
                "select body from resource where kind = ? and substr(name, 1, ?) = ? order by seq",
                (kind, len(prefix), prefix),
            ).fetchall()
        return [shape.FromString(body) for (body,) in rows]

    def names(self, kind: Kind, prefix: str) -> list[str]:
        """In order of creation."""
        with self._lock:
            rows = self._database.execute(
                "select name from resource where kind = ? and substr(name, 1, ?) = ? order by seq",
                (kind, len(prefix), prefix),
            ).fetchall()
        return [name for (name,) in rows]

    def get_json(self, kind: Kind, name: str) -> Any:
        body = self._body(kind, name)
        return None if body is None else json.loads(body)

    def put_json(self, kind: Kind, name: str, value: object) -> None:
        self._write(kind, name, json.dumps(value).encode())

    def every_json(self, kind: Kind) -> dict[str, Any]:
        with self._lock:
            rows = self._database.execute("select name, body from resource where kind = ? order by seq", (kind,))
            return {name: json.loads(body) for name, body in rows.fetchall()}

    def _body(self, kind: Kind, name: str) -> bytes | None:
        with self._lock:
            row = self._database.execute(
                "select body from resource where kind = ? and name = ?", (kind, name)
            ).fetchone()
        return None if row is None else row[0]

    def _write(self, kind: Kind, name: str, body: bytes) -> None:
        with self._lock:
            self._database.execute(
                "insert into resource (kind, name, body) values (?, ?, ?)"
                " on conflict (kind, name) do update set body = excluded.body",
                (kind, name, body),
            )
