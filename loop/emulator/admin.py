"""The few REST methods (rest.py), and what Google's APIs have no word for: addresses that are reserved before a
deployment, the key file of the one account, and faults that tests set.

Plain HTTP with JSON on a loopback port of its own; `docs/emulator.md` describes each call.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loop.emulator.faults import BadFault, Faults
from loop.emulator.heads import BadHead, encode, read_head
from loop.emulator.names import check_tag, new_service_name
from loop.emulator.ports import key_of
from loop.emulator.rest import Rest
from loop.emulator.wire import Refused

LARGEST = 1 << 20
"""Bytes of a request's body."""
Answer = dict[str, Any]


class Admin:
    def __init__(
        self,
        url: Callable[[str], str],
        key_file: Callable[[], Path],
        rest: Rest,
        faults: Faults,
        offered: Iterable[str],
    ) -> None:
        self.endpoints: dict[str, str] = {}
        """Where this emulator listens, by API; known once it does."""
        self._url = url
        self._rest = rest
        self._faults = faults
        self._offered = tuple(offered)
        self._calls: dict[tuple[str, str], Callable[[dict[str, str], bytes], Answer]] = {
            ("GET", "/endpoints"): lambda *_: dict(self.endpoints),
            ("GET", "/urls"): self._reserve,
            ("GET", "/account"): lambda *_: {"key_file": str(key_file())},
            ("GET", "/faults"): lambda *_: {"faults": faults.listed()},
            ("POST", "/faults"): self._set_faults,
            ("DELETE", "/faults"): self._clear_faults,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            status, answer = await self._answered(reader)
        except (BadHead, Refused, BadFault, ValueError, asyncio.IncompleteReadError) as bad:
            status, answer = 400, {"error": str(bad)}
        body = json.dumps(answer).encode()
        fields = (("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close"))
        with contextlib.suppress(ConnectionError):
            writer.write(encode(f"HTTP/1.1 {status} {'OK' if status == 200 else 'Refused'}", fields) + body)
            await writer.drain()
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader) -> tuple[int, Answer]:
        head = await read_head(reader)
        if head is None:
            return 400, {"error": "no request"}
        if (head.length or 0) > LARGEST:
            return 413, {"error": f"a body has at most {LARGEST} bytes"}
        body = await reader.readexactly(head.length or 0)
        of_google = self._rest.answer(head.start[0], head.start[1], body)
        if of_google:
            return of_google[0], dict(of_google[1])
        url = urlsplit(head.start[1])
        call = self._calls.get((head.start[0], url.path))
        if call is None:
            offered = ", ".join(" ".join(each) for each in self._calls)
            return 404, {"error": f"{head.start[0]} {url.path} is not offered; {offered} are"}
        asked = {key: values[-1] for key, values in parse_qs(url.query).items()}
        return 200, await asyncio.to_thread(call, asked, body)  # keys take their time, and the router waits for none

    def _reserve(self, asked: dict[str, str], _: bytes) -> Answer:
        parent = f"projects/{asked.get('project', '')}/locations/{asked.get('region', '')}"
        name = new_service_name(parent, asked.get("service", ""))
        if tag := asked.get("tag", ""):
            check_tag(tag)
        return {"url": self._url(key_of(name, tag))}

    def _set_faults(self, _: dict[str, str], body: bytes) -> Answer:
        self._faults.add(json.loads(body), self._offered)
        return {"faults": self._faults.listed()}

    def _clear_faults(self, *_: object) -> Answer:
        self._faults.clear()
        return {"faults": []}
