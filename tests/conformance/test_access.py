"""IAM policies of services: read-modify-write, and what they mean for callers without a token."""

import urllib.error
import urllib.request

import pytest
from google.api_core import exceptions
from google.iam.v1 import iam_policy_pb2, policy_pb2

INVOKER = "roles/run.invoker"
EVERYONE = policy_pb2.Policy(bindings=[policy_pb2.Binding(role=INVOKER, members=["allUsers"])])


def get(target, name):
    return target.services.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=target.service_name(name)))


def put(target, name, policy):
    request = iam_policy_pb2.SetIamPolicyRequest(resource=target.service_name(name), policy=policy)
    return target.services.set_iam_policy(request)


def status(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
def service(target, echo_image, name):
    target.wait(target.deploy(name, echo_image, invoker_iam_disabled=False))
    return name


def test_a_service_without_invokers_refuses_strangers_and_one_for_all_users_does_not(target, service):
    url = target.services.get_service(name=target.service_name(service)).uri
    put(target, service, policy_pb2.Policy())
    target.until(lambda: status(url) == 403)
    put(target, service, EVERYONE)
    target.until(lambda: status(url) == 200)


def test_what_was_set_is_read_back_with_another_etag(target, service):
    first = put(target, service, policy_pb2.Policy())
    second = put(target, service, EVERYONE)
    read = get(target, service)
    assert [(b.role, list(b.members)) for b in read.bindings] == [(INVOKER, ["allUsers"])]
    assert read.etag == second.etag != first.etag


def test_a_policy_that_someone_else_changed_meanwhile_is_not_overwritten(target, service):
    mine, theirs = get(target, service), get(target, service)
    theirs.CopyFrom(put(target, service, theirs))
    with pytest.raises(exceptions.Aborted):
        put(target, service, mine)
    put(target, service, theirs)


def test_without_an_etag_it_is(target, service):
    put(target, service, EVERYONE)
    assert not put(target, service, policy_pb2.Policy()).bindings


@pytest.mark.parametrize(
    "binding",
    [
        policy_pb2.Binding(role=INVOKER, members=["nobody"]),
        policy_pb2.Binding(role=INVOKER, members=["user"]),
        policy_pb2.Binding(role="invoker", members=["allUsers"]),
    ],
)
def test_a_member_or_a_role_that_there_is_not_is_refused(target, service, binding):
    with pytest.raises(exceptions.InvalidArgument):
        put(target, service, policy_pb2.Policy(bindings=[binding]))


def test_a_service_that_is_not_there_has_no_policy(target, name):
    with pytest.raises(exceptions.NotFound):
        get(target, name)
    with pytest.raises(exceptions.NotFound):
        put(target, name, EVERYONE)


def test_the_permissions_that_the_caller_holds_are_told_of_those_asked_for(target, service):
    resource, permissions = target.service_name(service), ["run.services.get", "run.routes.invoke"]
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=resource, permissions=permissions)
    assert set(target.services.test_iam_permissions(request).permissions) == set(permissions)
    every = iam_policy_pb2.TestIamPermissionsRequest(resource=resource, permissions=["run.*"])
    with pytest.raises(exceptions.InvalidArgument):
        target.services.test_iam_permissions(every)


def test_the_invoker_check_can_be_switched_off_for_a_service(target, service, echo_image):
    url = target.services.get_service(name=target.service_name(service)).uri
    put(target, service, policy_pb2.Policy())
    target.wait(target.deploy(service, echo_image, invoker_iam_disabled=True))
    target.until(lambda: status(url) == 200)
