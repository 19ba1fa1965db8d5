"""google.cloud.run.v2 Services through Google's clients: what is accepted, refused, read back and deleted."""

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.protobuf import field_mask_pb2

SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
FAILED = run_v2.Condition.State.CONDITION_FAILED
LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
NAMED = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


def test_create_makes_a_service_that_serves(target, echo_image, name):
    service = run_v2.Service(
        template={"containers": [{"image": echo_image, "env": [{"name": "GREETING", "value": "hi"}]}]}
    )
    made = target.wait(target.create(name, service))
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
        target.create(name, run_v2.Service(template=service.template))


@pytest.mark.parametrize("bad", ["Upper", "9first", "ends-", "x" * 50, "under_score", ""])
def test_create_refuses_an_impossible_name(target, echo_image, bad):
    service = run_v2.Service(template={"containers": [{"image": echo_image}]})
    with target.refuses(exceptions.InvalidArgument, "service_id"):
        target.create(bad, service)


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


@pytest.mark.emulator_only("Google has them")
@pytest.mark.parametrize(
    "beyond",
    [
        {"volumes": [{"name": "v", "empty_dir": {}}]},
        {"containers": [{"image": "a"}, {"image": "b"}]},
        {"containers": [{"image": "a", "startup_probe": {"grpc": {}}}]},
        {"containers": [{"image": "a", "liveness_probe": {"grpc": {}}}]},
        {"containers": [{"image": "a", "readiness_probe": {"http_get": {}}}]},
        {"containers": [{"image": "a", "startup_probe": {"http_get": {"port": 9}}}]},
    ],
)
def test_what_is_not_emulated_says_so(target, echo_image, name, beyond):
    template = {"containers": [{"image": echo_image}], **beyond}
    with target.refuses(exceptions.MethodNotImplemented, r"not emulated|only a single|only one|only volumes of"):
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
    made = target.wait(target.deploy(name, echo_image))
    assert made.generation == 1


def test_a_mask_leaves_everything_else_alone(target, service, name):
    change = run_v2.Service(name=service.name, traffic=[target.to(f"{name}-one", tag="blue")], description="ignored")
    request = run_v2.UpdateServiceRequest(service=change, update_mask=field_mask_pb2.FieldMask(paths=["traffic"]))
    updated = target.wait(target.services.update_service(request))
    assert updated.template == service.template
    assert updated.description == ""
    assert updated.latest_created_revision == service.latest_created_revision
    assert updated.generation == 2


def test_a_mask_of_what_holds_for_all_revisions_changes_it_with_the_traffic_and_nothing_else(target, service, name):
    change = run_v2.Service(
        name=service.name,
        ingress=run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY,
        scaling={"min_instance_count": 1},
        labels={"team": "red"},
        invoker_iam_disabled=True,
        traffic=[target.to(f"{name}-one", tag="blue")],
        description="ignored",
    )
    paths = ["traffic", "ingress", "scaling", "labels", "invoker_iam_disabled"]
    updated = target.wait(target.services.update_service({"service": change, "update_mask": {"paths": paths}}))
    assert (updated.ingress, updated.scaling.min_instance_count) == (change.ingress, 1)
    assert (dict(updated.labels), updated.invoker_iam_disabled) == ({"team": "red"}, True)
    assert [each.tag for each in updated.traffic] == ["blue"]
    assert (updated.template, updated.description) == (service.template, "")
    assert updated.latest_created_revision == service.latest_created_revision
    assert (
        target.wait(target.change(name, "labels", "scaling", "invoker_iam_disabled")).scaling == run_v2.ServiceScaling()
    )
    left = target.services.get_service(name=service.name)
    assert (dict(left.labels), left.invoker_iam_disabled, left.ingress) == ({}, False, change.ingress)


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
    service.traffic = [target.to(f"{name}-one", tag="blue")]
    updated = target.wait(target.services.update_service(service=service))
    assert updated.latest_created_revision == service.latest_created_revision
    assert len(list(target.revisions.list_revisions(parent=service.name))) == 1


def test_changes_that_overlap_come_true_one_after_the_other(target, echo_image, name):
    which = ("one", "two", "three")
    operations = [
        target.deploy(
            name, echo_image, {"GREETING": each}, revision=f"{name}-{each}", traffic=[target.to(f"{name}-{each}")]
        )
        for each in which
    ]
    ended = [target.wait(each) for each in operations]
    assert [each.traffic_statuses[0].revision for each in ended] == [f"{name}-{each}" for each in which]
    last = target.services.get_service(name=target.service_name(name))
    assert (last.generation, last.observed_generation, last.reconciling) == (3, 3, False)
    assert target.get(last.uri)["greeting"] == "three"


def test_services_are_listed_by_page(target, echo_image, service):
    parent = target.location
    names = [each.name for each in target.services.list_services(parent=parent)]
    assert service.name in names
    paged = target.services.list_services(run_v2.ListServicesRequest(parent=parent, page_size=1))
    assert [each.name for each in paged] == names


def test_a_deleted_service_is_gone_with_its_revisions(target, service, name):
    deleted = target.wait(target.services.delete_service(name=service.name))
    assert deleted.delete_time
    with pytest.raises(exceptions.NotFound):
        target.services.get_service(name=service.name)
    with pytest.raises(exceptions.NotFound):
        target.revisions.get_revision(name=service.latest_ready_revision)
    target.until(lambda: target.status(service.uri) == 404)
    with pytest.raises(exceptions.NotFound):
        target.services.delete_service(name=service.name)


def test_an_impossible_resource_name_is_refused(target):
    with pytest.raises(exceptions.InvalidArgument):
        target.services.get_service(name="nonsense")
    with pytest.raises(exceptions.InvalidArgument):
        target.services.delete_service(name="nonsense")
    with pytest.raises(exceptions.InvalidArgument):
        target.revisions.get_revision(name="nonsense")


@pytest.mark.parametrize("fields", [{"parent": "projects/p/locations/-"}, {"page_token": "nonsense"}])
def test_a_list_of_services_that_can_not_be_understood_is_refused(target, fields):
    with pytest.raises(exceptions.InvalidArgument):
        target.services.list_services(run_v2.ListServicesRequest({"parent": target.location, **fields}))


def test_annotations_of_a_service_are_kept_by_changes_of_something_else(target, service, name):
    noted = target.wait(target.change(name, annotations={"loop-fence": "7"}))
    assert noted.generation == service.generation + 1
    assert noted.latest_created_revision == service.latest_created_revision
    target.wait(target.change(name, traffic=[target.to(f"{name}-one", tag="blue")]))
    assert dict(target.services.get_service(name=service.name).annotations) == {"loop-fence": "7"}


def test_the_second_writer_with_one_etag_is_refused_and_the_first_ones_change_stands(target, service, name):
    writers = [run_v2.Service(name=service.name, etag=service.etag, annotations={"by": which}) for which in "ab"]
    requests = [run_v2.UpdateServiceRequest(service=each, update_mask={"paths": ["annotations"]}) for each in writers]
    target.wait(target.services.update_service(requests[0]))
    with pytest.raises(exceptions.Aborted):
        target.services.update_service(requests[1])
    assert dict(target.services.get_service(name=service.name).annotations) == {"by": "a"}


@pytest.mark.emulator_only("Google offers jobs")
def test_a_method_that_is_not_offered_says_so(target):
    call = target.channel.unary_unary("/google.cloud.run.v2.Jobs/ListJobs", request_serializer=lambda raw: raw)
    with pytest.raises(Exception, match="UNIMPLEMENTED"):
        call(b"")
