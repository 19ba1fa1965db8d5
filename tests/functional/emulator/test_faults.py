"""Faults that a test sets at the admin port: what clients meet, and that nothing of it happens by itself."""

import json
import threading
import time
import urllib.error
import urllib.request
import uuid

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.rpc.error_details_pb2 import ErrorInfo

from loop.emulator import attach

GET = "google.cloud.run.v2.Services/GetService"
IMAGE = f"none@sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with attach(tmp_path_factory.mktemp("faults")) as attached:
        yield attached.endpoints


@pytest.fixture
def target(emulator, connect):
    """With services of its own; faults count for every client of an emulator, so each test clears them."""
    target = connect(emulator)
    yield target
    admin(emulator, "DELETE")


def admin(endpoints, method, told=None):
    body = None if told is None else json.dumps(told).encode()
    request = urllib.request.Request(f"{endpoints.admin}/faults", data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["faults"]
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)["error"]


def read(target, name="none"):
    """One GetService without the client's own retries: the name of the status it was answered with."""
    try:
        target.services.get_service(name=target.service_name(name), retry=None)
    except exceptions.GoogleAPICallError as error:
        return error.grpc_status_code.name
    return "OK"


def test_a_fault_refuses_the_next_call_and_only_that(emulator, target):
    admin(emulator, "POST", {"method": "GetService", "status": "UNAVAILABLE"})
    assert [read(target) for _ in range(3)] == ["UNAVAILABLE", "NOT_FOUND", "NOT_FOUND"]


def test_the_nth_call_and_the_ones_after_it(emulator, target):
    admin(emulator, "POST", {"method": GET, "status": "ABORTED", "call": 2, "times": 2})
    assert [read(target) for _ in range(4)] == ["NOT_FOUND", "ABORTED", "ABORTED", "NOT_FOUND"]


def test_a_fault_without_end_lasts_until_it_is_cleared(emulator, target):
    admin(emulator, "POST", {"method": "GetService", "status": "INTERNAL", "times": 0})
    assert {read(target) for _ in range(5)} == {"INTERNAL"}
    assert admin(emulator, "GET")[0]["seen"] == 5
    admin(emulator, "DELETE")
    assert read(target) == "NOT_FOUND"


def test_faults_of_one_method_come_in_the_order_in_which_they_are_due(emulator, target):
    later = {"method": "GetService", "status": "ABORTED", "call": 2}
    admin(emulator, "POST", [{"method": "GetService", "status": "UNAVAILABLE"}, later])
    assert [read(target) for _ in range(3)] == ["UNAVAILABLE", "ABORTED", "NOT_FOUND"]


def test_another_method_is_not_concerned(emulator, target):
    admin(emulator, "POST", {"method": "UpdateService", "status": "UNAVAILABLE", "times": 0})
    assert read(target) == "NOT_FOUND"


def test_a_delay_makes_a_call_late_and_holds_up_no_other(emulator, target):
    admin(emulator, "POST", {"method": "GetService", "delay": 2.0})
    late = threading.Thread(target=read, args=(target,))
    began = time.monotonic()
    late.start()
    while not admin(emulator, "GET")[0]["seen"]:
        assert time.monotonic() - began < 5
    assert read(target) == "NOT_FOUND"
    assert late.is_alive()
    late.join(10)
    assert time.monotonic() - began >= 2.0


def test_an_answer_can_be_lost_although_the_work_was_done(emulator, target):
    name = f"lost-{uuid.uuid4().hex[:6]}"
    admin(emulator, "POST", {"method": "CreateService", "status": "UNAVAILABLE", "answer_lost": True})
    service = run_v2.Service(template={"containers": [{"image": IMAGE}]})
    with pytest.raises(exceptions.ServiceUnavailable):
        target.create(name, service)
    assert read(target, name) == "OK"
    with pytest.raises(exceptions.AlreadyExists):
        target.create(name, service)


def test_a_refusal_without_effect_has_none(emulator, target):
    name = f"kept-{uuid.uuid4().hex[:6]}"
    admin(emulator, "POST", {"method": "CreateService", "status": "UNAVAILABLE"})
    with pytest.raises(exceptions.ServiceUnavailable):
        target.create(name, run_v2.Service(template={"containers": [{"image": IMAGE}]}))
    assert read(target, name) == "NOT_FOUND"


def test_details_arrive_as_googles_do(emulator, target):
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED",
        "domain": "iam.googleapis.com", "metadata": {"permission": "run.services.get"},
    }  # fmt: skip
    fault = {"method": "GetService", "status": "PERMISSION_DENIED", "message": "no", "details": [info]}
    admin(emulator, "POST", fault)
    with pytest.raises(exceptions.PermissionDenied, match="no") as refused:
        target.services.get_service(name=target.service_name("x"))
    assert [type(each) for each in refused.value.details] == [ErrorInfo]
    assert refused.value.reason == "IAM_PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"method": "Nonsense", "status": "ABORTED"}, "'Nonsense' is not offered"),
        ({"method": "GetService", "status": "BROKEN"}, "'BROKEN' is none of"),
        ({"method": "GetService"}, "a status, a delay"),
        ({"method": "GetService", "status": "ABORTED", "call": 0}, "call: 0 is less than 1"),
        ({"method": "GetService", "status": "ABORTED", "delay": "long"}, "delay: 'long'"),
        ({"method": "GetService", "status": "ABORTED", "tims": 1}, "'tims' is no key"),
        ({"method": "GetService", "status": "ABORTED", "details": [{"x": 1}]}, "details:"),
        (["GetService"], "a fault is an object"),
    ],
)
def test_a_fault_that_can_not_be_understood_is_refused_and_none_is_set(emulator, target, fault, says):
    both = [{"method": "GetService", "status": "ABORTED"}, *(fault if isinstance(fault, list) else [fault])]
    assert says in admin(emulator, "POST", both)
    assert admin(emulator, "GET") == []


def test_what_the_admin_port_does_not_offer_is_answered_with_what_it_does(emulator):
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        urllib.request.urlopen(f"{emulator.admin}/nothing", timeout=10)
    with missing.value as answer:
        assert "GET /urls" in json.load(answer)["error"]
