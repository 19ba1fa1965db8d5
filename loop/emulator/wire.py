"""gRPC without generated stubs: a table of methods, served by the messages' own serialisers.

The one seam for faults and latency is here: `before(path, request)` runs ahead of every method and may refuse or wait.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

THREADS = 128  # a WaitOperation holds one for as long as it waits


class Refused(Exception):
    """A request that the API answers with an error status."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def not_found(what: str) -> Refused:
    return Refused(grpc.StatusCode.NOT_FOUND, what)


def invalid(why: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, why)


def precondition(why: str) -> Refused:
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, why)


@dataclass(frozen=True, slots=True)
class Method:
    path: str
    """`google.cloud.run.v2.Services/GetService`"""
    request: type[Message]
    answer: Callable[[Any], Message]


CALLER: ContextVar[grpc.ServicerContext] = ContextVar("caller")


def abandoned() -> bool:
    """Whether the caller of the method that this thread answers is gone."""
    return not CALLER.get().is_active()


Before = Callable[[str, Message], None]


def shape(plus: Any) -> Any:
    """The plain protobuf class under a proto-plus class: what the emulator works with throughout."""
    return type(plus.pb(plus()))


def nothing_before(path: str, request: Message) -> None: ...


def server(methods: Iterable[Method], before: Before = nothing_before) -> tuple[grpc.Server, int]:
    """A started server on a free loopback port, and that port."""
    serving = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="grpc"),
        options=[("grpc.max_receive_message_length", 64 << 20), ("grpc.so_reuseport", 0)],
    )
    tables: dict[str, dict[str, grpc.RpcMethodHandler]] = defaultdict(dict)
    for method in methods:
        service, _, name = method.path.partition("/")
        tables[service][name] = _entry(method, before)
    serving.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, table) for service, table in tables.items()]
    )
    port = serving.add_insecure_port("127.0.0.1:0")
    serving.start()
    return serving, port


def _entry(method: Method, before: Before) -> grpc.RpcMethodHandler:
    def call(request: Message, context: grpc.ServicerContext) -> Message:
        CALLER.set(context)
        try:
            before(method.path, request)
            return method.answer(request)
        except Refused as refused:
            context.abort(refused.code, refused.message)

    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=method.request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
