"""google.longrunning.Operations: the clients' mixins, and WaitOperation on the wire."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.api_core import exceptions
from google.longrunning import operations_pb2 as lro

SLOW = """
import http.server, os, time
time.sleep(1)
http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler).serve_forever()
"""


@pytest.fixture
def slow_image(target):
    return target.image("slow", {"Procfile": "web: python main.py", "main.py": SLOW})


def listed(target, **fields):
    """The names of all operations, from page to page."""
    names, token = [], ""
    while True:
        request = {"name": target.location, "page_token": token, **fields}
        page = target.services.list_operations(request)
        names += [each.name for each in page.operations]
        if not (token := page.next_page_token):
            return names


def wait_operation(target, name, seconds, deadline=None):
    call = target.channel.unary_unary(
        "/google.longrunning.Operations/WaitOperation",
        request_serializer=lro.WaitOperationRequest.SerializeToString,
        response_deserializer=lro.Operation.FromString,
    )
    request = lro.WaitOperationRequest(name=name)
    request.timeout.FromMilliseconds(int(seconds * 1000))
    return call(request, timeout=deadline)


@pytest.mark.emulator_only("a matter of its own speed")
def test_wait_answers_in_the_moment_of_the_end(target, slow_image, name):
    operation = target.deploy(name, slow_image)
    waited = wait_operation(target, operation.operation.name, 10)
    returned = time.time()
    assert waited.done
    service = target.wait(operation)
    assert waited == target.services.get_operation({"name": operation.operation.name})
    ended = service.terminal_condition.last_transition_time.timestamp()
    assert returned - ended < 0.1


def test_wait_answers_with_what_there_is_when_its_time_is_up(target, slow_image, name):
    operation = target.deploy(name, slow_image)
    began = time.monotonic()
    assert not wait_operation(target, operation.operation.name, 0.2).done
    assert 0.15 < time.monotonic() - began < 0.8
    assert operation.metadata.reconciling
    assert operation.metadata.name == target.service_name(name)
    target.wait(operation)


@pytest.mark.emulator_only("a matter of its own speed")
def test_eight_deployments_run_side_by_side(target, slow_image, name):
    began = time.monotonic()
    operations = [target.deploy(f"{name}-{k}", slow_image) for k in range(8)]
    for operation in operations:
        target.wait(operation)
    assert time.monotonic() - began < 4.0  # one alone takes somewhat more than a second


@pytest.mark.emulator_only("a matter of its own speed")
def test_many_waits_leave_room_for_other_calls(target, slow_image, name):
    operation = target.deploy(name, slow_image)
    waits = [threading.Thread(target=wait_operation, args=(target, operation.operation.name, 5)) for _ in range(30)]
    for each in waits:
        each.start()
    began = time.monotonic()
    target.services.get_service(name=target.service_name(name))
    assert time.monotonic() - began < 0.5
    for each in waits:
        each.join(10)
    target.wait(operation)


@pytest.mark.emulator_only("a matter of its own speed")
def test_waits_and_ends_do_not_hold_each_other_up(target, name):
    """Forty waiters of ten operations that end at the same time: none may miss its end."""
    image = f"{target.repository}/none@sha256:{'2' * 64}"
    began = time.monotonic()
    for turn in range(4):
        names = [target.deploy(f"{name}-{turn}-{k}", image).operation.name for k in range(10)]
        with ThreadPoolExecutor(40) as pool:
            ended = list(pool.map(lambda each: wait_operation(target, each, 8), names * 4))
        assert all(each.done for each in ended)
    assert time.monotonic() - began < 8


def test_a_failed_operation_carries_its_status(target, name):
    operation = target.deploy(name, f"{target.repository}/none@sha256:{'1' * 64}")
    waited = wait_operation(target, operation.operation.name, 10)
    assert waited.done
    assert waited.error.code == 5
    assert "not found" in waited.error.message


def test_operations_are_listed_and_deleted(target, slow_image, name):
    operation = target.deploy(name, slow_image)
    request = {"name": operation.operation.name}
    with pytest.raises(exceptions.FailedPrecondition):
        target.services.delete_operation(request)
    target.wait(operation)
    assert operation.operation.name in listed(target)
    target.services.delete_operation(request)
    with pytest.raises(exceptions.NotFound):
        target.services.get_operation(request)


def test_cloud_runs_operations_can_not_be_cancelled(target, slow_image, name):
    operation = target.deploy(name, slow_image)
    call = target.channel.unary_unary(
        "/google.longrunning.Operations/CancelOperation",
        request_serializer=lro.CancelOperationRequest.SerializeToString,
        response_deserializer=lambda raw: raw,
    )
    with pytest.raises(Exception, match="UNIMPLEMENTED"):
        call(lro.CancelOperationRequest(name=operation.operation.name))
    target.wait(operation)


@pytest.mark.emulator_only("waits for an address of this machine")
def test_a_builds_operation_can_be_cancelled(target, name, never):
    operation = target.submit(name, {"Procfile": "web: x", "requirements.txt": never})
    target.builds.transport.operations_client.cancel_operation(operation.operation.name)
    with pytest.raises(exceptions.Cancelled):
        target.wait(operation)


def test_operations_are_listed_by_whether_they_are_done_and_by_page(target, slow_image, name):
    first, second = (target.deploy(f"{name}-{which}", slow_image) for which in "ab")
    target.wait(first)
    target.wait(second)
    ended = {first.operation.name, second.operation.name}
    assert ended <= set(listed(target, filter="done:true"))
    assert not ended & set(listed(target, filter="done:false"))
    assert sorted(listed(target, page_size=1)) == sorted(listed(target))
    open_ = target.deploy(name, slow_image)
    assert open_.operation.name in listed(target, filter="done:false")
    target.wait(open_)


@pytest.mark.parametrize("fields", [{"filter": "name:x"}, {"page_token": "nonsense"}])
def test_a_list_of_operations_that_can_not_be_understood_is_refused(target, fields):
    with pytest.raises(exceptions.InvalidArgument):
        target.services.list_operations({"name": target.location, **fields})


def test_a_wait_that_outlasts_its_callers_deadline_ends_there(target, slow_image, name):
    operation = target.deploy(name, slow_image)
    with pytest.raises(grpc.RpcError) as late:
        wait_operation(target, operation.operation.name, 10, deadline=0.3)
    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    target.wait(operation)


def test_an_unknown_operation_is_not_found(target):
    name = f"{target.location}/operations/none"
    with pytest.raises(exceptions.NotFound):
        target.services.get_operation({"name": name})
    with pytest.raises(exceptions.NotFound):
        target.services.delete_operation({"name": name})
    with pytest.raises(grpc.RpcError) as missing:
        wait_operation(target, name, 1)
    assert missing.value.code() == grpc.StatusCode.NOT_FOUND
    with pytest.raises(exceptions.NotFound):
        target.builds.transport.operations_client.cancel_operation("operations/build/none/bm9uZQ==")
