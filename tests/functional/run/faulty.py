"""A gRPC proxy in front of an emulator that passes bytes on and lets a test refuse, or lose, what it likes.

The command line finds it as it finds any emulator that runs: by the endpoints in the state folder.
"""

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import status_pb2
from grpc_status import rpc_status

from loop.emulator import attach

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
Before = Callable[[str, int, bytes], "Fault | None"]
"""The method's short name, which call of it this is (from 1), the request; what goes wrong, if anything."""


@dataclass(frozen=True)
class Fault:
    code: grpc.StatusCode
    message: str = "injected"
    details: tuple[Any, ...] = ()
    after: bool = False
    """The call has its effect, and its answer is lost."""
    answer: bytes | None = None
    """What is answered instead; the code does not count then."""


@dataclass
class Proxy:
    """`fault` may be replaced at any time; `calls` counts by method what came, `faults` what went wrong."""

    channel: grpc.Channel
    fault: Before = lambda *_: None
    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Of every method, with bytes as they are."""
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self.passed_on(details.method, request, context)
        )

    def passed_on(self, path: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        method = path.rpartition("/")[2]
        with self.lock:
            self.calls[method] += 1
            fault = self.fault(method, self.calls[method], request)
            self.faults[method] += fault is not None
        if fault and fault.answer is not None:
            return fault.answer
        if fault and not fault.after:
            context.abort_with_status(_status(fault))
        try:
            answer = self.channel.unary_unary(path)(request, timeout=60, metadata=_sent(context))
        except grpc.RpcError as error:
            context.set_trailing_metadata(error.trailing_metadata() or ())
            context.abort(error.code(), error.details())
        if fault:
            context.abort_with_status(_status(fault))
        return bytes(answer)


class _Everything(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self._proxy.service(details)


def _sent(context: grpc.ServicerContext) -> list[tuple[str, str]]:
    return [(key, value) for key, value in context.invocation_metadata() if key.startswith("x-goog")]


def _status(fault: Fault) -> grpc.Status:
    packed = []
    for detail in fault.details:
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    return rpc_status.to_status(status_pb2.Status(code=fault.code.value[0], message=fault.message, details=packed))


@contextmanager
def in_front(root: Path, state: Path) -> Iterator[Proxy]:
    """Every `loop` in the repository `root` talks to the emulator of `state` through the proxy."""
    with attach(state) as emulator, grpc.insecure_channel(emulator.endpoints.grpc) as channel:
        proxy = Proxy(channel)
        server = grpc.server(ThreadPoolExecutor(32), handlers=[_Everything(proxy)], options=[("grpc.so_reuseport", 0)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        endpoints = asdict(emulator.endpoints) | {"grpc": f"127.0.0.1:{port}"}
        with _lease(root / ".loop" / "emulator", endpoints):
            yield proxy
        server.stop(None).wait()


@contextmanager
def _lease(folder: Path, endpoints: dict[str, Any]) -> Iterator[None]:
    """Answers those who attach, and holds their connections, as an emulator does."""
    folder.mkdir(parents=True, exist_ok=True)
    listening = socket.create_server(("127.0.0.1", 0))
    told = endpoints | {"lease": f"127.0.0.1:{listening.getsockname()[1]}", "token": "t"}
    (folder / "endpoints.json").write_text(json.dumps(told))
    held: list[socket.socket] = []

    def answer() -> None:
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:
                return
            held.append(connection)
            connection.sendall(json.dumps(endpoints).encode() + b"\n")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
        for connection in held:
            connection.close()
