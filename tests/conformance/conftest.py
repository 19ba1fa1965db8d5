"""The target of the conformance suite: today the emulator, later a real project, through Google's unmodified clients.

A test may use only what `Target` offers, so that the same case can be put to Google with `make live`.
"""

import contextlib
import io
import socket
import tarfile
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.api_core import exceptions, retry
from google.api_core.future import polling
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2, storage
from google.cloud.devtools import cloudbuild_v1
from google.cloud.devtools.cloudbuild_v1.services.cloud_build.transports import CloudBuildGrpcTransport
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcTransport
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from loop.emulator import attach

PORT_ECHO = """
import http.server, json, os, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"revision": os.environ["K_REVISION"], "service": os.environ["K_SERVICE"],
            "configuration": os.environ["K_CONFIGURATION"], "greeting": os.environ.get("GREETING", ""),
            "path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): print("served", self.path, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Echo).serve_forever()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A project to test against, and Google's clients for it."""

    project: str
    region: str
    repository: str
    bucket: str
    services: run_v2.ServicesClient
    revisions: run_v2.RevisionsClient
    builds: cloudbuild_v1.CloudBuildClient
    logs: LoggingServiceV2Client
    storage: storage.Client
    channel: grpc.Channel

    @property
    def location(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    def service_name(self, name: str) -> str:
        return f"{self.location}/services/{name}"

    def wait(self, operation: Any, seconds: float = 20.0) -> Any:
        """The operation's result, or its error as the exception that Google's client makes of it."""
        pending = retry.if_exception_type(polling._OperationNotComplete)
        return operation.result(polling=retry.Retry(pending, initial=0.02, maximum=0.2, timeout=seconds))

    def upload(self, files: Mapping[str, str]) -> str:
        name = f"source/{uuid.uuid4().hex}.tgz"
        self.storage.bucket(self.bucket).blob(name).upload_from_string(archive(files), "application/gzip")
        return name

    def submit(self, name: str, files: Mapping[str, str], **fields: Any) -> Any:
        """A pack build of `files`; its operation."""
        image = f"{self.repository}/{name}"
        build = cloudbuild_v1.Build(
            source={"storage_source": {"bucket": self.bucket, "object_": self.upload(files)}},
            steps=[{"name": "gcr.io/k8s-skaffold/pack", "entrypoint": "pack",
                    "args": ["build", image, "--builder", "gcr.io/buildpacks/builder"]}],
            images=[image],
        )  # fmt: skip
        for field, value in fields.items():
            setattr(build, field, value)
        return self.builds.create_build(project_id=self.project, build=build)

    def image(self, name: str, files: Mapping[str, str]) -> str:
        """A built image's name with its digest."""
        build = self.wait(self.submit(name, files))
        return f"{self.repository}/{name}@{build.results.images[0].digest}"

    def deploy(self, name: str, image: str, env: Mapping[str, str] | None = None, **fields: Any) -> Any:
        """Create or update the service; the operation."""
        service = run_v2.Service(
            name=self.service_name(name),
            template={
                "containers": [{"image": image, "env": [{"name": k, "value": v} for k, v in (env or {}).items()]}]
            },
        )
        for field, value in fields.items():
            if field == "revision":
                service.template.revision = value
            else:
                setattr(service, field, value)
        return self.services.update_service(run_v2.UpdateServiceRequest(service=service, allow_missing=True))


def archive(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def clients(grpc_address: str, storage_address: str, project: str, bucket: str) -> Target:
    channel = grpc.intercept_channel(grpc.insecure_channel(grpc_address), Counting())
    bucket_client = storage.Client(
        project=project, credentials=AnonymousCredentials(), client_options={"api_endpoint": storage_address}
    )
    target = Target(
        project=project, region="us-central1", repository=f"us-central1-docker.pkg.dev/{project}/loop", bucket=bucket,
        services=run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel)),
        revisions=run_v2.RevisionsClient(transport=RevisionsGrpcTransport(channel=channel)),
        builds=cloudbuild_v1.CloudBuildClient(transport=CloudBuildGrpcTransport(channel=channel)),
        logs=LoggingServiceV2Client(transport=LoggingServiceV2GrpcTransport(channel=channel)),
        storage=bucket_client, channel=channel,
    )  # fmt: skip
    with contextlib.suppress(exceptions.Conflict):
        bucket_client.create_bucket(bucket)
    return target


METHODS = {
    "google.cloud.run.v2.Services": ["CreateService", "GetService", "ListServices", "UpdateService", "DeleteService"],
    "google.cloud.run.v2.Revisions": ["GetRevision", "ListRevisions", "DeleteRevision"],
    "google.longrunning.Operations": [
        "GetOperation", "ListOperations", "WaitOperation", "CancelOperation", "DeleteOperation",
    ],
    "google.devtools.cloudbuild.v1.CloudBuild": ["CreateBuild", "GetBuild", "ListBuilds", "CancelBuild"],
    "google.logging.v2.LoggingServiceV2": ["ListLogEntries"],
}  # fmt: skip
"""What is offered; the suite fails if a method of these was never called, and prints how often each was."""
CALLS: Counter[tuple[str, str]] = Counter()


class Counting(grpc.UnaryUnaryClientInterceptor):
    """Counts each call by method and by the status that it was answered with."""

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        answer = continuation(details, request)
        answer.add_done_callback(lambda call: CALLS.update([(details.method.strip("/"), call.code().name)]))
        return answer


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not CALLS:
        return
    terminalreporter.section("calls by method and status")
    for (method, status), count in sorted(CALLS.items()):
        terminalreporter.write_line(f"{count:5} {status:20} {method}")


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    state = tmp_path_factory.mktemp("conformance")
    with attach(state, startup=4.0) as emulator:
        endpoints = emulator.endpoints
        offered = clients(endpoints.grpc, endpoints.storage, "loop-conformance", "loop-conformance-source")
        yield offered
        offered.channel.close()
        offered.storage.close()


@pytest.fixture(scope="session")
def echo_image(target: Target) -> str:
    return target.image("echo", {"Procfile": "web: python main.py\n", "main.py": PORT_ECHO})


@pytest.fixture
def never() -> Iterator[str]:
    """A requirements.txt whose package index takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"--index-url http://127.0.0.1:{silent.getsockname()[1]}/\nsomething==1\n"


@pytest.fixture
def name() -> str:
    """A service's name that no other test uses."""
    return f"s{uuid.uuid4().hex[:8]}"
