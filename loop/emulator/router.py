"""The front of all services: one loopback port per service and per tag, split by percent, passed on byte by byte.

Only heads are read (see `heads`); bodies, event streams and WebSockets flow through as they are, so a refused handshake
reaches the client as the app's own answer. Adds only header fields that Google's front end adds.
"""

import asyncio
import contextlib
import random
import secrets
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from loop.emulator.heads import LARGEST_HEAD, BadHead, Head, copy_body, copy_until_end, encode, read_head, without_hops
from loop.emulator.instances import Instance, Instances, StartFailed, labels
from loop.emulator.logs import Logs, stamp
from loop.emulator.names import ServiceName, service_name, short_name

UNAVAILABLE = "The request failed because the response was malformed or the connection to the instance had an error."

BODY_GRACE = 0.05
"""Seconds that an answer waits for the rest of the request's body to be passed on."""
SMALL = 65_536
"""Bytes of a body that is sent in one piece with its head."""
LINGER = 1.0
"""Seconds in which the rest of a refused body is read and thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    revision: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    service: ServiceName
    targets: tuple[Target, ...]
    seconds: float = 300.0
    """Request timeout of the service's template."""

    def pick(self) -> str:
        weights = [target.percent for target in self.targets]
        return random.choices(self.targets, weights if sum(weights) else None)[0].revision  # noqa: S311 (not a secret)


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


class Router:
    def __init__(self, logs: Logs, instances: Instances, revision: Callable[[str], Any]) -> None:
        self._logs = logs
        self._instances = instances
        self._revision = revision
        self._routes: dict[str, Route] = {}
        self._loop = asyncio.get_running_loop()
        self._starters = ThreadPoolExecutor(32, thread_name_prefix="scale-from-zero")
        self._connections: set[asyncio.Task[None]] = set()

    def route(self, key: str, route: Route | None) -> None:
        """From any thread; the next request already follows it."""
        if route is None:
            self._routes.pop(key, None)
        else:
            self._routes[key] = route

    def listen(self, key: str, listening: socket.socket) -> None:
        """From any thread; `key` is a reservation (see `ports.key_of`)."""
        self._loop.call_soon_threadsafe(lambda: self._track(self._listen(key, listening)))

    def _track(self, coroutine: Any) -> None:
        task = self._loop.create_task(coroutine)
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _listen(self, key: str, listening: socket.socket) -> None:
        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(key, reader, writer)

        server = await asyncio.start_server(connection, sock=listening, limit=LARGEST_HEAD)
        await server.serve_forever()

    async def _serve(self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await read_head(reader)) is not None:
                if not await self._exchange(key, head, reader, writer):
                    break
        except BadHead as bad:
            _answer(writer, 400, f"Bad Request: {bad}")
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # one side is gone; what there is to say stands in the request log
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, key: str, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection can carry another request."""
        route = self._routes.get(key)
        if route is None:
            _answer(writer, 404, "Not Found: no service is deployed at this address.")
            return False
        exchange = _begin(key, head, writer)
        exchange.revision = route.pick() if route.targets else ""
        try:
            async with asyncio.timeout(route.seconds):
                return await self._pass_on(exchange, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, BadHead, TimeoutError) as error:
            if not exchange.status:
                exchange.status = 504 if isinstance(error, TimeoutError) else 503
                _answer(writer, exchange.status, "upstream request timeout" if exchange.status == 504 else UNAVAILABLE)
            return False
        finally:
            self._log(route.service, exchange)

    async def _pass_on(self, exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        reached = await self._reach(exchange)
        if reached is None:
            exchange.status = 503
            _answer(writer, 503, "Service Unavailable")
            return False
        instance, their_reader, their_writer = reached
        instance.in_flight += 1
        try:
            return await _relay(exchange, reader, writer, their_reader, their_writer)
        finally:
            instance.in_flight -= 1
            their_writer.close()

    async def _reach(self, exchange: Exchange) -> tuple[Instance, asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the revision's process, which is started if it does not run or died at this moment."""
        for _ in range(2):
            instance = await self._instance(exchange.revision)
            if instance is None:
                return None
            with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
                opened = await asyncio.open_connection("127.0.0.1", instance.port, limit=LARGEST_HEAD)
                return instance, *opened
            await _ended(instance)
        return None

    async def _instance(self, name: str) -> Instance | None:
        if running := self._instances.running(name):
            return running
        revision = self._revision(name) if name else None
        if revision is None:
            return None
        try:
            return await self._loop.run_in_executor(self._starters, self._instances.ensure, revision)
        except StartFailed as failed:
            self._instances.say(name, failed.message, "ERROR")
            return None

    def _log(self, service: ServiceName, exchange: Exchange) -> None:
        if not exchange.revision:
            return
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
        entry = {
            "timestamp": stamp(exchange.began),
            "severity": "ERROR" if exchange.status >= 500 else "WARNING" if exchange.status >= 400 else "INFO",
            "httpRequest": request,
            "resource": {"type": "cloud_run_revision", "labels": labels(service, short_name(exchange.revision))},
            "trace": f"projects/{service.project}/traces/{exchange.trace}",
            "spanId": exchange.span,
        }
        self._logs.write(service.project, "run.googleapis.com/requests", entry)


async def _ended(instance: Instance) -> None:
    """A process that just died refuses connections a moment before its end is known."""
    for _ in range(100):
        if not instance.runs:
            return
        await asyncio.sleep(0.02)


def _begin(key: str, head: Head, writer: asyncio.StreamWriter) -> Exchange:
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


async def _relay(
    exchange: Exchange,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    their_reader: asyncio.StreamReader,
    their_writer: asyncio.StreamWriter,
) -> bool:
    head = exchange.head
    their_writer.write(_request_head(exchange) + await _small_body(exchange, reader))
    body = asyncio.ensure_future(_send_body(exchange, reader, their_writer))
    body.add_done_callback(lambda sent: their_writer.close() if _client_left(sent) else None)
    try:
        answer = await _final_head(their_reader, writer)
        exchange.status = int(answer.start[1])
        if exchange.status == 101:
            await body
            writer.write(encode(" ".join(answer.start), answer.fields))
            await _both_ways(exchange, reader, writer, their_reader, their_writer)
            return False
        none = head.start[0] == "HEAD" or exchange.status in (204, 304)
        framed = none or answer.chunked or answer.length is not None
        # An app may answer before it has read the body; what is told of the connection must then hold.
        await asyncio.wait({body}, timeout=BODY_GRACE)
        whole = body.done() and not body.cancelled() and not body.exception()
        keep = framed and head.keeps_alive and whole
        connection = (("connection", "keep-alive" if keep else "close"),)
        start = f"{head.start[2]} {answer.start[1]} {answer.start[2]}"
        writer.write(encode(start, (*without_hops(answer), *connection)))
        exchange.response_size = answer.size
        if not none:
            exchange.response_size += await copy_body(answer, their_reader, writer, to_end=not framed)
        await writer.drain()
        if not whole:
            await _linger(body, reader, writer)
        return keep
    finally:
        body.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            await body


def _client_left(body: "asyncio.Future[None]") -> bool:
    """In the middle of its request; an instance that stops reading may still have answered."""
    return not body.cancelled() and isinstance(body.exception(), asyncio.IncompleteReadError)


async def _linger(body: "asyncio.Future[None]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closing with unread input is a reset, which can destroy the answer on its way (RFC 9112, 9.6)."""
    body.cancel()
    with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
        await body
    if writer.can_write_eof():
        writer.write_eof()
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(LINGER):
            while await reader.read(65_536):
                pass


async def _small_body(exchange: Exchange, reader: asyncio.StreamReader) -> bytes:
    """A small body travels with its head: an app that answers without reading it would else be sent it after it
    closed, and the reset that follows can destroy its answer. Empty where the body is large, or waited for.
    """
    head = exchange.head
    if head.chunked or head.length is None or head.length > SMALL or head.get("expect"):
        return b""
    exchange.sent = True
    exchange.request_size = head.length
    return await reader.readexactly(head.length)


async def _send_body(exchange: Exchange, reader: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    if not exchange.sent:
        exchange.request_size = await copy_body(exchange.head, reader, sink, to_end=False)
    await sink.drain()


async def _final_head(source: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Head:
    """The answer's head; interim ones (100 Continue, 103) are passed on at once."""
    while True:
        head = await read_head(source)
        if head is None or not head.start[1].isdigit():
            raise ConnectionError("the instance closed the connection without an answer")
        if not 100 <= int(head.start[1]) < 200 or head.start[1] == "101":
            return head
        writer.write(encode(" ".join(head.start), head.fields))
        await writer.drain()


async def _both_ways(
    exchange: Exchange,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    their_reader: asyncio.StreamReader,
    their_writer: asyncio.StreamWriter,
) -> None:
    """A WebSocket: until one side ends; what the other still sends is passed on for a moment."""
    up = asyncio.ensure_future(copy_until_end(reader, their_writer))
    down = asyncio.ensure_future(copy_until_end(their_reader, writer))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and their_writer.can_write_eof():
            with contextlib.suppress(OSError):
                their_writer.write_eof()
            await asyncio.wait({down}, timeout=1.0)
    finally:
        for pump in (up, down):
            pump.cancel()
        sizes = await asyncio.gather(up, down, return_exceptions=True)
        exchange.request_size, exchange.response_size = (size if isinstance(size, int) else 0 for size in sizes)


def _request_head(exchange: Exchange) -> bytes:
    head = exchange.head
    fields = list(without_hops(head))
    if head.upgrade:
        fields += [("Connection", "Upgrade"), ("Upgrade", head.get("upgrade"))]
    else:
        fields.append(("Connection", "close"))
    sent = head.get("x-forwarded-for")
    fields = [each for each in fields if each[0].lower() not in ("x-forwarded-for", "x-forwarded-proto")]
    fields += [
        ("X-Forwarded-For", f"{sent}, {exchange.peer}" if sent else exchange.peer),
        ("X-Forwarded-Proto", "http"),
        ("Forwarded", f'for="{exchange.peer}";proto=http'),
    ]
    if not head.get("traceparent"):
        fields.append(("traceparent", f"00-{exchange.trace}-{exchange.span}-00"))
    if not head.get("x-cloud-trace-context"):
        fields.append(("X-Cloud-Trace-Context", f"{exchange.trace}/{int(exchange.span, 16)};o=0"))
    return encode(" ".join(head.start), tuple(fields))


def _answer(writer: asyncio.StreamWriter, status: int, text: str) -> None:
    """The router's own answer, after which it closes the connection."""
    body = f"{text}\n".encode()
    fields = (
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("connection", "close"),
    )
    writer.write(encode(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", fields) + body)


def route_of(service: Any, targets: tuple[Target, ...]) -> Route:
    seconds = service.template.timeout.ToTimedelta().total_seconds() or 300.0
    return Route(service=service_name(service.name), targets=targets, seconds=seconds)
