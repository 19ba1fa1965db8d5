"""Cloud Logging: what revisions write, the request log and build logs, read with ListLogEntries.

Entries are kept for 30 days, as the _Default bucket keeps them (Logging's quota page).
"""

import base64
import json
import sqlite3
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from loop.emulator.logfilter import AllOf, Comparison, Entry, FilterError, Test, parse
from loop.emulator.protos import logging
from loop.emulator.quotas import Rate
from loop.emulator.wire import Method, invalid, shape

ListLogEntriesRequest = shape(logging.ListLogEntriesRequest)
ListLogEntriesResponse = shape(logging.ListLogEntriesResponse)
LogEntry = shape(logging.LogEntry)
KEPT = timedelta(days=30)
LARGEST_PAGE = 1000
COLUMNS = {
    ("resource", "labels", "service_name"): "service",
    ("resource", "labels", "revision_name"): "revision",
    ("logName",): "log",
    ("trace",): "trace",
}
SCHEMA = """
create table if not exists entry (
    seq integer primary key, at text not null, project text not null, log text collate nocase not null,
    service text collate nocase, revision text collate nocase, trace text collate nocase, body text not null
);
create index if not exists entry_by_time on entry (at, seq);
create index if not exists entry_by_trace on entry (trace) where trace is not null;
"""


def now() -> str:
    return stamp(datetime.now(UTC))


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC, always as long, so that text order is order of time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Logs:
    def __init__(self, path: Path, reads_per_minute: int = 0) -> None:
        self._rate = Rate("reads of log entries", reads_per_minute)
        self._lock = threading.Lock()
        self._closed = False
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = normal")
        self._database.executescript(SCHEMA)
        self._database.execute("delete from entry where at < ?", (stamp(datetime.now(UTC) - KEPT),))
        # A connection of its own, for a long search must not hold up the router, which writes.
        self._reading = threading.Lock()
        self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._database.close()

    def write(self, project: str, log: str, entry: Entry) -> None:
        """`log` is the short name, as `run.googleapis.com/requests`."""
        received = now()
        entry = {
            "insertId": uuid.uuid4().hex[:20],
            "timestamp": received,
            "receiveTimestamp": received,
            **entry,
            "logName": f"projects/{project}/logs/{log.replace('/', '%2F')}",
        }
        labels = entry.get("resource", {}).get("labels", {})
        row = (
            entry["timestamp"], project, entry["logName"], labels.get("service_name"), labels.get("revision_name"),
            entry.get("trace"), json.dumps(entry),
        )  # fmt: skip
        with self._lock:
            if self._closed:
                return  # a last line of a process that is being stopped together with the emulator
            self._database.execute(
                "insert into entry (at, project, log, service, revision, trace, body) values (?, ?, ?, ?, ?, ?, ?)", row
            )

    def methods(self) -> list[Method]:
        return [Method("google.logging.v2.LoggingServiceV2/ListLogEntries", ListLogEntriesRequest, self._list)]

    def _list(self, request: Any) -> Any:
        projects = [name.split("/")[1] for name in request.resource_names if name.startswith("projects/")]
        if not projects:
            raise invalid("resource_names: at least one projects/PROJECT_ID is needed.")
        if not 0 <= request.page_size <= LARGEST_PAGE:
            raise invalid(f"page_size: {request.page_size} is not between 0 and {LARGEST_PAGE}.")
        try:
            test = parse(request.filter)
        except FilterError as error:
            raise invalid(f"Unparseable filter: {error}.") from error
        for project in projects:
            self._rate.take(project)
        found, more = self._find(
            projects, test, _descending(request.order_by), request.page_size or 50, request.page_token
        )
        answer = ListLogEntriesResponse(next_page_token=more)
        for entry in found:
            json_format.ParseDict(entry, answer.entries.add(), ignore_unknown_fields=True)
        return answer

    def _find(
        self, projects: list[str], test: Test, descending: bool, size: int, token: str
    ) -> tuple[list[Entry], str]:
        where, values = _narrowed(projects, test)
        order = "desc" if descending else "asc"
        if token:
            where += f" and (at, seq) {'<' if descending else '>'} (?, ?)"
            values += _from_token(token)
        found: list[Entry] = []
        query = f"select at, seq, body from entry where {where} order by at {order}, seq {order}"  # noqa: S608 (only our own words; values are bound)
        last = ("", 0)
        with self._reading:
            for at, seq, body in self._reader.execute(query, values):
                entry = json.loads(body)
                if not test(entry):
                    continue
                if len(found) == size:
                    return found, _to_token(last)
                found.append(entry)
                last = (at, seq)
        return found, ""


def _narrowed(projects: list[str], test: Test) -> tuple[str, list[Any]]:
    """What SQL can rule out ahead; every row is still put to the whole test."""
    where = f"project in ({', '.join('?' for _ in projects)})"
    values: list[Any] = list(projects)
    for part in test.parts if isinstance(test, AllOf) else (test,):
        if not isinstance(part, Comparison):
            continue
        if part.op == "=" and part.path in COLUMNS:
            where += f" and {COLUMNS[part.path]} = ?"
            values.append(part.value)
        elif part.path == ("timestamp",) and part.op in ("<", "<=", ">", ">=") and (at := _stamped(part.value)):
            where += f" and at {part.op} ?"
            values.append(at)
    return where, values


def _stamped(text: str) -> str | None:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return stamp(at if at.tzinfo else at.replace(tzinfo=UTC))


def _descending(order_by: str) -> bool:
    if order_by in ("", "timestamp asc", "timestamp"):
        return False
    if order_by == "timestamp desc":
        return True
    raise invalid(f'order_by: {order_by!r} is neither "timestamp asc" nor "timestamp desc".')


def _to_token(last: tuple[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(last).encode()).decode()


def _from_token(token: str) -> list[Any]:
    try:
        at, seq = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise invalid("page_token: not a token of this server.") from error
    return [at, seq]
