"""The front of all services: one loopback port per service and per tag, split by percent, passed on byte by byte.

Decides who answers a request, and answers itself where nobody can; how bytes pass is in `relay`, what the request log
says of them in `exchange`.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from loop.emulator.exchange import Exchange, begin, log_entry
from loop.emulator.failures import StartFailed
from loop.emulator.heads import LARGEST_HEAD, BadHead, Head, read_head
from loop.emulator.instances import Instance, Instances
from loop.emulator.issuer import Refusal
from loop.emulator.logs import Logs
from loop.emulator.names import ServiceName, service_name
from loop.emulator.relay import answer, relay, turn_away

UNAVAILABLE = "The request failed because the response was malformed or the connection to the instance had an error."
TRIES = 4
"""Attempts to reach a process: on a busy machine the next one may die, too, before its end is known."""


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
    audiences: frozenset[str] | None = None
    """What a caller's token must be made out to; None: everyone may call."""

    def pick(self) -> str:
        weights = [target.percent for target in self.targets]
        return random.choices(self.targets, weights if sum(weights) else None)[0].revision  # noqa: S311 (not a secret)


class Router:
    def __init__(
        self, logs: Logs, instances: Instances, revision: Callable[[str], Any],
        refusal: Callable[[Head, frozenset[str]], Refusal | None],
    ) -> None:  # fmt: skip
        self._logs = logs
        self._instances = instances
        self._revision = revision
        self._refusal = refusal
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

    def admit(self, name: str, audiences: frozenset[str] | None) -> None:
        """From any thread: who may call the service of that full name, at all its addresses, from now on."""
        for key, route in list(self._routes.items()):
            if key.partition("#")[0] == name:
                self._routes[key] = replace(route, audiences=audiences)

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
            answer(writer, 400, f"Bad Request: {bad}")
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
            answer(writer, 404, "Not Found: no service is deployed at this address.")
            return False
        exchange = begin(key, head, writer)
        exchange.revision = route.pick() if route.targets else ""
        refused = None if route.audiences is None else self._refusal(head, route.audiences)
        try:
            if refused is not None:
                exchange.status = refused.status
                await turn_away(exchange, refused, reader, writer)
                return False
            async with asyncio.timeout(route.seconds):
                return await self._pass_on(exchange, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, BadHead, TimeoutError) as error:
            if not exchange.status:
                exchange.status = 504 if isinstance(error, TimeoutError) else 503
                answer(writer, exchange.status, "upstream request timeout" if exchange.status == 504 else UNAVAILABLE)
            return False
        finally:
            if exchange.revision:
                entry = log_entry(route.service, exchange)
                self._logs.write(route.service.project, "run.googleapis.com/requests", entry)

    async def _pass_on(self, exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        reached = await self._reach(exchange)
        if reached is None:
            exchange.status = 503
            answer(writer, 503, "Service Unavailable")
            return False
        instance, their_reader, their_writer = reached
        instance.in_flight += 1
        try:
            return await relay(exchange, reader, writer, their_reader, their_writer)
        finally:
            instance.in_flight -= 1
            their_writer.close()

    async def _reach(self, exchange: Exchange) -> tuple[Instance, asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the revision's process, which is started if it does not run or died at this moment."""
        for _ in range(TRIES):
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


async def _ended(instance: Instance) -> None:
    """A process that just died refuses connections a moment before its end is known."""
    for _ in range(100):
        if not instance.runs:
            return
        await asyncio.sleep(0.02)


def route_of(service: Any, targets: tuple[Target, ...], audiences: frozenset[str] | None) -> Route:
    seconds = service.template.timeout.ToTimedelta().total_seconds() or 300.0
    return Route(service=service_name(service.name), targets=targets, seconds=seconds, audiences=audiences)
