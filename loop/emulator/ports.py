"""Which loopback port stands for which service and tag: the emulator's answer to Google's deterministic URLs.

A port is reserved before the first deployment and kept in the state, so services may name each other in a circle.
"""

import random
import re
import socket
import time
from collections.abc import Mapping

from loop.emulator.names import ServiceName
from loop.emulator.store import Kind, Store

RANGE = range(20000, 32000)
"""Below the ports that systems hand out for outgoing connections, so that ours are free again after a restart."""


def listen_anywhere(taken: frozenset[int] | set[int] = frozenset()) -> socket.socket:
    """A listening socket on a free loopback port of our range."""
    for _ in range(2000):
        port = random.choice(RANGE)  # noqa: S311 (not a secret)
        if port not in taken and (listening := listen_at(port)):
            return listening
    raise OSError("no free loopback port between 20000 and 32000")


def listen_at(port: int) -> socket.socket | None:
    # The protocol is named because asyncio switches Nagle's algorithm off only for sockets that say they are TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(512)
    except OSError:
        listening.close()
        return None
    return listening


def free_port() -> int:
    with listen_anywhere() as listening:
        return int(listening.getsockname()[1])


def url_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"


class Reservations:
    """`key` is the service's full name, with `#tag` for a tag."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ports: dict[str, int] = {}

    def restore(self) -> tuple[dict[str, socket.socket], dict[int, int]]:
        """Listening sockets of all that was reserved, and which busy old ports were replaced by which."""
        sockets: dict[str, socket.socket] = {}
        moved: dict[int, int] = {}
        patience = time.monotonic() + 0.5  # a killed predecessor's sockets may outlive its lock by a moment
        with self._store.change():
            for key, port in self._store.every_json(Kind.PORT).items():
                while not (listening := listen_at(port)) and time.monotonic() < patience:
                    time.sleep(0.02)
                listening = listening or listen_anywhere(set(self._ports.values()))
                now = listening.getsockname()[1]
                if now != port:
                    moved[port] = now
                    self._store.put_json(Kind.PORT, key, now)
                sockets[key], self._ports[key] = listening, now
        return sockets, moved

    def every(self) -> list[str]:
        return list(self._ports)

    def reserve(self, key: str) -> tuple[int, socket.socket | None]:
        """The port, and the socket that the router must serve where the reservation is new."""
        with self._store.change():  # its lock is ours too: reservations are made inside changes and outside of them
            if key in self._ports:
                return self._ports[key], None
            listening = listen_anywhere(set(self._ports.values()))
            port = int(listening.getsockname()[1])
            self._store.put_json(Kind.PORT, key, port)
            self._ports[key] = port
            return port, listening


def key_of(service: ServiceName, tag: str = "") -> str:
    return f"{service.full}#{tag}" if tag else service.full


def readdressed(text: str, moved: Mapping[int, int]) -> str:
    """Every `127.0.0.1:OLD` in a stored setting under its new number; at once, for a new one may be another's old."""
    return re.sub(
        r"127\.0\.0\.1:(\d+)(?!\d)", lambda found: f"127.0.0.1:{moved.get(int(found[1]), int(found[1]))}", text
    )
