"""One request and its answer: what is known of it while it lasts, and its line in the request log afterwards."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loop.emulator.heads import Head
from loop.emulator.logs import stamp
from loop.emulator.names import ServiceName, short_name
from loop.emulator.output import labels


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as the request log will show it."""

    key: str
    head: Head
    peer: str
    began: datetime
    clock: float
    trace: str
    span: str
    status: int = 0
    revision: str = ""
    request_size: int = 0
    sent: bool = False
    """The body went with the head."""
    response_size: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.head.get('host') or '127.0.0.1'}{self.head.start[1]}"


def begin(key: str, head: Head, writer: asyncio.StreamWriter) -> Exchange:
    peer = writer.get_extra_info("peername")
    trace, span = _trace(head)
    return Exchange(key, head, peer[0] if peer else "", datetime.now(UTC), time.monotonic(), trace, span)


def _trace(head: Head) -> tuple[str, str]:
    """Trace and span: of `traceparent`, else of X-Cloud-Trace-Context, else new ones."""
    parts = head.get("traceparent").split("-")
    if len(parts) >= 4 and _is_hex(parts[1], 32) and _is_hex(parts[2], 16):
        return parts[1], parts[2]
    trace = head.get("x-cloud-trace-context").partition("/")[0]
    return (trace if _is_hex(trace, 32) else secrets.token_hex(16)), secrets.token_hex(8)


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(char in "0123456789abcdef" for char in text) and text.strip("0") != ""


def log_entry(service: ServiceName, exchange: Exchange) -> dict[str, Any]:
    """Its line in the request log, written when it is over."""
    latency = time.monotonic() - exchange.clock
    request: dict[str, Any] = {
        "requestMethod": exchange.head.start[0],
        "requestUrl": exchange.url,
        "requestSize": str(exchange.head.size + exchange.request_size),
        "status": exchange.status,
        "responseSize": str(exchange.response_size),
        "userAgent": exchange.head.get("user-agent"),
        "remoteIp": exchange.peer,
        "serverIp": "127.0.0.1",
        "latency": f"{latency:.9f}s",
        "protocol": exchange.head.start[2],
    }
    if referer := exchange.head.get("referer"):
        request["referer"] = referer
    return {
        "timestamp": stamp(exchange.began),
        "severity": "ERROR" if exchange.status >= 500 else "WARNING" if exchange.status >= 400 else "INFO",
        "httpRequest": request,
        "resource": {"type": "cloud_run_revision", "labels": labels(service, short_name(exchange.revision))},
        "trace": f"projects/{service.project}/traces/{exchange.trace}",
        "spanId": exchange.span,
    }
