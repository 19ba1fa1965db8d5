"""Threads, messages and settings in SQLite, in memory unless DATABASE_PATH names a file.

Called from the event loop's thread only: every statement is short, and one connection serves all.
"""

import json
import os
import sqlite3
from typing import Any

SCHEMA = """
create table if not exists threads (id integer primary key, owner text not null, title text not null);
create table if not exists messages (
  thread integer not null references threads, number integer not null, role text not null, text text not null,
  primary key (thread, number)
);
create table if not exists settings (owner text, agent text, value text not null, primary key (owner, agent));
"""


class Store:
    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(SCHEMA)

    def alive(self) -> bool:
        return bool(self._db.execute("select 1").fetchone()[0] == 1)

    def open_thread(self, owner: str, title: str) -> dict[str, Any]:
        cursor = self._db.execute("insert into threads (owner, title) values (?, ?)", (owner, title))
        return {"id": cursor.lastrowid, "title": title}

    def threads(self, owner: str) -> list[dict[str, Any]]:
        return self._rows("select id, title from threads where owner = ? order by id", owner)

    def thread(self, owner: str, thread: int) -> dict[str, Any] | None:
        """None for somebody else's thread too: whether it exists is not for others to know."""
        found = self._rows("select id, title from threads where owner = ? and id = ?", owner, thread)
        return found[0] if found else None

    def drop_thread(self, thread: int) -> None:
        self._db.execute("delete from messages where thread = ?", (thread,))
        self._db.execute("delete from threads where id = ?", (thread,))

    def add_message(self, thread: int, role: str, text: str) -> dict[str, Any]:
        query = "insert into messages select ?, coalesce(max(number), 0) + 1, ?, ? from messages where thread = ?"
        self._db.execute(query, (thread, role, text, thread))
        return self.messages(thread)[-1]

    def messages(self, thread: int) -> list[dict[str, Any]]:
        return self._rows("select number, role, text from messages where thread = ? order by number", thread)

    def settings(self, owner: str, agent: str) -> dict[str, Any]:
        found = self._rows("select value from settings where owner = ? and agent = ?", owner, agent)
        value: dict[str, Any] = json.loads(found[0]["value"]) if found else {}
        return value

    def keep_settings(self, owner: str, agent: str, value: dict[str, Any]) -> None:
        self._db.execute("insert or replace into settings values (?, ?, ?)", (owner, agent, json.dumps(value)))

    def _rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self._db.execute(query, values)]


STORE = Store(os.environ.get("DATABASE_PATH", ":memory:"))
