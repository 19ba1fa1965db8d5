"""Revisions that start, and that do not: conditions, reasons, probes, secrets."""

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
FAILED = run_v2.Condition.State.CONDITION_FAILED


CRASHES = 'import sys\nprint("no database, no service", file=sys.stderr)\nsys.exit(3)\n'


SILENT = 'import time\nprint("thinking")\ntime.sleep(60)\n'


@pytest.mark.parametrize(
    ("main", "says", "line"), [(CRASHES, "exit status 3", "no database"), (SILENT, "4 seconds", "thinking")]
)
def test_a_revision_that_does_not_start_leaves_the_old_traffic(target, echo_image, service, name, main, says, line):
    image = target.image(f"{name}-bad", {"Procfile": "web: python main.py", "main.py": main})
    operation = target.deploy(name, image, revision=f"{name}-bad", traffic=[target.to(f"{name}-bad")])
    with target.refuses(exceptions.FailedPrecondition, f"(?s){name}-bad.*PORT.*{says}"):
        target.wait(operation)
    after = target.services.get_service(name=service.name)
    assert (after.generation, after.observed_generation, after.reconciling) == (2, 1, False)
    assert after.terminal_condition.state == FAILED
    assert after.terminal_condition.reason == run_v2.Condition.CommonReason.REVISION_FAILED
    assert after.latest_created_revision.endswith("-bad")
    assert after.latest_ready_revision.endswith("-one")
    assert [each.revision for each in after.traffic_statuses] == [f"{name}-one"]
    assert target.get(after.uri)["revision"] == f"{name}-one"
    revision = target.revisions.get_revision(name=f"{service.name}/revisions/{name}-bad")
    ready = next(each for each in revision.conditions if each.type_ == "Ready")
    assert ready.state == FAILED
    assert ready.revision_reason == run_v2.Condition.RevisionReason.HEALTH_CHECK_CONTAINER_ERROR
    assert target.live or says in ready.message
    assert target.live or revision.log_uri in ready.message
    assert target.until(lambda: target.logged(name, line))
    healed = target.wait(target.deploy(name, echo_image, revision=f"{name}-well"))
    assert healed.terminal_condition.state == SUCCEEDED
    assert (healed.generation, healed.observed_generation) == (3, 3)


def test_a_failed_latest_revision_stays_failed_until_the_traffic_leaves_it(target, service, name):
    image = target.image(f"{name}-bad", {"Procfile": "web: python main.py", "main.py": CRASHES})
    with pytest.raises(exceptions.FailedPrecondition):
        target.wait(target.deploy(name, image))
    broken = target.services.get_service(name=service.name)
    with target.refuses(exceptions.FailedPrecondition, "is not ready"):
        target.wait(target.services.update_service(service=run_v2.Service(name=service.name, template=broken.template)))
    restored = target.wait(target.change(name, traffic=[target.to(f"{name}-one")]))
    assert restored.traffic_statuses[0].revision == f"{name}-one"
    assert restored.terminal_condition.state == SUCCEEDED


def test_an_unknown_image_is_not_found(target, name):
    with target.refuses(exceptions.NotFound, "not found"):
        target.wait(target.deploy(name, f"{target.repository}/none@sha256:{'0' * 64}", revision=f"{name}-one"))
    revision = target.revisions.get_revision(name=f"{target.service_name(name)}/revisions/{name}-one")
    ready = next(each for each in revision.conditions if each.type_ == "Ready")
    assert ready.reason == run_v2.Condition.CommonReason.CONTAINER_MISSING


def test_a_missing_command_is_a_sentence(target, name):
    image = target.image(f"{name}-typo", {"Procfile": "web: no-such-program --port $PORT"})
    with target.refuses(exceptions.FailedPrecondition, "exit status 127"):
        target.wait(target.deploy(name, image))
    assert target.until(lambda: target.logged(name, "no-such-program"))


def test_a_start_up_probe_over_http_decides(target, echo_image, name):
    probe = {"http_get": {"path": "/up"}, "period_seconds": 1, "failure_threshold": 3}
    template = {"containers": [{"image": echo_image, "startup_probe": probe}]}
    assert target.wait(target.deploy(name, echo_image, template=template)).terminal_condition.state == SUCCEEDED
    image = target.image(f"{name}-deaf", {"Procfile": "web: python main.py", "main.py": DEAF})
    template = {"containers": [{"image": image, "startup_probe": probe}]}
    with target.refuses(exceptions.FailedPrecondition, "GET /up"):
        target.wait(target.deploy(name, image, template=template))


DEAF = """
import http.server, os
http.server.HTTPServer(("", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler).serve_forever()
"""


def test_command_and_args_stand_for_entry_point_and_cmd(target, name):
    image = target.image(f"{name}-args", {"Procfile": "web: false", "main.py": ARGS})
    containers = [{"image": image, "command": ["python", "main.py"], "args": ["a b", "c"]}]
    service = target.wait(target.deploy(name, image, template={"containers": containers}))
    assert target.get(service.uri) == ["a b", "c"]


ARGS = """
import http.server, json, os, sys
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(sys.argv[1:]).encode())
http.server.HTTPServer(("", int(os.environ["PORT"])), App).serve_forever()
"""


MOODY = """
import http.server, json, os
well = True
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global well
        well = well and self.path != "/break"
        asked = self.headers.get("X-Probe") == "yes"
        self.send_response(200 if self.path != "/alive" or (well and asked) else 500)
        self.end_headers()
        self.wfile.write(json.dumps({"well": well, "pid": os.getpid()}).encode())
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), App).serve_forever()
"""


def test_a_failing_liveness_probe_restarts_the_instance(target, name):
    image = target.image(f"{name}-moody", {"Procfile": "web: python main.py", "main.py": MOODY})
    get = {"path": "/alive", "http_headers": [{"name": "X-Probe", "value": "yes"}]}
    probe = {"http_get": get, "period_seconds": 1, "failure_threshold": 2}
    template = {"containers": [{"image": image, "liveness_probe": probe}]}
    service = target.wait(target.deploy(name, image, template=template))
    assert target.get(f"{service.uri}/break")["well"] is False
    target.until(lambda: target.status(service.uri) == 200 and target.get(service.uri)["well"], 20)
    assert target.live or target.logged(name, "liveness probe GET /alive failed 2 times")


@pytest.mark.parametrize(
    ("probe", "names"),
    [
        ({"period_seconds": 5}, "one of http_get"),
        ({"http_get": {}, "period_seconds": 1, "timeout_seconds": 2}, "timeout_seconds"),
        ({"http_get": {}, "period_seconds": 241}, "period_seconds"),
        ({"http_get": {}, "initial_delay_seconds": 241}, "initial_delay_seconds"),
        ({"http_get": {}, "failure_threshold": -1}, "failure_threshold"),
        ({"http_get": {}, "period_seconds": 60, "failure_threshold": 5}, "at most 240"),
    ],
)
def test_an_impossible_start_up_probe_is_refused(target, echo_image, name, probe, names):
    template = {"containers": [{"image": echo_image, "startup_probe": probe}]}
    with target.refuses(exceptions.InvalidArgument, names):
        target.deploy(name, echo_image, template=template)


@pytest.mark.parametrize(
    ("probe", "names"), [({"tcp_socket": {}}, "not TCP"), ({"http_get": {}, "period_seconds": 3601}, "period_seconds")]
)
def test_an_impossible_liveness_probe_is_refused(target, echo_image, name, probe, names):
    template = {"containers": [{"image": echo_image, "liveness_probe": probe}]}
    with target.refuses(exceptions.InvalidArgument, names):
        target.deploy(name, echo_image, template=template)


def test_a_secret_that_is_not_there_fails_the_revision_and_leaves_the_traffic(target, echo_image, service, name):
    source = {"secret_key_ref": {"secret": f"{name}-none", "version": "latest"}}
    env = [{"name": "PASSWORD", "value_source": source}]
    template = {"revision": f"{name}-two", "containers": [{"image": echo_image, "env": env}]}
    with target.refuses(exceptions.InternalServerError, rf"env\[0\].*{name}-none/versions/latest was not found"):
        target.wait(target.deploy(name, echo_image, template=template))
    revision = target.revisions.get_revision(name=f"{service.name}/revisions/{name}-two")
    ready = next(each for each in revision.conditions if each.type_ == "Ready")
    assert (ready.state, ready.reason) == (FAILED, run_v2.Condition.CommonReason.SECRETS_ACCESS_CHECK_FAILED)
    assert target.get(service.uri)["revision"] == f"{name}-one"
