"""Asks a PostgreSQL and a Redis whether they serve whoever asks: not only that a port is open.

PostgreSQL's start-up and its ways to authenticate are psycopg's affair. Redis wants a few bytes of its documented
protocol (https://redis.io/docs/latest/develop/reference/protocol-spec/), and no client.
"""

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

if TYPE_CHECKING:
    from psycopg import Connection

SECONDS = 5.0
"""For one attempt, from the connection to the answer."""
LONGEST = 4096
"""Bytes of an answer."""
REDIS_PORT = 6379
UNREADABLE = "the address can not be read; percent-encode what stands in it"
"""Why exactly is not said: it may be told with a part of a password, which nothing would mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    good: bool
    detail: str
    """What it answered, or what is wrong."""


def select_one(url: str, seconds: float = SECONDS) -> Answer:
    """`SELECT 1` on a PostgreSQL, as the user and on the database that the address names."""
    import psycopg

    try:
        connection = psycopg.connect(url, connect_timeout=max(2, round(seconds)), autocommit=True)
        try:
            refusal = _selected(connection, seconds)
            major = connection.info.server_version // 10_000
        finally:
            connection.close()
    except (psycopg.ProgrammingError, ValueError):
        return Answer(good=False, detail=f"PostgreSQL: {UNREADABLE}")
    except (psycopg.Error, OSError) as error:
        return Answer(good=False, detail=f"PostgreSQL: {' '.join(str(error).split())}")
    if refusal:
        return Answer(good=False, detail=f"PostgreSQL: {refusal}")
    return Answer(good=True, detail=f"PostgreSQL {major} answers SELECT 1")


def _selected(connection: "Connection[tuple[object, ...]]", seconds: float) -> str:
    """What went wrong. `execute` has no deadline, and would wait for ever for a server that froze meanwhile."""
    from psycopg.pq import ExecStatus

    asked = connection.pgconn
    asked.send_query(b"SELECT 1")
    until = time.monotonic() + seconds
    readable = select.poll()
    readable.register(asked.socket, select.POLLIN)
    while asked.is_busy():
        if not readable.poll(max(0.0, until - time.monotonic()) * 1000):
            return f"no answer to SELECT 1 within {seconds:g} s"
        asked.consume_input()
    result = asked.get_result()
    if result is None or result.status != ExecStatus.TUPLES_OK:
        return f"SELECT 1 was refused: {asked.get_error_message()}"
    return ""


def ping(url: str, seconds: float = SECONDS) -> Answer:
    """`PING` to a Redis, after the `AUTH` and `SELECT` that the address asks for; `rediss://` speaks TLS."""
    until = time.monotonic() + seconds
    try:
        parts = urlsplit(url)
        where = f"Redis at {parts.hostname or 'localhost'}:{parts.port or REDIS_PORT}"
    except ValueError:
        return Answer(good=False, detail=f"Redis: {UNREADABLE}")
    if parts.scheme not in ("redis", "rediss"):
        return Answer(good=False, detail="Redis: the address does not begin with redis:// or rediss://")
    try:
        with _connected(parts, seconds) as connection:
            return _asked(connection, parts, where, until)
    except ssl.SSLError as error:
        return Answer(good=False, detail=f"{where}: TLS: {error.reason or error}")
    except OSError as error:
        return Answer(good=False, detail=f"{where}: {error.strerror or error}")


@contextlib.contextmanager
def _connected(parts: SplitResult, seconds: float) -> Iterator[socket.socket]:
    host = parts.hostname or "localhost"
    with socket.create_connection((host, parts.port or REDIS_PORT), timeout=seconds) as plain:
        if parts.scheme != "rediss":
            yield plain
            return
        with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as connection:
            yield connection


def _asked(connection: socket.socket, parts: SplitResult, where: str, until: float) -> Answer:
    for command in _commands(parts):
        connection.sendall(_encoded(command))
        reply = _reply(connection, until)
        wanted = "+PONG" if command == ("PING",) else "+OK"
        if reply.startswith("-"):
            return Answer(good=False, detail=f"{where} refused {command[0]}: {reply[1:]}")
        if reply != wanted:
            said = f"answered {reply[:100]!r}" if reply else "closed the connection"
            return Answer(good=False, detail=f"{where}: {said}, not {wanted}")
    return Answer(good=True, detail="Redis answers PONG")


def _commands(parts: SplitResult) -> Iterator[tuple[str, ...]]:
    if parts.password:
        user = (unquote(parts.username),) if parts.username else ()
        yield ("AUTH", *user, unquote(parts.password))
    if parts.path.strip("/"):
        yield ("SELECT", parts.path.strip("/"))
    yield ("PING",)


def _encoded(command: tuple[str, ...]) -> bytes:
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _reply(connection: socket.socket, until: float) -> str:
    """One line without its end; empty where the connection was closed."""
    read = b""
    while not read.endswith(b"\n") and len(read) < LONGEST:
        connection.settimeout(max(0.01, until - time.monotonic()))
        part = connection.recv(LONGEST)
        if not part:
            break
        read += part
    return read.decode("utf-8", "replace").strip()
