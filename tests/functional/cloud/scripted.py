"""A gRPC server that answers what a test says: bursts, refusals and lost answers, which a healthy emulator has not."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from google.cloud.devtools import cloudbuild_v1 as cloudbuild
from google.cloud.logging_v2 import types as logging
from google.cloud.run_v2 import types as run
from google.iam.v1 import iam_policy_pb2 as iam
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status

METHODS = {
    "google.cloud.run.v2.Services/GetService": run.GetServiceRequest,
    "google.cloud.run.v2.Services/CreateService": run.CreateServiceRequest,
    "google.cloud.run.v2.Services/UpdateService": run.UpdateServiceRequest,
    "google.cloud.run.v2.Services/GetIamPolicy": iam.GetIamPolicyRequest,
    "google.cloud.run.v2.Services/SetIamPolicy": iam.SetIamPolicyRequest,
    "google.cloud.run.v2.Services/TestIamPermissions": iam.TestIamPermissionsRequest,
    "google.cloud.run.v2.Revisions/GetRevision": run.GetRevisionRequest,
    "google.devtools.cloudbuild.v1.CloudBuild/CreateBuild": cloudbuild.CreateBuildRequest,
    "google.devtools.cloudbuild.v1.CloudBuild/GetBuild": cloudbuild.GetBuildRequest,
    "google.devtools.cloudbuild.v1.CloudBuild/ListBuilds": cloudbuild.ListBuildsRequest,
    "google.logging.v2.LoggingServiceV2/ListLogEntries": logging.ListLogEntriesRequest,
}


@dataclass
class Refusal:
    code: grpc.StatusCode
    message: str = "refused"
    details: tuple = ()

    def status(self):
        packed = []
        for detail in self.details:
            packed.append(Any())
            packed[-1].Pack(detail)
        return rpc_status.to_status(status_pb2.Status(code=self.code.value[0], message=self.message, details=packed))


@dataclass
class Script:
    """Per method (its short name) the answers in order; the last one stays. A function makes one of the request."""

    answers: dict[str, list] = field(default_factory=dict)
    requests: dict[str, list] = field(default_factory=lambda: defaultdict(list))
    address: str = ""

    def answer(self, method: str, request, context):
        self.requests[method].append(request)
        queue = self.answers.get(method, [Refusal(grpc.StatusCode.UNIMPLEMENTED)])
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, Callable):
            answer = answer(request)
        if isinstance(answer, Refusal):
            context.abort_with_status(answer.status())
        return answer


@contextmanager
def serving(script: Script) -> Iterator[Script]:
    """On a free loopback port, which stands in the script's `address`."""
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    tables = defaultdict(dict)
    for path, request in METHODS.items():
        service, _, method = path.partition("/")
        tables[service][method] = _entry(script, method, request)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(s, t) for s, t in tables.items()])
    script.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield script
    finally:
        server.stop(None).wait()


def _entry(script: Script, method: str, request: type):
    return grpc.unary_unary_rpc_method_handler(
        lambda message, context: script.answer(method, message, context),
        request_deserializer=request.FromString if issubclass(request, Message) else request.deserialize,
        response_serializer=lambda answer: (
            answer.SerializeToString() if isinstance(answer, Message) else type(answer).serialize(answer)
        ),
    )
