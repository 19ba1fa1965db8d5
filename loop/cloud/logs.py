"""Reads Cloud Logging: what a revision wrote, what it was asked, what a build printed.

The log of requests is evidence: an entry is written by the platform, not by the service. Reads are limited to 60 a
minute and project (https://cloud.google.com/logging/quotas), so a refused read waits as long as the platform asks.
"""

import json
import time
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from loop.cloud.calls import CALL_TIMEOUT, patiently, poll
from loop.cloud.conversions import instant
from loop.cloud.values import Logged, Request, Written
from loop.cloud.wire import Wire
from loop.errors import Wait

if TYPE_CHECKING:
    from google.cloud.logging_v2.types import LogEntry

OUTPUT_LOGS = ("run.googleapis.com/stdout", "run.googleapis.com/stderr", "run.googleapis.com/varlog/system")
REQUEST_LOG = "run.googleapis.com/requests"
BUILD_LOG = "cloudbuild"
PAGE = 1000
SHOWN = 30
"""Lines of a log that a failure shows."""
PATIENCE_FOR_LINES = 5.0
"""Seconds that a failed start's lines may take to show up."""


class Logs:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def lines(
        self,
        service: str,
        revision: str = "",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
        wait: Wait = time.sleep,
    ) -> tuple[str, ...]:
        """The last `limit` lines that the containers of a service (or of one revision) wrote, oldest first."""
        query = self._query(OUTPUT_LOGS, service, revision, since, until)
        entries = self._read(query, "timestamp desc", limit, f"reading the log of {service}", wait)
        return tuple(_text(entry) for entry in reversed(entries))

    def entries(
        self,
        service: str,
        revision: str,
        *,
        since: datetime,
        until: datetime,
        limit: int = 1000,
        wait: Wait = time.sleep,
    ) -> tuple[Written, ...]:
        """The first `limit` entries that the containers of a revision wrote, oldest first."""
        query = self._query(OUTPUT_LOGS, service, revision, since, until)
        entries = self._read(query, "timestamp asc", limit, f"reading the log of {service}", wait)
        return tuple(map(written_from_entry, entries))

    def first_lines_of_failure(self, service: str, revision: str, wait: Wait) -> tuple[str, ...]:
        """A failed revision's last lines; waits a little, for lines arrive later than the failure does."""
        seen: tuple[str, ...] = ()

        def settled() -> tuple[str, ...] | None:
            nonlocal seen
            before, seen = seen, self.lines(service, revision, limit=SHOWN, wait=wait)
            return seen if seen and seen == before else None

        return poll(settled, wait=wait, within=PATIENCE_FOR_LINES) or seen

    def requests(
        self,
        service: str,
        *,
        since: datetime,
        until: datetime | None = None,
        trace: str = "",
        agent: str = "",
        limit: int = 10_000,
        wait: Wait = time.sleep,
    ) -> tuple[Request, ...]:
        """Entries of the service's request log, oldest first; of one trace or one User-Agent where that is given."""
        query = self._query((REQUEST_LOG,), service, "", since, until)
        if trace:
            query.append(f'trace="projects/{self._wire.target.project}/traces/{trace}"')
        if agent:
            query.append(f'httpRequest.userAgent="{_quoted(agent)}"')
        entries = self._read(query, "timestamp asc", limit, f"reading the request log of {service}", wait)
        return tuple(request_from_entry(entry) for entry in entries)

    def build_lines(self, build: str, *, skip: int = 0, wait: Wait = time.sleep) -> tuple[str, ...]:
        """What a build printed so far, without the first `skip` lines."""
        query = [*self._names((BUILD_LOG,)), 'resource.type="build"', f'resource.labels.build_id="{_quoted(build)}"']
        entries = self._read(query, "timestamp asc", None, f"reading the log of build {build}", wait)
        return tuple(_text(entry) for entry in entries)[skip:]

    def recent(
        self,
        service: str,
        revision: str,
        *,
        since: datetime,
        requests: bool,
        limit: int,
        wait: Wait = time.sleep,
    ) -> tuple[Logged, ...]:
        """The last `limit` entries of a service (or of one revision), oldest first; with `requests` those too."""
        logs = (*OUTPUT_LOGS, REQUEST_LOG) if requests else OUTPUT_LOGS
        query = self._query(logs, service, revision, since, None)
        entries = self._read(query, "timestamp desc", limit, f"reading the log of {service}", wait)
        return tuple(logged_from_entry(entry) for entry in reversed(entries))

    def _read(self, query: list[str], order: str, limit: int | None, what: str, wait: Wait) -> "list[LogEntry]":
        from google.cloud.logging_v2.types import ListLogEntriesRequest

        request = ListLogEntriesRequest(
            resource_names=[f"projects/{self._wire.target.project}"],
            filter=" AND ".join(query),
            order_by=order,
            page_size=min(limit or PAGE, PAGE),
        )

        def attempt(left: float) -> "list[LogEntry]":
            pages = self._wire.logging.list_log_entries(request=request, retry=None, timeout=min(left, CALL_TIMEOUT))
            return list(islice(pages, limit))

        return patiently(attempt, what=what, where=f"projects/{self._wire.target.project}", wait=wait)

    def _query(
        self, logs: tuple[str, ...], service: str, revision: str, since: datetime | None, until: datetime | None
    ) -> list[str]:
        query = [
            *self._names(logs),
            'resource.type="cloud_run_revision"',
            f'resource.labels.service_name="{_quoted(service)}"',
            f'resource.labels.location="{_quoted(self._wire.target.region)}"',
        ]
        if revision:
            query.append(f'resource.labels.revision_name="{_quoted(revision)}"')
        if since:
            query.append(f'timestamp>="{since.isoformat()}"')
        if until:
            query.append(f'timestamp<="{until.isoformat()}"')
        return query

    def _names(self, logs: tuple[str, ...]) -> list[str]:
        names = [f'logName="projects/{self._wire.target.project}/logs/{quote(log, safe="")}"' for log in logs]
        return names if len(names) == 1 else [f"({' OR '.join(names)})"]


def request_from_entry(entry: "LogEntry") -> Request:
    http, labels = entry.http_request, entry.resource.labels
    at = instant(entry.timestamp)
    assert at is not None, "Cloud Logging stamps every entry"
    return Request(
        at=at,
        service=labels["service_name"],
        revision=labels["revision_name"],
        method=http.request_method,
        url=http.request_url,
        status=http.status,
        seconds=http.latency.seconds + http.latency.nanos / 1e9 if http.HasField("latency") else None,
        agent=http.user_agent,
        trace=entry.trace.rpartition("/")[2],
        size=http.response_size,
    )


def written_from_entry(entry: "LogEntry") -> Written:
    from google.logging.type.log_severity_pb2 import LogSeverity

    at = instant(entry.timestamp)
    assert at is not None, "Cloud Logging stamps every entry"
    return Written(
        at=at,
        text=_text(entry),
        stream=unquote(entry.log_name).rpartition("/")[2],
        severity=LogSeverity.Name(entry.severity) if entry.severity else "",
        trace=entry.trace.rpartition("/")[2],
    )


def logged_from_entry(entry: "LogEntry") -> Logged:
    from google.logging.type.log_severity_pb2 import LogSeverity

    at = instant(entry.timestamp)
    assert at is not None, "Cloud Logging stamps every entry"
    return Logged(
        at=at,
        id=entry.insert_id,
        revision=entry.resource.labels["revision_name"],
        severity=LogSeverity.Name(entry.severity),
        text=_asked(entry) if entry.http_request.request_method else _text(entry),
    )


def _asked(entry: "LogEntry") -> str:
    asked = request_from_entry(entry)
    took = "" if asked.seconds is None else f", {asked.seconds * 1000:.0f} ms"
    return f"{asked.method} {asked.url} - {asked.status}{took}"


def _text(entry: "LogEntry") -> str:
    if entry.text_payload:
        return str(entry.text_payload).rstrip("\n")
    from google.protobuf.json_format import MessageToDict

    payload = MessageToDict(type(entry).pb(entry).json_payload)
    message = payload.get("message")
    return message if isinstance(message, str) else json.dumps(payload, sort_keys=True) if payload else ""


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
