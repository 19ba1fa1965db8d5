"""From archive to proven revision, against the emulator, through Google's clients."""

import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from loop import errors
from loop.cloud import BuildFailure, Built, Created, Proven, StartFailure, Unhealthy, Unproven
from loop.core import names
from loop.core.environment import Health, Identity, Proof
from loop.core.model import Split

EVENT = threading.Event()


def wait(seconds):
    EVENT.wait(seconds)


def get(url, path="/", **headers):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


# archives and builds


def test_an_archive_is_uploaded_once(stage):
    path, digest = stage.archive(server_py="x")
    first = stage.platform.upload(path, digest)
    assert first == f"gs://acme-loop/loop/source/{names.digest_label(digest)}.tar.gz"
    path.write_bytes(b"other content, which the same digest forbids")
    assert stage.platform.upload(path, digest) == first
    blob = stage.platform._wire.storage.bucket("acme-loop").blob(first.removeprefix("gs://acme-loop/"))
    assert not blob.download_as_bytes().startswith(b"other")


def test_an_image_is_named_by_digest_and_found_again_by_content(stage):
    service = stage.service()
    path, digest = stage.archive(server_py="pass", Procfile="web: python3 server.py\n")
    assert stage.platform.find_image(service, digest) is None
    source = stage.platform.upload(path, digest)
    lines = []
    build = stage.platform.submit_build(service, digest, source)
    built = stage.platform.await_build(build, wait=wait, output=lines.append)
    assert isinstance(built, Built)
    assert built.image.startswith(f"us-docker.pkg.dev/acme/loop/{service.service}@sha256:")
    assert lines
    assert stage.platform.find_image(service, digest) == built.image
    assert stage.platform.find_build(service, digest) is None
    assert stage.platform.find_image(stage.service(), digest) is None


def test_a_build_that_fails_says_why_with_its_last_lines(stage):
    service = stage.service()
    path, digest = stage.archive(README_md="nothing to start")
    source = stage.platform.upload(path, digest)
    ended = stage.platform.await_build(stage.platform.submit_build(service, digest, source), wait=wait)
    assert isinstance(ended, BuildFailure)
    assert ended.reason
    assert ended.log
    assert stage.platform.find_image(service, digest) is None


# deploying


def test_the_address_is_known_before_the_first_deployment(stage, image):
    service = stage.service(image=image)
    before = stage.platform.url(service)
    assert stage.platform.observe(service) is None
    stage.deploy(service)
    assert stage.platform.observe(service).serving.url == before
    assert get(before)[0] == 200


def test_what_was_deployed_reads_back_and_is_unchanged(stage, image):
    service = stage.service(image=image)
    order = stage.order(service, 3, MODE="staging")
    created = stage.await_order(order)
    assert isinstance(created, Created)
    assert created.serving == stage.platform.serving(service)
    serving = created.serving
    assert (serving.revision, serving.image) == (order.revision, image)
    assert serving.traffic == (Split(revision=order.revision, percent=100),)
    assert (serving.run, serving.iteration, serving.commit) == ("abc234", "3", "c" * 40)
    found = stage.platform.observe(service)
    digest = "sha256:" + "d" * 64
    assert stage.platform.difference(service, found, env={"MODE": "staging"}, digest=digest) == ""
    assert "MODE" in stage.platform.difference(service, found, env={"MODE": "production"}, digest=digest)
    assert "no longer wanted" in stage.platform.difference(service, found, env={}, digest=digest)
    assert "source changed" in stage.platform.difference(service, found, env={"MODE": "staging"}, digest="sha256:0")


def test_a_second_revision_takes_all_traffic_and_tags_of_others_stay(stage, image):
    service = stage.service(image=image)
    first = stage.deploy(service, 0, MODE="one", OLD="x")
    tag_by_hand(stage, service, first.revision, "mine")
    second = stage.deploy(service, 1, MODE="two")
    serving = stage.platform.serving(service)
    assert serving.revision == second.revision
    assert Split(revision=first.revision, percent=0, tag="mine") in serving.traffic
    assert b'"two"' in get(serving.url)[1]
    env = {v["name"] for v in stage.platform.observe(service).settings["containers"][0]["env"]}
    assert "OLD" not in env


def tag_by_hand(stage, service, revision, tag):
    """As a person would with gcloud."""
    from google.cloud.run_v2 import types

    client = stage.platform._wire.services
    name = f"projects/acme/locations/us-central1/services/{service.service}"
    found = client.get_service(name=name)
    found.template.revision = ""
    found.traffic.append(types.TrafficTarget(type_=2, revision=revision, tag=tag))
    client.update_service(service=found).result(timeout=30)


def test_asking_for_the_same_revision_again_finds_it(stage, image):
    service = stage.service(image=image)
    order = stage.deploy(service)
    assert stage.platform.request_revision(order, wait=wait) == ""
    created = stage.platform.await_revision("", service, order.revision, wait=wait)
    assert isinstance(created, Created)
    again = stage.platform.await_revision(
        "projects/acme/locations/us-central1/operations/gone", service, order.revision, wait=wait
    )
    assert isinstance(again, Created)


def test_a_revision_that_crashes_at_start_shows_its_own_lines_and_the_old_one_serves_on(stage, image):
    service = stage.service(image=image)
    old = stage.deploy(service)
    failed = stage.await_order(stage.order(service, 1, CRASH="yes"))
    assert isinstance(failed, StartFailure)
    assert failed.reason
    assert "can not open the database" in failed.log
    found = stage.platform.observe(service)
    assert found.serving.revision == old.revision
    assert get(found.serving.url)[0] == 200
    assert "traffic is meant for" in stage.platform.difference(service, found, env={}, digest="sha256:" + "d" * 64)


def test_a_first_revision_that_crashes_is_a_failed_start_too(stage, image):
    service = stage.service(image=image)
    failed = stage.await_order(stage.order(service, 0, CRASH="yes"))
    assert isinstance(failed, StartFailure)
    assert "can not open the database" in failed.log


def test_several_services_are_built_and_deployed_at_once(stage):
    services = [stage.service() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        orders = list(pool.map(stage.deploy, services))
    assert [stage.platform.serving(s).revision for s in services] == [o.revision for o in orders]


def test_a_cancellation_ends_the_waiting_for_a_revision(stage, image):
    """The service takes longer to start than one WaitOperation blocks."""
    service = stage.service(image=image)
    order = stage.order(service, 0, SLOW="yes")
    operation = stage.platform.request_revision(order, wait=wait)

    def cancelled(seconds):
        raise errors.Cancelled

    with pytest.raises(errors.Cancelled):
        stage.platform.await_revision(operation, service, order.revision, wait=cancelled)
    assert isinstance(stage.platform.await_revision(operation, service, order.revision, wait=wait), Created)


# proof


@pytest.mark.parametrize(
    ("proof", "identity"),
    [
        (Proof.ANSWERED, Identity(header="x-revision")),
        (Proof.ANSWERED, Identity(json="revision")),
        (Proof.LOGGED, None),
        (Proof.ROUTED, None),
    ],
)
def test_a_revision_is_proven_at_the_level_asked_for(stage, image, proof, identity):
    health = Health(path="/health", consecutive=3, within=10, identity=identity, proof=proof)
    service = stage.service(image=image, health=health)
    order = stage.deploy(service)
    proven = stage.platform.probe(service, stage.platform.url(service), order.revision, wait=wait)
    assert isinstance(proven, Proven)
    assert (proven.level, proven.probe.status) == (proof, 200)
    assert proven.probes >= 3


def test_a_health_that_stays_red_is_unhealthy_with_the_services_lines(stage, image):
    service = stage.service(image=image, health=Health(path="/health", within=0.5))
    order = stage.deploy(service, 0, BROKEN="yes")
    ended = stage.platform.probe(service, stage.platform.url(service), order.revision, wait=wait)
    assert isinstance(ended, Unhealthy)
    assert "HTTP 500: the pool is empty" in ended.reason
    assert ended.probe.status == 500
    assert "answered /health" in ended.log


def test_a_redirect_is_an_answer(stage, image):
    service = stage.service(image=image, health=Health(path="/", within=5, proof=Proof.ROUTED))
    order = stage.deploy(service, 0, STATUS="302")
    proven = stage.platform.probe(service, stage.platform.url(service), order.revision, wait=wait)
    assert isinstance(proven, Proven)
    assert proven.probe.status == 302


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        (Identity(header="X-Revision"), "header X-Revision names somebody-else"),
        (Identity(header="X-Absent"), "header X-Absent is not in the health answer"),
        (Identity(json="version"), "JSON key version is not in the health answer"),
    ],
)
def test_an_answer_that_does_not_name_the_revision_proves_nothing(stage, image, identity, words):
    health = Health(path="/", within=0.3, identity=identity, proof=Proof.ANSWERED)
    service = stage.service(image=image, health=health)
    order = stage.deploy(service, 0, CLAIM="somebody-else")
    ended = stage.platform.probe(service, stage.platform.url(service), order.revision, wait=wait)
    assert isinstance(ended, Unproven)
    assert words in ended.reason


def test_the_request_log_does_not_vouch_for_a_revision_that_did_not_answer(stage, image):
    service = stage.service(image=image, health=Health(path="/", within=5, proof=Proof.LOGGED))
    order = stage.deploy(service)
    ended = stage.platform.probe(
        service, stage.platform.url(service), "web-other-1", wait=wait, evidence_within=0.5
    )  # fmt: skip
    assert isinstance(ended, Unproven)
    assert f"the request log names {order.revision}, not web-other-1" in ended.reason


def test_what_nobody_serves_is_unhealthy_without_a_status(stage, image):
    service = stage.service(image=image, health=Health(path="/", within=0.2))
    order = stage.deploy(service)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ended = stage.platform.probe(service, f"http://127.0.0.1:{port}", order.revision, wait=wait)
    assert isinstance(ended, Unhealthy)
    assert ended.probe.status is None
    assert "no answer" in ended.reason


# logs


def test_requests_are_found_by_trace_and_lines_by_revision(stage, image):
    service = stage.service(image=image)
    order = stage.deploy(service)
    since = datetime.now(UTC) - timedelta(seconds=5)
    trace = "0af7651916cd43dd8448eb211c80319c"
    url = stage.platform.url(service)
    assert get(url, "/one", traceparent=f"00-{trace}-b7ad6b7169203331-01", **{"User-Agent": "suite/1"})[0] == 200
    assert get(url, "/two")[0] == 200
    (found,) = eventually(lambda: stage.platform.requests(service, since=since, trace=trace))
    assert (found.method, urlsplit(found.url).path, found.status) == ("GET", "/one", 200)
    assert (found.revision, found.agent, found.trace) == (order.revision, "suite/1", trace)
    assert found.seconds is not None
    assert found.seconds < 10
    all_of_them = stage.platform.requests(service, since=since)
    assert {"/one", "/two"} <= {urlsplit(r.url).path for r in all_of_them}
    lines = stage.platform.logs(service, revision=order.revision)
    assert lines[0] == f"starting as {order.revision}"
    assert stage.platform.logs(service, revision=order.revision, limit=1) == lines[-1:]
    assert stage.platform.logs(service, revision="web-other-1") == ()
    first, *_ = stage.platform.entries(service, order.revision, since=since, until=datetime.now(UTC), limit=1)
    assert (first.text, first.stream, first.severity, first.trace) == (lines[0], "stdout", "", "")
    assert stage.platform.entries(service, order.revision, since=since, until=since) == ()


def eventually(look, within=10.0):
    deadline = datetime.now(UTC) + timedelta(seconds=within)
    while not (found := look()) and datetime.now(UTC) < deadline:
        wait(0.02)
    return found


def test_a_marked_request_is_found_under_the_revision_that_answered_it(stage, image):
    service = stage.service(image=image)
    order = stage.deploy(service)
    mark = stage.platform.mark(service, stage.platform.url(service), wait=wait)
    assert mark.named == order.revision
    found = stage.platform.marked(service, mark, wait=wait, within=20)
    assert (found.agent, found.revision, found.status) == (mark.agent, order.revision, 200)


def test_a_marked_request_that_went_elsewhere_is_not_found(stage, image):
    service, other = stage.service(image=image), stage.service(image=image)
    stage.deploy(service)
    stage.deploy(other)
    mark = stage.platform.mark(service, stage.platform.url(other), wait=wait)
    assert stage.platform.marked(service, mark, wait=wait, within=0.2) is None
