"""What the platform does on a bad day, over the wire: bursts, conflicts, lost answers, refusals with details."""

import importlib.util
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import grpc
import pytest
from google.cloud.devtools import cloudbuild_v1 as cloudbuild
from google.cloud.logging_v2 import types as logging
from google.cloud.run_v2 import types as run
from google.longrunning.operations_pb2 import Operation
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo

from loop import errors
from loop.cloud import BuildFailure, Endpoints, Order, connect
from loop.core.environment import PlatformTarget, Service

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).with_name("scripted.py"))
scripted = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scripted)
Refusal, Script = scripted.Refusal, scripted.Script

SERVICE = Service(name="web", service="web", url="http://127.0.0.1:9")
NAME = "projects/p/locations/r/services/web"
LABELS = {"loop-run": "a1b2c3", "loop-iteration": "1", "loop-digest": "d" * 40}
ORDER = Order(service=SERVICE, revision="web-la1b2c3-1", image="repo/web@sha256:1", env={"MODE": "x"}, labels=LABELS)
UNAVAILABLE = Refusal(grpc.StatusCode.UNAVAILABLE)
NOT_FOUND = Refusal(grpc.StatusCode.NOT_FOUND)
ABORTED = Refusal(grpc.StatusCode.ABORTED)
OURS = run.Revision(name=f"{NAME}/revisions/x", labels=LABELS, containers=[run.Container(image="i")])


@pytest.fixture
def platform():
    """`platform(GetService=[...])`: a Platform that talks to a server with that script; `.script` has the requests."""
    opened = []

    def start(admin="127.0.0.1:9", **answers):
        context = scripted.serving(Script(answers=answers))
        script = context.__enter__()
        target = PlatformTarget(project="p", region="r", repository="host/p/loop", bucket="b", endpoint="emulator")
        made = connect(target, Endpoints(grpc=script.address, storage="127.0.0.1:9", admin=admin))
        opened.append((made, context))
        made.script = script
        return made

    yield start
    for made, context in opened:
        made.close()
        context.__exit__(None, None, None)


class Waits(list):
    def __call__(self, seconds):
        self.append(seconds)


def service(etag="1", **fields):
    return run.Service(
        name=NAME, etag=etag, generation=1, observed_generation=1,
        template=run.RevisionTemplate(service_account="runner@x", containers=[run.Container(image="old")]), **fields,
    )  # fmt: skip


def test_a_burst_of_unavailable_is_survived(platform):
    platform = platform(GetService=[UNAVAILABLE, UNAVAILABLE, NOT_FOUND])
    waits = Waits()
    assert platform.observe(SERVICE, wait=waits) is None
    assert len(waits) == 2


def test_a_missing_permission_is_named(platform):
    info = ErrorInfo(
        reason="IAM_PERMISSION_DENIED", domain="iam.googleapis.com",
        metadata={"permission": "run.services.get", "resource": NAME},
    )  # fmt: skip
    platform = platform(GetService=[Refusal(grpc.StatusCode.PERMISSION_DENIED, details=(info,))])
    with pytest.raises(errors.AccessDenied, match=r"run\.services\.get is missing") as raised:
        platform.observe(SERVICE)
    assert raised.value.where == NAME


def test_a_quota_is_waited_for_as_long_as_asked(platform):
    asked = RetryInfo()
    asked.retry_delay.FromMilliseconds(700)
    refusal = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, details=(asked,))
    platform = platform(ListLogEntries=[refusal, logging.ListLogEntriesResponse()])
    waits = Waits()
    assert platform.requests(SERVICE, since=datetime.now(UTC), wait=waits) == ()
    assert waits == [0.7]


def test_a_conflict_is_tried_again_after_reading_again(platform):
    platform = platform(
        GetRevision=[NOT_FOUND],
        GetService=[service(etag="1"), service(etag="2")],
        UpdateService=[ABORTED, Operation(name="operations/7")],
    )
    assert platform.request_revision(ORDER, wait=Waits()) == "operations/7"
    first, second = platform.script.requests["UpdateService"]
    assert [first.service.etag, second.service.etag] == ["1", "2"]
    sent = second.service
    assert (sent.template.revision, sent.template.service_account) == (ORDER.revision, "runner@x")
    assert [(t.revision, t.percent) for t in sent.traffic] == [(ORDER.revision, 100)]
    assert dict(sent.template.labels) == LABELS


def test_an_update_whose_answer_was_lost_is_found_and_not_repeated(platform):
    platform = platform(
        GetRevision=[NOT_FOUND, OURS], GetService=[service()], UpdateService=[UNAVAILABLE, ABORTED, UNAVAILABLE]
    )
    assert platform.request_revision(ORDER, wait=Waits()) == ""
    assert len(platform.script.requests["UpdateService"]) == 2


def test_a_service_that_someone_created_meanwhile_is_updated_instead(platform):
    platform = platform(
        GetRevision=[NOT_FOUND],
        GetService=[NOT_FOUND, service()],
        CreateService=[Refusal(grpc.StatusCode.ALREADY_EXISTS)],
        UpdateService=[Operation(name="operations/8")],
    )
    assert platform.request_revision(ORDER, wait=Waits()) == "operations/8"


def test_a_revision_of_that_name_that_is_not_ours_is_named_and_left_alone(platform):
    other = run.Revision(OURS, labels=LABELS | {"loop-run": "zzzzzz"})
    platform = platform(GetRevision=[other])
    with pytest.raises(errors.Conflict, match=r"web-la1b2c3-1 exists and is not ours: loop-run=zzzzzz"):
        platform.request_revision(ORDER, wait=Waits())
    assert not platform.script.requests["UpdateService"]


def test_a_higher_fence_is_respected_and_a_lower_one_replaced(platform):
    order = Order(service=SERVICE, revision=ORDER.revision, image="i", labels=LABELS, fence="ab:5")
    refusing = platform(GetRevision=[NOT_FOUND], GetService=[service(annotations={"loop-fence": "ab:6"})])
    with pytest.raises(errors.PlatformError, match="a later run took over web: loop-fence is ab:6, ours is ab:5"):
        refusing.request_revision(order, wait=Waits())
    assert replaced(platform, order, "ab:4") == "ab:5"


@pytest.mark.parametrize("other", ["cd:9", "9", "of somebody's own"])
def test_a_number_of_another_scope_can_not_be_compared_and_is_replaced(platform, other):
    order = Order(service=SERVICE, revision=ORDER.revision, image="i", labels=LABELS, fence="ab:5")
    assert replaced(platform, order, other) == "ab:5"


def replaced(platform, order, fence):
    accepting = platform(
        GetRevision=[NOT_FOUND], GetService=[service(annotations={"loop-fence": fence})],
        UpdateService=[Operation(name="operations/9")],
    )  # fmt: skip
    accepting.request_revision(order, wait=Waits())
    return accepting.script.requests["UpdateService"][0].service.annotations["loop-fence"]


@pytest.fixture
def told():
    """An admin address that tells `http://told.example` for every service."""

    class Admin(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"url": "http://told.example"}')

        def log_message(self, *_): ...

    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address_other_than_the_one_that_was_told_is_an_error(platform, told):
    other = service(urls=["https://elsewhere.run.app"])
    platform = platform(told, GetService=[other, service(urls=["https://x", "http://told.example"]), other])
    plain = Service(name="web", service="web")
    with pytest.raises(
        errors.PlatformError, match=r"answers at https://elsewhere\.run\.app, not at http://told"
    ) as raised:
        platform.observe(plain)
    assert "services.web.url" in raised.value.hint
    assert platform.observe(plain).serving.url == "http://told.example"
    assert platform.observe(SERVICE).serving.url == SERVICE.url  # `url:` replaces the platform's own address


def test_a_cancellation_ends_the_waiting_for_a_platform_that_is_down(platform):
    platform = platform(GetService=[UNAVAILABLE])

    def cancelled(seconds):
        raise errors.Cancelled

    with pytest.raises(errors.Cancelled):
        platform.observe(SERVICE, wait=cancelled)


# builds

DIGEST = "sha256:" + "d" * 64
IMAGE = "host/p/loop/web:" + "d" * 40


def build(status="WORKING", *, key="b1", service="web", mode="buildpack", **fields):
    image = IMAGE.replace("web", service)
    done = cloudbuild.Results(images=[cloudbuild.BuiltImage(name=image, digest=f"sha256:{key}")])
    return cloudbuild.Build(
        id=key, status=cloudbuild.Build.Status[status], tags=["d" * 40, mode, service], images=[image], results=done,
        **fields,
    )  # fmt: skip


def listing(*builds):
    return cloudbuild.ListBuildsResponse(builds=builds)


def test_only_a_build_of_the_same_content_mode_and_service_is_ours(platform):
    others = build(key="x", service="other"), build(key="y", mode="dockerfile"), build("FAILURE", key="z")
    platform = platform(ListBuilds=[listing(*others, build(key="b7"), build("SUCCESS", key="b2"))])
    assert platform.find_build(SERVICE, DIGEST) == "b7"
    assert platform.find_image(SERVICE, DIGEST) == "host/p/loop/web@sha256:b2"
    assert platform.script.requests["ListBuilds"][0].filter == f'tags="{"d" * 40}"'


def test_the_newest_successful_build_is_taken(platform):
    older = build("SUCCESS", key="b1", create_time="2026-11-20T00:00:00Z")
    newer = build("SUCCESS", key="b2", create_time="2026-11-21T00:00:00Z")
    platform = platform(ListBuilds=[listing(older, newer)])
    assert platform.find_image(SERVICE, DIGEST) == "host/p/loop/web@sha256:b2"


def test_a_build_whose_answer_was_lost_is_found_and_not_submitted_again(platform):
    platform = platform(CreateBuild=[UNAVAILABLE], ListBuilds=[listing(build(key="b9"))])
    assert platform.submit_build(SERVICE, DIGEST, "gs://b/x", wait=Waits()) == "b9"
    assert len(platform.script.requests["CreateBuild"]) == 1


def test_a_refused_build_is_rejected_with_the_platforms_words(platform):
    platform = platform(CreateBuild=[Refusal(grpc.StatusCode.INVALID_ARGUMENT, "no such builder")])
    with pytest.raises(errors.BuildRejected, match="no such builder"):
        platform.submit_build(SERVICE, DIGEST, "gs://b/x", wait=Waits())


def test_a_build_that_may_not_push_is_for_the_operator_and_names_the_role(platform):
    failure = cloudbuild.Build.FailureInfo(type_="PUSH_NOT_AUTHORIZED", detail="denied")
    platform = platform(GetBuild=[build(), build("FAILURE", failure_info=failure)])
    with pytest.raises(errors.AccessDenied, match="denied") as raised:
        platform.await_build("b1", wait=Waits())
    assert "roles/artifactregistry.writer" in raised.value.hint
    assert raised.value.where == IMAGE


def test_a_build_that_ran_out_of_time_is_the_sources_fault(platform):
    entries = logging.ListLogEntriesResponse(entries=[logging.LogEntry(text_payload="step 1")])
    platform = platform(GetBuild=[build("TIMEOUT")], ListLogEntries=[entries])
    ended = platform.await_build("b1", wait=Waits())
    assert isinstance(ended, BuildFailure)
    assert ended.reason.startswith("time limit reached")
    assert ended.log == ("step 1",)
