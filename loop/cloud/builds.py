"""Cloud Build: one fixed build per mode, or the user's own; found again by its tag, its image named by its digest.

What the source is to blame for is a BuildFailure; what only the operator can mend is raised.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from loop.cloud.calls import CALL_TIMEOUT, call, delays, patiently
from loop.cloud.cloudbuild import IMAGE, Unusable, build_from
from loop.cloud.logs import SHOWN, Logs
from loop.cloud.values import BuildFailure, Built
from loop.cloud.wire import Wire
from loop.core.environment import BuildMode, Service
from loop.core.names import digest_label
from loop.errors import (
    AccessDenied,
    BuildRejected,
    Conflict,
    OperationTimeout,
    PlatformError,
    Unavailable,
    Wait,
)

if TYPE_CHECKING:
    from google.cloud.devtools.cloudbuild_v1.types import Build, BuildStep

Output = Callable[[str], None]
"""Takes one line of a build's log."""

PACK = "gcr.io/k8s-skaffold/pack"
BUILDER = "gcr.io/buildpacks/builder"
"""https://cloud.google.com/docs/buildpacks/build-application: the step and the builder that Google documents."""
DOCKER = "gcr.io/cloud-builders/docker"
OPEN = ("PENDING", "QUEUED", "WORKING")
SHARE = 0.04
"""A build is looked at again after this share of the time it took so far: that much is the most that waiting adds."""
LOG_EVERY = 3.0
"""Seconds between two reads of the log of a running build; reads of logs are limited per minute."""
QUEUE_WITHIN = 600.0
"""Seconds that a build may take beyond its own time limit, for queueing and starting."""


class Builds:
    def __init__(self, wire: Wire, logs: Logs) -> None:
        self._wire = wire
        self._logs = logs

    def find_image(self, service: Service, digest: str, wait: Wait = time.sleep) -> str | None:
        """The image of an earlier successful build of the same content for this service, by digest."""
        for build in self._earlier(service, digest, wait):
            if build.status.name == "SUCCESS" and (image := _image(build)):
                return image
        return None

    def find_open(self, service: Service, digest: str, wait: Wait = time.sleep) -> str | None:
        """The id of a build of the same content for this service that has not ended."""
        return next((b.id for b in self._earlier(service, digest, wait) if b.status.name in OPEN), None)

    def submit(
        self, service: Service, digest: str, source: str, wait: Wait = time.sleep, *, config: str = ""
    ) -> str | BuildFailure:
        """Start a build of the `gs://` object; the build's id. A build whose answer was lost is found.

        `config` is the text of the service's own Cloud Build configuration; a BuildFailure says what is wrong with it.
        """
        from google.api_core.exceptions import GatewayTimeout, InvalidArgument, ServiceUnavailable
        from google.cloud.devtools.cloudbuild_v1.types import BuildOperationMetadata, CreateBuildRequest

        from loop.cloud.errors import rejected

        target = self._wire.target
        try:
            build = self._build(service, digest, source, config)
        except Unusable as unusable:
            return unusable.failure
        request = CreateBuildRequest(parent=self._parent, project_id=target.project, build=build)

        def attempt(left: float) -> str:
            try:
                made = self._wire.builds.create_build(request=request, retry=None, timeout=min(left, CALL_TIMEOUT))
            except (ServiceUnavailable, GatewayTimeout):
                found = self.find_open(service, digest, wait)
                if found:
                    return found
                raise
            metadata = made.metadata
            assert isinstance(metadata, BuildOperationMetadata), "CreateBuild answers with the build in its metadata"
            return str(metadata.build.id)

        try:
            return patiently(attempt, what=f"building {service.service}", where=self._parent, wait=wait)
        except PlatformError as error:
            refused = rejected(error)
            if service.build is BuildMode.CLOUDBUILD and isinstance(error.__cause__, InvalidArgument):
                return BuildFailure(reason=f"{service.cloudbuild}: {refused.message}")
            raise refused from error

    def _build(self, service: Service, digest: str, source: str, config: str) -> "Build":
        target = self._wire.target
        made = build_for(service, digest, source, target.repository, target.build_timeout)
        if target.build_service_account:
            made.service_account = f"projects/{target.project}/serviceAccounts/{target.build_service_account}"
        if service.build is not BuildMode.CLOUDBUILD:
            return made
        image = image_name(target.repository, service, digest)
        values = {IMAGE: image, "_SERVICE": service.service, "_DIGEST": digest_label(digest)}
        return build_from(config, service.cloudbuild or "cloudbuild.yaml", made, values, service.substitutions)

    def wait_for(self, build: str, wait: Wait, output: Output | None = None) -> Built | BuildFailure:
        """Wait until the build has ended; its log goes to `output` line by line, a little late."""
        began = time.monotonic()
        log = _Tail(self._logs, build, output)
        for delay in delays():
            found = self._get(build, wait)
            if found.status.name not in OPEN:
                return self._ended(found, log, wait)
            elapsed = time.monotonic() - began
            limit = found.timeout.total_seconds() if found.timeout else self._wire.target.build_timeout
            if elapsed > limit + QUEUE_WITHIN:
                raise OperationTimeout(f"build {build} has not ended", where=found.name, hint="loop resume")
            log.forward(wait)
            wait(min(delay, max(0.05, SHARE * elapsed)))
        raise AssertionError("delays never end")

    def _ended(self, build: "Build", log: "_Tail", wait: Wait) -> Built | BuildFailure:
        status = build.status.name
        log.forward(wait, last=True)
        if status == "SUCCESS":
            image = _image(build)
            if image:
                return Built(image=image)
            if IMAGE in build.substitutions:
                return BuildFailure(reason=_other_images(build), log=log.tail(wait))
            raise BuildRejected(f"build {build.id} succeeded without an image", where=build.name)
        reason = build.failure_info.detail or build.status_detail or f"the build ended as {status}"
        if status == "TIMEOUT":
            return BuildFailure(reason=f"time limit reached: {reason}", log=log.tail(wait))
        blamed = _operators(build, reason)
        if blamed:
            raise blamed
        return BuildFailure(reason=reason, log=log.tail(wait))

    def _earlier(self, service: Service, digest: str, wait: Wait) -> "list[Build]":
        """Builds of that content in that mode for that service, newest first."""
        from google.cloud.devtools.cloudbuild_v1.types import ListBuildsRequest

        tag, mine = digest_label(digest), image_name(self._wire.target.repository, service, digest)
        request = ListBuildsRequest(
            parent=self._parent, project_id=self._wire.target.project, filter=f'tags="{tag}"', page_size=100
        )

        def attempt(left: float) -> "list[Build]":
            return list(self._wire.builds.list_builds(request=request, retry=None, timeout=min(left, CALL_TIMEOUT)))

        found = patiently(attempt, what=f"looking for builds of {service.service}", where=self._parent, wait=wait)
        fitting = [b for b in found if {tag, service.build.value} <= set(b.tags) and mine in _expected(b)]
        return sorted(fitting, key=lambda b: b.create_time.timestamp() if b.create_time else 0.0, reverse=True)

    def _get(self, build: str, wait: Wait) -> "Build":
        from google.cloud.devtools.cloudbuild_v1.types import GetBuildRequest

        name = f"{self._parent}/builds/{build}"
        request = GetBuildRequest(name=name, project_id=self._wire.target.project, id=build)
        return call(self._wire.builds.get_build, request, what=f"reading build {build}", where=name, wait=wait)

    @property
    def _parent(self) -> str:
        return f"projects/{self._wire.target.project}/locations/{self._wire.target.region}"


class _Tail:
    """The log of one build, read now and then while it runs."""

    def __init__(self, logs: Logs, build: str, output: Output | None) -> None:
        self._logs, self._build, self._output = logs, build, output
        self._seen: list[str] = []
        self._next = time.monotonic() + LOG_EVERY

    def forward(self, wait: Wait, *, last: bool = False) -> None:
        if self._output is None or (not last and time.monotonic() < self._next):
            return
        for line in self._logs.build_lines(self._build, skip=len(self._seen), wait=wait):
            self._seen.append(line)
            self._output(line)
        self._next = time.monotonic() + LOG_EVERY

    def tail(self, wait: Wait) -> tuple[str, ...]:
        return (tuple(self._seen) or self._logs.build_lines(self._build, wait=wait))[-SHOWN:]


def build_for(service: Service, digest: str, source: str, repository: str, timeout: float) -> "Build":
    """The Build that is sent, fixed per mode (design section 8). Its log goes to Cloud Logging alone."""
    from google.cloud.devtools.cloudbuild_v1.types import Build, BuildOptions, Source, StorageSource
    from google.protobuf.duration_pb2 import Duration

    bucket, _, name = source.removeprefix("gs://").partition("/")
    image = image_name(repository, service, digest)
    return Build(
        source=Source(storage_source=StorageSource(bucket=bucket, object_=name)),
        steps=_steps(service, image),
        images=[image],
        tags=[digest_label(digest), service.build.value, service.service],
        timeout=Duration(seconds=int(timeout)),
        options=BuildOptions(logging=BuildOptions.LoggingMode.CLOUD_LOGGING_ONLY),
    )


def _steps(service: Service, image: str) -> "list[BuildStep]":
    """None where the steps are the user's own."""
    from google.cloud.devtools.cloudbuild_v1.types import BuildStep

    match service.build:
        case BuildMode.BUILDPACK:
            args = ["build", image, "--builder", BUILDER, "--network", "cloudbuild"]
            return [BuildStep(name=PACK, entrypoint="pack", args=args)]
        case BuildMode.DOCKERFILE:
            file = ["-f", service.dockerfile] if service.dockerfile else []
            return [BuildStep(name=DOCKER, args=["build", "--network", "cloudbuild", *file, "-t", image, "."])]
        case BuildMode.CLOUDBUILD:
            return []
        case BuildMode.IMAGE:
            raise ValueError("an image that is given is not built")


def image_name(repository: str, service: Service, digest: str) -> str:
    """`<repository>/<service>:<content digest>`: the name that a build pushes to."""
    return f"{repository}/{service.service}:{digest_label(digest)}"


def _expected(build: "Build") -> tuple[str, ...]:
    """Names that the build is to push: what the user's own file calls $_IMAGE, else what it lists."""
    own = build.substitutions.get(IMAGE, "")
    return (own,) if own else tuple(build.images)


def _image(build: "Build") -> str:
    """The pushed image by digest, without its tag; empty where it pushed none that was expected."""
    expected = _expected(build)
    image = next((i for i in build.results.images if i.name in expected or not build.substitutions.get(IMAGE)), None)
    if image is None:
        return ""
    repository, _, last = image.name.rpartition("/")
    return f"{repository}/{last.partition(':')[0].partition('@')[0]}@{image.digest}"


def _other_images(build: "Build") -> str:
    pushed = ", ".join(image.name for image in build.results.images) or "no image"
    return f"the build succeeded, but it pushed {pushed}, not {build.substitutions[IMAGE]} ($_IMAGE)"


def _operators(build: "Build", reason: str) -> PlatformError | None:
    """The error for an ending that no change to the source can mend; None where the source is to blame."""
    hint = "loop resume"
    sentence = f"build {build.id}: {reason}"
    match build.status.name, build.failure_info.type_.name:
        case _, "PUSH_NOT_AUTHORIZED":
            hint = "give the build's service account roles/artifactregistry.writer on the repository, then: loop resume"
            return AccessDenied(sentence, where=build.images[0], hint=hint)
        case _, "PUSH_FAILED" | "FETCH_SOURCE_FAILED" | "LOGGING_FAILURE":
            return Unavailable(sentence, where=build.name, hint=hint)
        case "INTERNAL_ERROR", _:
            return Unavailable(sentence, where=build.name, hint=hint)
        case "EXPIRED", _:
            return OperationTimeout(sentence, where=build.name, hint=hint)
        case "CANCELLED", _:
            return Conflict(f"{sentence}: someone cancelled it", where=build.name, hint=hint)
        case _:
            return None
