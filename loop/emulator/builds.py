"""google.devtools.cloudbuild.v1 CloudBuild: builds in threads of their own, their log lines in Cloud Logging."""

import base64
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import grpc
from google.longrunning import operations_pb2 as lro
from google.protobuf import json_format

from loop.emulator import pack
from loop.emulator.gcs import Buckets
from loop.emulator.images import Image, Images, with_tag
from loop.emulator.logfilter import FilterError, parse
from loop.emulator.logs import Logs
from loop.emulator.operations import Operations
from loop.emulator.paging import page
from loop.emulator.protos import cloudbuild as types
from loop.emulator.store import Kind, Store
from loop.emulator.wire import Method, invalid, not_found, precondition, shape

SERVICE = "google.devtools.cloudbuild.v1.CloudBuild"
Build = shape(types.Build)
BuildOperationMetadata = shape(types.BuildOperationMetadata)
ListBuildsResponse = shape(types.ListBuildsResponse)
Status = types.Build.Status
FailureType = types.Build.FailureInfo.FailureType
LARGEST_PAGE = 1000
DEFAULT_SECONDS = 3600.0
"""Build.timeout: "Default time is 60 minutes." """


class Cancelled(Exception):
    """Somebody cancelled the build."""


class Builds:
    def __init__(
        self, store: Store, operations: Operations, logs: Logs, buckets: Buckets, images: Images, cache: Path
    ) -> None:
        self._store = store
        self._operations = operations
        self._logs = logs
        self._buckets = buckets
        self._images = images
        self._cache = cache
        self._cancelled: set[str] = set()
        operations.cancel_build = self._cancel_operation

    def methods(self) -> list[Method]:
        return [
            Method(f"{SERVICE}/CreateBuild", shape(types.CreateBuildRequest), self._create),
            Method(f"{SERVICE}/GetBuild", shape(types.GetBuildRequest), self._get),
            Method(f"{SERVICE}/ListBuilds", shape(types.ListBuildsRequest), self._list),
            Method(f"{SERVICE}/CancelBuild", shape(types.CancelBuildRequest), self._cancel),
        ]

    def go_on(self, operation: lro.Operation) -> None:
        """Builds are content-addressed, so one that was cut off is simply made again."""
        metadata = BuildOperationMetadata()
        if operation.metadata.Unpack(metadata):
            self._begin(operation.name, self._build(metadata.build.id))

    def _create(self, request: Any) -> lro.Operation:
        project = request.project_id or _part(request.parent, 1)
        if not project:
            raise invalid("project_id is required.")
        if not request.build.steps:
            raise invalid("build.steps: a build has at least one step.")
        build = Build()
        build.CopyFrom(request.build)
        build.id, build.project_id, build.status = str(uuid.uuid4()), project, int(Status.QUEUED)
        build.name = f"projects/{project}/locations/{_part(request.parent, 3) or 'global'}/builds/{build.id}"
        build.log_url = f"https://console.cloud.google.com/cloud-build/builds/{build.id}?project={project}"
        build.create_time.GetCurrentTime()
        operation = f"operations/build/{project}/{base64.b64encode(build.id.encode()).decode()}"
        with self._store.change():
            self._store.put(Kind.BUILD, build.id, build)
            opened = self._operations.open(operation, BuildOperationMetadata(build=build))
        self._begin(operation, build)
        return opened

    def _begin(self, operation: str, build: Any) -> None:
        self._operations.background(operation, lambda: self._run(operation, build))

    def _get(self, request: Any) -> Any:
        return self._build(request.id or _part(request.name, 5))

    def _build(self, build_id: str) -> Any:
        build = self._store.get(Kind.BUILD, build_id, Build)
        if build is None:
            raise not_found(f"Requested entity was not found: build {build_id}.")
        return build

    def _list(self, request: Any) -> Any:
        """Newest first, as gcloud shows them; the filter is read as Logging's language over the build's JSON."""
        project = request.project_id or _part(request.parent, 1)
        try:
            test = parse(request.filter)
        except FilterError as error:
            raise invalid(f"Unparseable filter: {error}.") from error
        found = [
            build
            for build in self._store.every(Kind.BUILD, Build)[::-1]
            if build.project_id == project and test(json_format.MessageToDict(build))
        ]
        shown, more = page(found, request, LARGEST_PAGE)
        return ListBuildsResponse(builds=shown, next_page_token=more)

    def _cancel(self, request: Any) -> Any:
        build = self._build(request.id or _part(request.name, 5))
        if build.status not in (Status.QUEUED, Status.WORKING):
            raise precondition(f"Build {build.id} has ended.")
        self._cancelled.add(build.id)
        deadline = time.monotonic() + 5.0
        while build.status in (Status.QUEUED, Status.WORKING) and time.monotonic() < deadline:
            time.sleep(0.02)
            build = self._build(build.id)
        return build

    def _cancel_operation(self, operation: str) -> None:
        self._cancelled.add(base64.b64decode(operation.rpartition("/")[2]).decode())

    def _run(self, operation: str, build: Any) -> None:
        build.status = int(Status.WORKING)
        build.start_time.GetCurrentTime()
        self._store.put(Kind.BUILD, build.id, build)
        self._operations.progress(operation, BuildOperationMetadata(build=build))
        seconds = build.timeout.ToTimedelta().total_seconds() or DEFAULT_SECONDS
        deadline = time.monotonic() + seconds
        try:
            self._steps(build, deadline)
            build.status = int(Status.SUCCESS)
        except pack.StepFailed as failed:
            if build.id in self._cancelled:
                _cancel(build)
            elif time.monotonic() > deadline:
                build.status = int(Status.TIMEOUT)
                build.status_detail = f"The build did not end within {seconds:g} seconds."
            else:
                _fail(build, str(failed))
        except Cancelled:
            _cancel(build)
        self._end(operation, build)

    def _end(self, operation: str, build: Any) -> None:
        build.finish_time.GetCurrentTime()
        if build.status_detail:
            self._say(build, f"ERROR: {build.status_detail}", "ERROR")
        metadata = BuildOperationMetadata(build=build)
        with self._store.change():
            self._store.put(Kind.BUILD, build.id, build)
            if build.status == Status.SUCCESS:
                self._operations.finish(operation, build, metadata)
            elif build.status == Status.CANCELLED:
                self._operations.fail(operation, grpc.StatusCode.CANCELLED, build.status_detail, metadata)
            else:
                message = f"Build failed; check build logs for details: {build.status_detail}"
                self._operations.fail(operation, grpc.StatusCode.UNKNOWN, message, metadata)

    def _steps(self, build: Any, deadline: float) -> None:
        built: dict[str, Image] = {}
        values = {"PROJECT_ID": build.project_id, "BUILD_ID": build.id, "LOCATION": "global", **build.substitutions}
        steps = [pack.read_step(step, values) for step in build.steps]
        with tempfile.TemporaryDirectory(prefix="loop-build-") as folder:
            tree = Path(folder) / "source"
            tree.mkdir()
            self._fetch(build, tree)
            for step in steps:
                self._check(build, deadline)
                self._say(build, f"Step: pack build {step.image}", "INFO")
                image = pack.build(
                    step, tree, self._images, self._cache, lambda line: self._say(build, line, "INFO"),
                    lambda: time.monotonic() > deadline or build.id in self._cancelled,
                )  # fmt: skip
                built.update({with_tag(name): image for name in (step.image, *step.tags)})
        self._check(build, deadline)
        _results(build, built, values)

    def _check(self, build: Any, deadline: float) -> None:
        if build.id in self._cancelled:
            raise Cancelled
        if time.monotonic() > deadline:
            raise pack.StepFailed("out of time")

    def _fetch(self, build: Any, tree: Path) -> None:
        if not build.source.HasField("storage_source"):
            raise pack.StepFailed("The build has no source in Cloud Storage (source.storage_source).")
        source = build.source.storage_source
        archive = self._buckets.read(source.bucket, source.object_)
        if archive is None:
            raise pack.StepFailed(f"There is no object gs://{source.bucket}/{source.object_}.")
        self._say(build, f"Fetching gs://{source.bucket}/{source.object_} ({len(archive)} bytes).", "INFO")
        pack.unpack(archive, tree)

    def _say(self, build: Any, line: str, severity: str) -> None:
        labels = {"build_id": build.id, "project_id": build.project_id, "build_trigger_id": build.build_trigger_id}
        entry = {"resource": {"type": "build", "labels": labels}, "textPayload": line, "severity": severity}
        self._logs.write(build.project_id, "cloudbuild", entry)


def _results(build: Any, built: dict[str, Image], values: dict[str, str]) -> None:
    """`results.images` holds what the build's own `images` names (Build.images, Results.images)."""
    for name in build.images:
        reference = with_tag(pack.substituted(name, values))
        if reference not in built:
            raise pack.StepFailed(f"No step built the image {name} that the build wants to push.")
        result = build.results.images.add(name=reference, digest=built[reference].digest)
        result.push_timing.start_time.GetCurrentTime()
        result.push_timing.end_time.CopyFrom(result.push_timing.start_time)
    build.results.build_step_images.extend("" for _ in build.steps)


def _fail(build: Any, why: str) -> None:
    build.status = int(Status.FAILURE)
    build.status_detail = why
    build.failure_info.type_ = int(FailureType.USER_BUILD_STEP)
    build.failure_info.detail = why


def _cancel(build: Any) -> None:
    build.status = int(Status.CANCELLED)
    build.status_detail = "The build was cancelled."


def _part(name: str, index: int) -> str:
    parts = name.split("/")
    return parts[index] if len(parts) > index else ""
