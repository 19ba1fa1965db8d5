"""google.cloud.run.v2 Services and Revisions through Google's clients."""

import urllib.error
import urllib.request

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.protobuf import field_mask_pb2

SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
FAILED = run_v2.Condition.State.CONDITION_FAILED
LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
NAMED = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


def to(revision, percent=100, tag=""):
    return run_v2.TrafficTarget(type_=NAMED, revision=revision, percent=percent, tag=tag)


def logged(target, name, text):
    wanted = f'resource.type="cloud_run_revision" resource.labels.service_name="{name}" textPayload:"{text}"'
    request = {"resource_names": [f"projects/{target.project}"], "filter": wanted}
    return [entry.text_payload for entry in target.logs.list_log_entries(request=request)]


def test_create_makes_a_service_that_serves(target, echo_image, name):
    service = run_v2.Service(
        template={"containers": [{"image": echo_image, "env": [{"name": "GREETING", "value": "hi"}]}]}
    )
    operation = target.services.create_service(parent=target.location, service=service, service_id=name)
    made = target.wait(operation)
    assert made.name == target.service_name(name)
    assert (made.generation, made.observed_generation, made.reconciling) == (1, 1, False)
    assert made.terminal_condition.type_ == "Ready"
    assert made.terminal_condition.state == SUCCEEDED
    assert {each.type_: each.state for each in made.conditions} == {
        "RoutesReady": SUCCEEDED,
        "ConfigurationsReady": SUCCEEDED,
    }
    assert made.latest_ready_revision == made.latest_created_revision
    assert [(each.type_, each.percent) for each in made.traffic] == [(LATEST, 100)]
    assert [(each.type_, each.percent) for each in made.traffic_statuses] == [(LATEST, 100)]
    said = target.get(made.uri)
    assert said["revision"] == made.latest_ready_revision.rpartition("/")[2]
    assert said["revision"].startswith(f"{name}-00001-")
    assert (said["service"], said["configuration"], said["greeting"]) == (name, name, "hi")
    assert target.services.get_service(name=made.name) == made


def test_create_of_an_existing_service_is_refused(target, echo_image, service, name):
    with pytest.raises(exceptions.AlreadyExists):
        target.services.create_service(
            parent=target.location, service=run_v2.Service(template=service.template), service_id=name
        )


@pytest.mark.parametrize("bad", ["Upper", "9first", "ends-", "x" * 50, "under_score", ""])
def test_create_refuses_an_impossible_name(target, echo_image, bad):
    service = run_v2.Service(template={"containers": [{"image": echo_image}]})
    with target.refuses(exceptions.InvalidArgument, "service_id"):
        target.services.create_service(parent=target.location, service=service, service_id=bad)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"template": {"containers": []}}, "containers"),
        ({"template": {"containers": [{"image": ""}]}}, "image"),
        ({"traffic": [{"type_": 1, "percent": 99}]}, "99"),
        ({"traffic": [{"type_": 2, "percent": 100}]}, "names none"),
        ({"traffic": [{"type_": 1, "percent": 100, "tag": "a"}, {"type_": 1, "tag": "a"}]}, "twice"),
        ({"traffic": [{"type_": 1, "percent": 100, "tag": "No_Tag"}]}, "No_Tag"),
        ({"revision": "other-name"}, "other-name"),
        ({"labels": {"run.googleapis.com/x": "y"}}, "run.googleapis.com"),
        ({"env": {"PORT": "1"}}, "PORT"),
    ],
)
def test_what_the_api_would_not_take_is_refused_by_name(target, echo_image, name, fields, names):
    with target.refuses(exceptions.InvalidArgument, names):
        target.deploy(name, echo_image, **fields)
    with pytest.raises(exceptions.NotFound):
        target.services.get_service(name=target.service_name(name))


@pytest.mark.parametrize(
    "beyond", [{"volumes": [{"name": "v", "empty_dir": {}}]}, {"containers": [{"image": "a"}, {"image": "b"}]}]
)
def test_what_is_not_emulated_says_so(target, echo_image, name, beyond):
    template = {"containers": [{"image": echo_image}], **beyond}
    with target.refuses(exceptions.MethodNotImplemented, r"not emulated|only a single"):
        target.deploy(name, echo_image, template=template)


def test_validate_only_changes_nothing(target, echo_image, service, name):
    request = run_v2.UpdateServiceRequest(service=service, validate_only=True)
    request.service.template.containers[0].env.append({"name": "A", "value": "b"})
    request.service.template.revision = f"{name}-two"
    assert target.wait(target.services.update_service(request)).generation == 2
    assert target.services.get_service(name=service.name) == service
    new = run_v2.CreateServiceRequest(
        parent=target.location,
        service_id=f"{name}-x",
        validate_only=True,
        service={"template": {"containers": [{"image": echo_image}]}},
    )
    target.wait(target.services.create_service(new))
    with pytest.raises(exceptions.NotFound):
        target.services.get_service(name=target.service_name(f"{name}-x"))
    target.services.delete_service(run_v2.DeleteServiceRequest(name=service.name, validate_only=True))
    assert target.services.get_service(name=service.name) == service


def test_update_makes_a_new_revision_and_moves_the_traffic(target, echo_image, service, name):
    updated = target.wait(target.deploy(name, echo_image, {"GREETING": "two"}, revision=f"{name}-two"))
    assert (updated.generation, updated.observed_generation) == (2, 2)
    assert updated.uri == service.uri
    assert updated.uid == service.uid
    assert updated.etag != service.etag
    assert updated.latest_ready_revision.endswith(f"/{name}-two")
    assert target.get(updated.uri)["greeting"] == "two"


def test_update_of_what_is_not_there_is_refused_unless_allowed(target, echo_image, name):
    service = run_v2.Service(name=target.service_name(name), template={"containers": [{"image": echo_image}]})
    with target.refuses(exceptions.NotFound, name):
        target.services.update_service(service=service)
    made = target.wait(target.services.update_service(run_v2.UpdateServiceRequest(service=service, allow_missing=True)))
    assert made.generation == 1


def test_explicit_traffic_to_the_revision_made_by_the_same_update(target, echo_image, service, name):
    updated = target.wait(
        target.deploy(name, echo_image, {"GREETING": "two"}, revision=f"{name}-two", traffic=[to(f"{name}-two")])
    )
    assert [(each.type_, each.revision, each.percent) for each in updated.traffic_statuses] == [
        (NAMED, f"{name}-two", 100)
    ]
    assert target.get(updated.uri)["revision"] == f"{name}-two"


def test_a_candidate_gets_a_tag_and_no_traffic(target, echo_image, service, name):
    traffic = [to(f"{name}-one"), to(f"{name}-two", 0, "candidate")]
    updated = target.wait(target.deploy(name, echo_image, {"GREETING": "two"}, revision=f"{name}-two", traffic=traffic))
    tagged = next(each.uri for each in updated.traffic_statuses if each.tag == "candidate")
    assert tagged != updated.uri
    assert target.get(updated.uri)["revision"] == f"{name}-one"
    assert target.get(tagged)["revision"] == f"{name}-two"
    promoted = run_v2.Service(name=updated.name, traffic=[to(f"{name}-two")])
    target.wait(
        target.services.update_service(
            run_v2.UpdateServiceRequest(service=promoted, update_mask={"paths": ["traffic"]})
        )
    )
    assert target.get(updated.uri)["revision"] == f"{name}-two"
    with pytest.raises(urllib.error.HTTPError, match="404") as dropped:
        urllib.request.urlopen(tagged, timeout=10)
    dropped.value.close()


def test_a_mask_leaves_everything_else_alone(target, service, name):
    change = run_v2.Service(name=service.name, traffic=[to(f"{name}-one", tag="blue")], description="ignored")
    request = run_v2.UpdateServiceRequest(service=change, update_mask=field_mask_pb2.FieldMask(paths=["traffic"]))
    updated = target.wait(target.services.update_service(request))
    assert updated.template == service.template
    assert updated.description == ""
    assert updated.latest_created_revision == service.latest_created_revision
    assert updated.generation == 2


def test_a_mask_with_an_unknown_field_is_refused(target, service):
    request = run_v2.UpdateServiceRequest(service=service, update_mask=field_mask_pb2.FieldMask(paths=["no_such"]))
    with target.refuses(exceptions.InvalidArgument, "no_such"):
        target.services.update_service(request)


def test_an_old_etag_is_a_conflict(target, echo_image, service, name):
    target.wait(target.deploy(name, echo_image, {"GREETING": "else"}, revision=f"{name}-two"))
    service.template.revision = f"{name}-three"
    with pytest.raises(exceptions.Aborted):
        target.services.update_service(service=service)
    with pytest.raises(exceptions.Aborted):
        target.services.delete_service(run_v2.DeleteServiceRequest(name=service.name, etag=service.etag))


def test_an_echoed_revision_name_is_a_409(target, service, name):
    service.etag = ""
    with target.refuses(exceptions.Conflict, f"{name}-one") as refused:
        target.services.update_service(service=service)
    assert refused.value.code == 409


def test_an_equal_template_without_a_name_makes_no_revision(target, service, name):
    service.template.revision = ""
    service.traffic = [to(f"{name}-one", tag="blue")]
    updated = target.wait(target.services.update_service(service=service))
    assert updated.latest_created_revision == service.latest_created_revision
    assert len(list(target.revisions.list_revisions(parent=service.name))) == 1


def test_traffic_to_a_revision_that_is_not_there_is_refused(target, service, name):
    change = run_v2.Service(name=service.name, traffic=[to(f"{name}-none")])
    with target.refuses(exceptions.FailedPrecondition, f"{name}-none"):
        target.services.update_service(run_v2.UpdateServiceRequest(service=change, update_mask={"paths": ["traffic"]}))


CRASHES = 'import sys\nprint("no database, no service", file=sys.stderr)\nsys.exit(3)\n'
SILENT = 'import time\nprint("thinking")\ntime.sleep(60)\n'


@pytest.mark.parametrize(
    ("main", "says", "line"), [(CRASHES, "exit status 3", "no database"), (SILENT, "4 seconds", "thinking")]
)
def test_a_revision_that_does_not_start_leaves_the_old_traffic(target, echo_image, service, name, main, says, line):
    image = target.image(f"{name}-bad", {"Procfile": "web: python main.py", "main.py": main})
    operation = target.deploy(name, image, revision=f"{name}-bad", traffic=[to(f"{name}-bad")])
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
    assert says in ready.message
    assert revision.log_uri in ready.message
    assert logged(target, name, line)
    healed = target.wait(target.deploy(name, echo_image, revision=f"{name}-well"))
    assert healed.terminal_condition.state == SUCCEEDED
    assert (healed.generation, healed.observed_generation) == (3, 3)


def test_changes_that_overlap_come_true_one_after_the_other(target, echo_image, name):
    which = ("one", "two", "three")
    operations = [
        target.deploy(name, echo_image, {"GREETING": each}, revision=f"{name}-{each}", traffic=[to(f"{name}-{each}")])
        for each in which
    ]
    ended = [target.wait(each) for each in operations]
    assert [each.traffic_statuses[0].revision for each in ended] == [f"{name}-{each}" for each in which]
    last = target.services.get_service(name=target.service_name(name))
    assert (last.generation, last.observed_generation, last.reconciling) == (3, 3, False)
    assert target.get(last.uri)["greeting"] == "three"


def test_a_failed_latest_revision_stays_failed_until_the_traffic_leaves_it(target, service, name):
    image = target.image(f"{name}-bad", {"Procfile": "web: python main.py", "main.py": CRASHES})
    with pytest.raises(exceptions.FailedPrecondition):
        target.wait(target.deploy(name, image))
    broken = target.services.get_service(name=service.name)
    with target.refuses(exceptions.FailedPrecondition, "is not ready"):
        target.wait(target.services.update_service(service=run_v2.Service(name=service.name, template=broken.template)))
    change = run_v2.Service(name=service.name, traffic=[to(f"{name}-one")])
    request = run_v2.UpdateServiceRequest(service=change, update_mask={"paths": ["traffic"]})
    restored = target.wait(target.services.update_service(request))
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
    assert logged(target, name, "no-such-program")


def test_a_start_up_probe_over_http_decides(target, echo_image, name):
    probe = {"http_get": {"path": "/up"}, "period_seconds": 1, "failure_threshold": 3}
    template = {"containers": [{"image": echo_image, "startup_probe": probe}]}
    assert target.wait(target.deploy(name, echo_image, template=template)).terminal_condition.state == SUCCEEDED
    image = target.image(f"{name}-deaf", {"Procfile": "web: python main.py", "main.py": DEAF})
    template = {"containers": [{"image": image, "startup_probe": probe}]}
    with target.refuses(exceptions.FailedPrecondition, "GET /up"):
        target.wait(target.deploy(name, image, template=template))


def test_template_labels_and_settings_are_the_revisions_own(target, echo_image, name):
    template = {
        "containers": [{"image": echo_image, "resources": {"limits": {"cpu": "2"}}}],
        "labels": {"loop-run": "abcdef"}, "annotations": {"note": "x"}, "timeout": {"seconds": 77},
        "service_account": "me@example.com", "revision": f"{name}-one",
    }  # fmt: skip
    service = target.wait(target.deploy(name, echo_image, template=template, labels={"of": "service"}))
    revision = target.revisions.get_revision(name=service.latest_ready_revision)
    assert dict(revision.labels) == {"loop-run": "abcdef"}
    assert dict(revision.annotations) == {"note": "x"}
    assert revision.timeout.total_seconds() == 77
    assert revision.service_account == "me@example.com"
    assert revision.service == name
    assert dict(revision.containers[0].resources.limits) == {"cpu": "2", "memory": "512Mi"}
    assert revision.observed_generation == revision.generation == 1
    assert {each.type_ for each in revision.conditions} >= {"Ready", "ContainerHealthy", "ResourcesAvailable"}
    assert dict(service.labels) == {"of": "service"}


def test_command_and_args_stand_for_entry_point_and_cmd(target, name):
    image = target.image(f"{name}-args", {"Procfile": "web: false", "main.py": ARGS})
    containers = [{"image": image, "command": ["python", "main.py"], "args": ["a b", "c"]}]
    service = target.wait(target.deploy(name, image, template={"containers": containers}))
    assert target.get(service.uri) == ["a b", "c"]


DEAF = """
import http.server, os
http.server.HTTPServer(("", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler).serve_forever()
"""
ARGS = """
import http.server, json, os, sys
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(sys.argv[1:]).encode())
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""


def test_services_are_listed_by_page(target, echo_image, service):
    parent = target.location
    names = [each.name for each in target.services.list_services(parent=parent)]
    assert service.name in names
    paged = target.services.list_services(run_v2.ListServicesRequest(parent=parent, page_size=1))
    assert [each.name for each in paged] == names


def test_revisions_are_listed_newest_first(target, echo_image, service, name):
    target.wait(target.deploy(name, echo_image, {"GREETING": "2"}, revision=f"{name}-two"))
    pages = target.revisions.list_revisions(run_v2.ListRevisionsRequest(parent=service.name, page_size=1)).pages
    assert [[each.name.rpartition("/")[2] for each in page.revisions] for page in pages] == [
        [f"{name}-two"],
        [f"{name}-one"],
    ]
    everywhere = target.revisions.list_revisions(parent=f"{target.location}/services/-")
    assert f"{service.name}/revisions/{name}-one" in {each.name for each in everywhere}


def test_a_revision_is_deleted_unless_it_serves_or_is_the_latest(target, echo_image, service, name):
    one, two = (f"{service.name}/revisions/{name}-{which}" for which in ("one", "two"))
    with target.refuses(exceptions.FailedPrecondition, "traffic"):
        target.revisions.delete_revision(name=one)
    target.wait(target.deploy(name, echo_image, {"GREETING": "2"}, revision=f"{name}-two", traffic=[to(f"{name}-one")]))
    with target.refuses(exceptions.FailedPrecondition, "latest"):
        target.revisions.delete_revision(name=two)
    target.wait(target.deploy(name, echo_image, {"GREETING": "3"}, revision=f"{name}-three"))
    assert target.wait(target.revisions.delete_revision(name=one)).name == one
    with pytest.raises(exceptions.NotFound):
        target.revisions.get_revision(name=one)
    with pytest.raises(exceptions.NotFound):
        target.revisions.delete_revision(name=one)


def test_a_deleted_service_is_gone_with_its_revisions(target, service, name):
    deleted = target.wait(target.services.delete_service(name=service.name))
    assert deleted.delete_time
    with pytest.raises(exceptions.NotFound):
        target.services.get_service(name=service.name)
    with pytest.raises(exceptions.NotFound):
        target.revisions.get_revision(name=service.latest_ready_revision)
    with pytest.raises(urllib.error.HTTPError, match="404") as gone:
        urllib.request.urlopen(service.uri, timeout=10)
    gone.value.close()
    with pytest.raises(exceptions.NotFound):
        target.services.delete_service(name=service.name)


def test_an_impossible_resource_name_is_refused(target):
    with pytest.raises(exceptions.InvalidArgument):
        target.services.get_service(name="nonsense")
    with pytest.raises(exceptions.InvalidArgument):
        target.revisions.get_revision(name="nonsense")
