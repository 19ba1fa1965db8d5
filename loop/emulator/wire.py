"""gRPC without generated stubs: a table of methods, served by the messages' own serialisers.

The one seam for faults and latency is here: `around(path, proceed)` stands around every method and may refuse or wait,
before its work or after it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2

THREADS = 128  # a WaitOperation holds one for as long as it waits
DETAILS = "grpc-status-details-bin"  # where clients look for the details of a refusal (gRPC's richer error model)


class Refused(Exception):
    """A request that the API answers with an error status; `details` are packed messages of google.rpc."""

    def __init__(self, code: grpc.StatusCode, message: str, details: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)


def not_found(what: str) -> Refused:
    return Refused(grpc.StatusCode.NOT_FOUND, what)


def invalid(why: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, why)


def precondition(why: str) -> Refused:
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, why)


def unimplemented(why: str) -> Refused:
    return Refused(grpc.StatusCode.UNIMPLEMENTED, why)


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


Around = Callable[[str, Callable[[], Message]], Message]


def shape(plus: Any) -> Any:
    """The plain protobuf class under a proto-plus class: what the emulator works with throughout."""
    return type(plus.pb(plus()))


def plainly(_: str, proceed: Callable[[], Message]) -> Message:
    return proceed()


def server(methods: Iterable[Method], around: Around = plainly) -> tuple[grpc.Server, int]:
    """A started server on a free loopback port, and that port."""
    serving = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="grpc"),
        options=[("grpc.max_receive_message_length", 64 << 20), ("grpc.so_reuseport", 0)],
    )
    tables: dict[str, dict[str, grpc.RpcMethodHandler]] = defaultdict(dict)
    for method in methods:
        service, _, name = method.path.partition("/")
        tables[service][name] = _entry(method, around)
    serving.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, table) for service, table in tables.items()]
    )
    port = serving.add_insecure_port("127.0.0.1:0")
    serving.start()
    return serving, port


def _entry(method: Method, around: Around) -> grpc.RpcMethodHandler:
    def call(request: Message, context: grpc.ServicerContext) -> Message:
        CALLER.set(context)
        try:
            return around(method.path, lambda: method.answer(request))
        except Refused as refused:
            if refused.details:
                status = status_pb2.Status(code=refused.code.value[0], message=refused.message, details=refused.details)
                context.set_trailing_metadata(((DETAILS, status.SerializeToString()),))
            context.abort(refused.code, refused.message)

    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=method.request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
