"""Who may call a service: what its policy says, and what is written into it when the configuration asks for that."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from google.cloud.run_v2 import types as run
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.type.expr_pb2 import Expr

from loop import errors
from loop.cloud import Endpoints, connect
from loop.core.environment import Access, PlatformTarget, Service

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).with_name("scripted.py"))
scripted = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scripted)
Refusal = scripted.Refusal

SERVICE = Service(name="web", service="web", url="http://127.0.0.1:9")
PUBLIC, PRIVATE = replace(SERVICE, access=Access.PUBLIC), replace(SERVICE, access=Access.PRIVATE)
INVOKER = "roles/run.invoker"
COLLEAGUE = "user:colleague@acme.example"


@pytest.fixture
def platform():
    """`platform(GetIamPolicy=[...])`: a Platform that talks to a server with that script; `.script` has the calls."""
    opened = []

    def start(**answers):
        context = scripted.serving(scripted.Script(answers={"GetService": [run.Service()], **answers}))
        script = context.__enter__()
        target = PlatformTarget(project="p", region="r", repository="host/p/loop", bucket="b", endpoint="emulator")
        made = connect(target, Endpoints(grpc=script.address, storage="127.0.0.1:9", admin="127.0.0.1:9"))
        opened.append((made, context))
        made.script = script
        return made

    yield start
    for made, context in opened:
        made.close()
        context.__exit__(None, None, None)


def policy(*bindings, etag=b"1"):
    return policy_pb2.Policy(etag=etag, bindings=[policy_pb2.Binding(role=r, members=m) for r, m in bindings])


def now(seconds):
    """No waiting."""


def set_policies(platform):
    return [request.policy for request in platform.script.requests["SetIamPolicy"]]


def test_public_adds_everyone_and_keeps_all_that_was_there(platform):
    found = policy((INVOKER, [COLLEAGUE]), ("roles/run.viewer", ["group:all@acme.example"]))
    platform = platform(GetIamPolicy=[found], SetIamPolicy=[policy()])
    assert platform.grant(PUBLIC, wait=now) is True
    (sent,) = set_policies(platform)
    assert {b.role: list(b.members) for b in sent.bindings} == {
        INVOKER: [COLLEAGUE, "allUsers"], "roles/run.viewer": ["group:all@acme.example"],
    }  # fmt: skip
    assert sent.etag == b"1"


def test_private_takes_everyone_out_and_nobody_else(platform):
    found = policy((INVOKER, ["allUsers", COLLEAGUE]), ("roles/run.admin", [COLLEAGUE]))
    platform = platform(GetIamPolicy=[found], SetIamPolicy=[policy()])
    assert platform.grant(PRIVATE, wait=now) is True
    (sent,) = set_policies(platform)
    assert {b.role: list(b.members) for b in sent.bindings} == {INVOKER: [COLLEAGUE], "roles/run.admin": [COLLEAGUE]}


def test_a_role_that_nobody_has_any_more_goes_with_its_last_member(platform):
    platform = platform(GetIamPolicy=[policy((INVOKER, ["allUsers"]))], SetIamPolicy=[policy()])
    platform.grant(PRIVATE, wait=now)
    assert [len(p.bindings) for p in set_policies(platform)] == [0]


def test_a_binding_with_a_condition_lets_not_everyone_in_and_is_left_alone(platform):
    found = policy((INVOKER, ["allUsers"]))
    found.bindings[0].condition.CopyFrom(Expr(expression="request.time < timestamp('2027-01-01T00:00:00Z')"))
    platform = platform(GetIamPolicy=[found], SetIamPolicy=[policy()])
    assert platform.grant(PRIVATE, wait=now) is False
    assert platform.grant(PUBLIC, wait=now) is True
    (sent,) = set_policies(platform)
    assert [b.HasField("condition") for b in sent.bindings] == [True, False]
    assert platform.script.requests["GetIamPolicy"][0].options.requested_policy_version == 3


@pytest.mark.parametrize(("service", "members"), [(PUBLIC, ["allUsers"]), (PRIVATE, [COLLEAGUE])])
def test_what_is_as_it_should_be_is_not_written(platform, service, members):
    platform = platform(GetIamPolicy=[policy((INVOKER, members))])
    assert platform.grant(service, wait=now) is False
    assert not set_policies(platform)


def test_keep_asks_for_nothing_and_writes_nothing(platform):
    platform = platform()
    assert platform.grant(SERVICE, wait=now) is False
    assert not platform.script.requests["GetIamPolicy"]


def test_a_policy_that_someone_else_changed_is_read_again_and_their_change_kept(platform):
    first, second = policy(), policy((INVOKER, [COLLEAGUE]), etag=b"2")
    platform = platform(GetIamPolicy=[first, second], SetIamPolicy=[Refusal(grpc.StatusCode.ABORTED), policy()])
    assert platform.grant(PUBLIC, wait=now) is True
    _, sent = set_policies(platform)
    assert (sent.etag, list(sent.bindings[0].members)) == (b"2", [COLLEAGUE, "allUsers"])


def test_a_change_whose_answer_was_lost_is_found_done(platform):
    refusals = [Refusal(grpc.StatusCode.UNAVAILABLE), Refusal(grpc.StatusCode.ABORTED)]
    platform = platform(GetIamPolicy=[policy(), policy((INVOKER, ["allUsers"]))], SetIamPolicy=refusals)
    assert platform.grant(PUBLIC, wait=now) is False


def test_a_refused_precondition_names_the_policy_of_organisations_that_forbids_everyone(platform):
    platform = platform(GetIamPolicy=[policy()], SetIamPolicy=[Refusal(grpc.StatusCode.FAILED_PRECONDITION, "no")])
    with pytest.raises(errors.AccessDenied, match="making web public") as raised:
        platform.grant(PUBLIC, wait=now)
    assert "constraints/iam.allowedPolicyMemberDomains" in raised.value.hint


@pytest.mark.parametrize(
    ("service", "found", "private"),
    [
        (SERVICE, policy((INVOKER, ["allUsers"])), False),
        (SERVICE, policy((INVOKER, [COLLEAGUE])), True),
        (SERVICE, policy(("roles/run.viewer", ["allUsers"])), True),
        (SERVICE, Refusal(grpc.StatusCode.PERMISSION_DENIED), False),
        (PUBLIC, Refusal(grpc.StatusCode.INTERNAL), False),
        (PRIVATE, Refusal(grpc.StatusCode.INTERNAL), True),
    ],
)
def test_a_service_is_private_as_configured_else_as_its_policy_says(platform, service, found, private):
    assert platform(GetIamPolicy=[found]).private(service) is private


def test_a_service_whose_invoker_check_is_off_is_public(platform):
    platform = platform(GetService=[run.Service(invoker_iam_disabled=True)], GetIamPolicy=[policy()])
    assert platform.private(SERVICE) is False


def test_who_is_not_among_the_invokers_is_told_the_permission_and_the_command(platform):
    platform = platform(TestIamPermissions=[iam_policy_pb2.TestIamPermissionsResponse()])
    with pytest.raises(errors.AccessDenied, match=r"run\.routes\.invoke is missing") as raised:
        platform.check_call(SERVICE, wait=now)
    assert "add-iam-policy-binding web" in raised.value.hint


# on the emulator, whose router decides


def test_a_probe_of_a_private_service_is_let_in_and_carries_a_token_only_then(stage, image):
    service = replace(stage.service(), image=image, access=Access.PRIVATE)
    order = stage.deploy(service)
    url = stage.platform.url(service)
    assert dict(stage.platform.headers(replace(service, access=Access.KEEP))()) == {}
    stage.platform.grant(service, wait=now)
    refused = stage.platform.probe(replace(service, health=replace(service.health, within=0.2)), url, order.revision,
                                   wait=now)  # fmt: skip
    assert refused.probe.status == 403
    headers = stage.platform.headers(replace(service, access=Access.KEEP))
    proven = stage.platform.probe(service, url, order.revision, wait=now, headers=headers)
    assert proven.probe.status == 200
    assert stage.platform.mark(service, url, wait=now, headers=headers).good


def test_a_token_is_made_out_to_the_service_and_never_to_another_address(stage, image):
    from google.auth import jwt

    service = replace(stage.service(), image=image)
    stage.deploy(service)
    balanced = replace(service, url="https://balancer.acme.example")
    assert jwt.decode(stage.platform.token(balanced), verify=False)["aud"] == stage.platform.url(service)


def test_a_custom_audience_comes_first(stage, image):
    from google.auth import jwt

    service = replace(stage.service(), image=image)
    stage.deploy(service)
    services = stage.platform._wire.services
    found = services.get_service(name=f"projects/acme/locations/us-central1/services/{service.service}")
    found.custom_audiences = ["https://acme.example", "https://second.example"]
    services.update_service(service=found, update_mask={"paths": ["custom_audiences"]}).result()
    assert jwt.decode(stage.platform.token(service), verify=False)["aud"] == "https://acme.example"
