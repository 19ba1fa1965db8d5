"""Passing one exchange on between client and instance: heads, bodies, event streams and WebSockets, as they are.

Only heads are read (see `heads`); so a refused handshake reaches the client as the app's own answer. Adds only header
fields that Google's front end adds.

Knows nothing of services or revisions; whom to reach and what to do where nobody can be reached is the router's.
"""

import asyncio
import contextlib
from http import HTTPStatus

from loop.emulator.exchange import Exchange
from loop.emulator.heads import Fields, Head, copy_body, copy_until_end, encode, read_head, without_hops
from loop.emulator.issuer import Refusal, without_signature

BODY_GRACE = 0.05
"""Seconds that an answer waits for the rest of the request's body to be passed on."""
SMALL = 65_536
"""Bytes of a body that is sent in one piece with its head."""
LINGER = 1.0
"""Seconds in which the rest of a refused body is read and thrown away."""


async def relay(
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
    await _throw_away(reader, writer)


async def turn_away(
    exchange: Exchange, refused: Refusal, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A caller that may not pass; it may be sending still."""
    answer(writer, refused.status, refused.text, refused.fields)
    await writer.drain()
    if exchange.head.chunked or exchange.head.length:
        await _throw_away(reader, writer)


async def _throw_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What the client still sends."""
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
    head = without_signature(exchange.head)
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


def answer(writer: asyncio.StreamWriter, status: int, text: str, more: Fields = ()) -> None:
    """The router's own answer, after which it closes the connection."""
    body = f"{text}\n".encode()
    fields = (
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("connection", "close"),
        *more,
    )
    writer.write(encode(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", fields) + body)
