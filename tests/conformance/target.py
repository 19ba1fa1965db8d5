"""What the conformance suite talks to, through Google's unmodified clients: the emulator, or a real project.

A test may use only what `Target` offers, so that the same case can be put to both.
"""

import contextlib
import io
import json
import tarfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
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
from loop_conformance_rest import Session

Note = Callable[[str, str], None]
TRANSPORTS = (ServicesGrpcTransport, RevisionsGrpcTransport, CloudBuildGrpcTransport, LoggingServiceV2GrpcTransport)
PATIENCE = 30.0
"""A real project takes so many times longer than the emulator."""


@dataclass(slots=True)
class Leftovers:
    """What the suite made, noted before it is asked for, so that it is known however the run ends."""

    services: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)


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
    """To Cloud Run, for methods that its client does not offer."""
    session: Any
    """For the APIs that are asked by their REST methods."""
    address: Callable[[str], str]
    """Of an API that is asked by its REST methods, by its host's name."""
    live: bool = False
    left: Leftovers = field(default_factory=Leftovers)

    @property
    def location(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    def service_name(self, name: str) -> str:
        return f"{self.location}/services/{name}"

    def wait(self, operation: Any, seconds: float = 20.0) -> Any:
        """The operation's result, or its error as the exception that Google's client makes of it."""
        pending = retry.if_exception_type(polling._OperationNotComplete)
        pause, limit = (5.0, seconds * PATIENCE) if self.live else (0.02, seconds)
        return operation.result(polling=retry.Retry(pending, initial=pause, maximum=pause * 10, timeout=limit))

    def until(self, condition: Callable[[], Any], seconds: float = 5.0) -> Any:
        """The first true value of a condition; Logging allows 60 reads a minute."""
        deadline = time.monotonic() + seconds * (PATIENCE if self.live else 1)
        while not (value := condition()):
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(3.0 if self.live else 0.02)
        return value

    @contextlib.contextmanager
    def refuses(self, error: type[Exception], words: str = "") -> Iterator[Any]:
        """Google's status is checked on both; the words are the emulator's own, and are checked there."""
        with pytest.raises(error, match=None if self.live else words or None) as raised:
            yield raised

    def get(self, url: str) -> Any:
        with urllib.request.urlopen(url, timeout=10 * (PATIENCE if self.live else 1)) as answer:
            return json.load(answer)

    def ask(self, api: str, verb: str, path: str, **request: Any) -> tuple[int, Any]:
        """A REST method's status, and its JSON."""
        answer = self.session.request(verb, f"{self.address(api)}/{path}", timeout=60, **request)
        return answer.status_code, answer.json()

    def status(self, url: str) -> int:
        try:
            with urllib.request.urlopen(url, timeout=10 * (PATIENCE if self.live else 1)) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def upload(self, files: Mapping[str, str]) -> str:
        name = f"source/{uuid.uuid4().hex}.tgz"
        self.left.objects.add(name)
        self.storage.bucket(self.bucket).blob(name).upload_from_string(archive(files), "application/gzip")
        return name

    def submit(self, name: str, files: Mapping[str, str], **fields: Any) -> Any:
        """A pack build of `files`; its operation."""
        image = f"{self.repository}/{name}"
        self.left.images.add(image)
        build = cloudbuild_v1.Build(
            source={"storage_source": {"bucket": self.bucket, "object_": self.upload(files)}},
            steps=[{"name": "gcr.io/k8s-skaffold/pack", "entrypoint": "pack",
                    "args": ["build", image, "--builder", "gcr.io/buildpacks/builder"]}],
            images=[image],
        )  # fmt: skip
        for key, value in fields.items():
            setattr(build, key, value)
        return self.builds.create_build(project_id=self.project, build=build)

    def image(self, name: str, files: Mapping[str, str]) -> str:
        """A built image's name with its digest."""
        build = self.wait(self.submit(name, files))
        return f"{self.repository}/{name}@{build.results.images[0].digest}"

    def create(self, name: str, service: run_v2.Service) -> Any:
        self.left.services.add(self.service_name(name))
        service.invoker_iam_disabled = True
        return self.services.create_service(parent=self.location, service=service, service_id=name)

    def deploy(self, name: str, image: str, env: Mapping[str, str] | None = None, **fields: Any) -> Any:
        """Create or update the service, open to everyone; the operation."""
        service = run_v2.Service(
            name=self.service_name(name),
            invoker_iam_disabled=True,
            template={
                "containers": [{"image": image, "env": [{"name": k, "value": v} for k, v in (env or {}).items()]}]
            },
        )
        for key, value in fields.items():
            if key == "revision":
                service.template.revision = value
            else:
                setattr(service, key, value)
        self.left.services.add(service.name)
        return self.services.update_service(run_v2.UpdateServiceRequest(service=service, allow_missing=True))

    @staticmethod
    def to(revision: str, percent: int = 100, tag: str = "") -> run_v2.TrafficTarget:
        kind = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
        return run_v2.TrafficTarget(type_=kind, revision=revision, percent=percent, tag=tag)

    def logged(self, name: str, text: str) -> list[str]:
        """Lines of a service that contain the text."""
        wanted = f'resource.type="cloud_run_revision" resource.labels.service_name="{name}" textPayload:"{text}"'
        request = {"resource_names": [f"projects/{self.project}"], "filter": wanted}
        return [entry.text_payload for entry in self.logs.list_log_entries(request=request)]

    def change(self, name: str, *paths: str, **fields: Any) -> Any:
        """An update of these fields alone; the operation."""
        service = run_v2.Service(name=self.service_name(name), **fields)
        request = run_v2.UpdateServiceRequest(service=service, update_mask={"paths": list(paths or fields)})
        return self.services.update_service(request)

    def clean_up(self) -> list[str]:
        """Deletes what was made, and says what it did and what is left to do."""
        said = []
        for name in sorted(self.left.services):
            said += _deleted(name, lambda name=name: self.wait(self.services.delete_service(name=name)))
        for name in sorted(self.left.objects):
            said += _deleted(f"gs://{self.bucket}/{name}", self.storage.bucket(self.bucket).blob(name).delete)
        said += [
            f"left, delete it with: gcloud artifacts docker images delete {image} --delete-tags --quiet"
            for image in sorted(self.left.images)
        ]
        return [*said, f"left: the bucket gs://{self.bucket}, and the builds in Cloud Build's history"]

    def close(self) -> None:
        self.channel.close()
        self.storage.close()
        self.session.close()


def _deleted(what: str, delete: Callable[[], object]) -> list[str]:
    """What is to be said of it; nothing where it was never made."""
    try:
        delete()
    except (exceptions.NotFound, exceptions.InvalidArgument):
        return []
    except exceptions.GoogleAPICallError as error:
        return [f"left, for it could not be deleted: {what}: {error.message}"]
    return [f"deleted {what}"]


def archive(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


class Noting(grpc.UnaryUnaryClientInterceptor):
    """Tells each call's method and the status that it was answered with."""

    def __init__(self, note: Note) -> None:
        self._note = note

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        answer = continuation(details, request)
        answer.add_done_callback(lambda call: self._note(details.method.strip("/"), call.code().name))
        return answer


def nowhere(method: str, status: str) -> None: ...


def emulated(endpoints: Any, project: str, bucket: str, note: Note = nowhere) -> Target:
    """Of an emulator's endpoints; the bucket is made where it is not there."""
    channel = grpc.intercept_channel(grpc.insecure_channel(endpoints.grpc), Noting(note))
    session = Session(AnonymousCredentials(), note)
    options = {"api_endpoint": endpoints.storage}
    target = _target(
        [channel] * len(TRANSPORTS), session, project=project, region="us-central1", bucket=bucket, live=False,
        repository=f"us-central1-docker.pkg.dev/{project}/loop",
        storage=storage.Client(
            project=project, credentials=AnonymousCredentials(), client_options=options, _http=session
        ),
        address=lambda _: endpoints.admin,
    )  # fmt: skip
    with contextlib.suppress(exceptions.Conflict):
        target.storage.create_bucket(bucket)
    return target


def real(project: str, region: str, credentials: Any, note: Note = nowhere) -> Target:
    """Google's project, each API at its own address; makes no call."""
    channels = [
        grpc.intercept_channel(transport.create_channel(credentials=credentials), Noting(note))
        for transport in TRANSPORTS
    ]
    session = Session(credentials, note)
    return _target(
        channels, session, project=project, region=region, bucket=f"{project}-loop-conformance", live=True,
        repository=f"{region}-docker.pkg.dev/{project}/loop-conformance",
        storage=storage.Client(project=project, credentials=credentials, _http=session),
        address="https://{}".format,
    )  # fmt: skip


def _target(channels: list[grpc.Channel], session: Session, **fields: Any) -> Target:
    made = [transport(channel=channel) for transport, channel in zip(TRANSPORTS, channels, strict=True)]
    return Target(
        channel=channels[0],
        session=session,
        services=run_v2.ServicesClient(transport=made[0]),
        revisions=run_v2.RevisionsClient(transport=made[1]),
        builds=cloudbuild_v1.CloudBuildClient(transport=made[2]),
        logs=LoggingServiceV2Client(transport=made[3]),
        **fields,
    )
