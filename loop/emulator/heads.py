"""HTTP/1.1 heads, for the router: what is read of them, never what is in a body. Pure but for the stream it reads.

The router passes bodies, event streams and WebSockets on as the bytes they are; only heads are understood.
"""

import asyncio
from dataclasses import dataclass

Fields = tuple[tuple[str, str], ...]
LARGEST_HEAD = 64 * 1024
HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "upgrade"})


class BadHead(Exception):
    """What was sent is not HTTP/1.x."""


@dataclass(frozen=True, slots=True)
class Head:
    """First line and header fields of a request or a response."""

    start: tuple[str, str, str]
    fields: Fields
    size: int
    """Bytes on the wire, for the request log."""

    def get(self, name: str) -> str:
        return ", ".join(value for key, value in self.fields if key.lower() == name)

    @property
    def chunked(self) -> bool:
        return "chunked" in self.get("transfer-encoding").lower()

    @property
    def length(self) -> int | None:
        """Of the body; None where the head does not say."""
        said = self.get("content-length").split(",")[0].strip()
        if not said:
            return None
        if not said.isdigit():
            raise BadHead(f"content-length {said!r}")
        return int(said)

    @property
    def upgrade(self) -> str:
        asks = "upgrade" in self.get("connection").lower()
        return self.get("upgrade").lower() if asks else ""

    @property
    def keeps_alive(self) -> bool:
        connection = self.get("connection").lower()
        version = self.start[2] if self.start[2].startswith("HTTP/") else self.start[0]
        return "close" not in connection and (version == "HTTP/1.1" or "keep-alive" in connection)


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """None at the end of the connection."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as ended:
        if ended.partial.strip():
            raise BadHead("the connection ended within a head") from ended
        return None
    except asyncio.LimitOverrunError as error:
        raise BadHead("the head is larger than 64 KiB") from error
    first, *lines = raw.decode("latin-1").strip("\r\n").split("\r\n")
    start = first.split(" ", 2)
    if len(start) == 2 and start[0].startswith("HTTP/"):
        start.append("")  # a status line without a reason
    if len(start) != 3 or not (start[0].startswith("HTTP/1.") or start[2].startswith("HTTP/1.")):
        raise BadHead(f"first line {first[:80]!r}")
    head = Head((start[0], start[1], start[2]), tuple(_field(line) for line in lines), len(raw))
    if head.chunked and head.get("content-length"):
        raise BadHead("both Transfer-Encoding and Content-Length")  # RFC 9112, 6.3: the smuggler's pair
    return head


def encode(start: str, fields: Fields) -> bytes:
    return "\r\n".join([start, *(f"{name}: {value}" for name, value in fields), "", ""]).encode("latin-1")


def without_hops(head: Head) -> Fields:
    named = {name.strip().lower() for name in head.get("connection").split(",")}
    return tuple((name, value) for name, value in head.fields if name.lower() not in HOP_BY_HOP | named)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise BadHead(f"header line {line[:80]!r}")
    return name, value.strip()


async def copy_body(head: Head, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, to_end: bool) -> int:
    """Pass on one body as it is framed; `to_end` where no framing means until the connection ends. Its bytes."""
    if head.chunked:
        return await _copy_chunks(source, sink)
    length = head.length
    if length is not None:
        return await _copy(source, sink, length)
    return await copy_until_end(source, sink) if to_end else 0


async def copy_until_end(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> int:
    size = 0
    while part := await source.read(65536):
        size += len(part)
        sink.write(part)
        await sink.drain()
    return size


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, length: int) -> int:
    left = length
    while left:
        part = await source.read(min(left, 65536))
        if not part:
            raise ConnectionError("a body ended early")
        left -= len(part)
        sink.write(part)
        await sink.drain()
    return length


async def _copy_chunks(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> int:
    size = 0
    while True:
        line = await source.readuntil(b"\r\n")
        sink.write(line)
        try:
            length = int(line.split(b";")[0], 16)
        except ValueError as error:
            raise ConnectionError("a chunk without a size") from error
        if not length:
            break
        size += await _copy(source, sink, length + 2) - 2
    while (line := await source.readuntil(b"\r\n")) != b"\r\n":  # trailers
        sink.write(line)
    sink.write(line)
    await sink.drain()
    return size
