"""Gives the running case a W3C trace id and puts it on its HTTP and WebSocket requests, so that a server's request log
can be joined with the case.

Standard library only; see loop_recorder.py. A library that is missing, or that looks different from what is expected
here, is left alone: a request then goes out unmarked, and no test notices.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import os
import sys
from collections.abc import Callable
from typing import Any

HEADER = "traceparent"


class Trace:
    """One case's trace. Each `traceparent` names a new span of it."""

    def __init__(self, trace_id: str = "") -> None:
        self.id = trace_id or os.urandom(16).hex()

    @property
    def traceparent(self) -> str:
        return f"00-{self.id}-{os.urandom(8).hex()}-01"

    @property
    def headers(self) -> dict[str, str]:
        return {HEADER: self.traceparent}


_running: list[Trace] = []  # of the whole process, not of a thread: the requests of a case's threads are its own


def current() -> Trace | None:
    return _running[-1] if _running else None


_seen: dict[str, int] = {}


def _id_of(nodeid: str) -> str:
    """Of the seed, the node id and how often it began in this process before; random where there is no seed."""
    seed = os.environ.get("LOOP_TRACE_SEED", "")
    before = _seen.get(nodeid, 0)
    _seen[nodeid] = before + 1
    return hashlib.sha256(f"{seed} {before} {nodeid}".encode("utf-8", "replace")).hexdigest()[:32] if seed else ""


def begin(nodeid: str) -> None:
    trace = Trace(_id_of(nodeid))
    _running.append(trace)
    os.environ["LOOP_TRACEPARENT"] = trace.traceparent


def end() -> None:
    _running.pop()
    if _running:
        os.environ["LOOP_TRACEPARENT"] = _running[-1].traceparent
    else:
        os.environ.pop("LOOP_TRACEPARENT", None)


def _mark(headers: Any) -> None:
    """Never raises: whatever a test passes as headers, its request must go out as it would without us."""
    trace = current()
    if trace is None:
        return
    try:
        if HEADER not in headers:
            headers[HEADER] = trace.traceparent
    except Exception:  # foreign mapping types; see the docstring
        return


def _mark_urllib(module: Any) -> None:
    def marked(self: Any, http_class: Any, req: Any, **kwargs: Any) -> Any:
        trace = current()
        if trace is not None and not req.has_header(HEADER.capitalize()):
            req.add_unredirected_header(HEADER.capitalize(), trace.traceparent)
        return original(self, http_class, req, **kwargs)

    original = module.AbstractHTTPHandler.do_open
    _replace(module.AbstractHTTPHandler, "do_open", marked)


def _mark_sent_request(owner: Any, name: str) -> None:
    """For methods whose first argument is a request with `headers`."""
    original = getattr(owner, name)

    def marked(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        _mark(getattr(request, "headers", None))
        return original(self, request, *args, **kwargs)

    _replace(owner, name, marked)


def _mark_requests(module: Any) -> None:
    _mark_sent_request(module.Session, "send")


def _mark_httpx(module: Any) -> None:
    _mark_sent_request(module.Client, "send")
    _mark_sent_request(module.AsyncClient, "send")


def _mark_aiohttp(module: Any) -> None:
    original = module.ClientSession._prepare_headers

    def marked(self: Any, headers: Any) -> Any:
        prepared = original(self, headers)
        _mark(prepared)
        return prepared

    _replace(module.ClientSession, "_prepare_headers", marked)


def _mark_websockets(module: Any) -> None:
    """At the protocol, which the asyncio and the threaded client share, when the caller's own headers are in."""
    _mark_sent_request(module.ClientProtocol, "send_request")


def _mark_websockets_legacy(module: Any) -> None:
    original = module.WebSocketClientProtocol.write_http_request

    def marked(self: Any, path: Any, headers: Any) -> Any:
        _mark(headers)
        return original(self, path, headers)

    _replace(module.WebSocketClientProtocol, "write_http_request", marked)


LIBRARIES: dict[str, Callable[[Any], None]] = {
    "urllib.request": _mark_urllib,
    "requests": _mark_requests,
    "httpx": _mark_httpx,
    "aiohttp": _mark_aiohttp,
    "websockets.client": _mark_websockets,
    "websockets.legacy.client": _mark_websockets_legacy,
}

_replaced: list[tuple[Any, str, Any]] = []
_marked: set[str] = set()


def _replace(owner: Any, name: str, function: Any) -> None:
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(function))
    _replaced.append((owner, name, original))


def _mark_library(name: str) -> None:
    module = sys.modules.get(name)
    if module is None or name in _marked:
        return
    _marked.add(name)
    try:
        LIBRARIES[name](module)
    except Exception:  # an odd version of a foreign library: leave it alone
        return


class ImportWatch:
    """Sees a library when it is first imported; finds nothing itself."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in LIBRARIES or name in _marked:
            return None
        spec = self._spec_of_others(name, path, target)
        loader = getattr(spec, "loader", None)
        if isinstance(loader, importlib.machinery.SourceFileLoader):
            self._mark_after(name, loader)
        return spec

    def _spec_of_others(self, name: str, path: Any, target: Any) -> Any:
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None and finder is not self else None
            if spec is not None:
                return spec
        return None

    def _mark_after(self, name: str, loader: Any) -> None:
        execute = loader.exec_module

        def execute_and_mark(module: Any) -> None:
            execute(module)
            _mark_library(name)

        loader.exec_module = execute_and_mark


_watch = ImportWatch()


def mark_libraries() -> None:
    """Marks what is imported already, and the rest when it gets imported."""
    if _watch not in sys.meta_path:
        sys.meta_path.insert(0, _watch)
    for name in LIBRARIES:
        _mark_library(name)


def unmark_libraries() -> None:
    if _watch in sys.meta_path:
        sys.meta_path.remove(_watch)
    while _replaced:
        owner, name, original = _replaced.pop()
        setattr(owner, name, original)
    _marked.clear()
