"""Bursts and lost answers of a platform that keeps state: what was done although nobody was told is not repeated."""

import json
import urllib.request

import pytest

from loop.cloud import Created


@pytest.fixture
def faults(stage):
    """`faults({...}, ...)` sets them; they count for every client of the emulator, so they are cleared."""

    def admin(method, told=None):
        body = None if told is None else json.dumps(told).encode()
        request = urllib.request.Request(f"{stage.emulator.admin}/faults", data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["faults"]

    yield lambda *told: admin("POST", list(told))
    left = admin("GET")
    admin("DELETE")
    assert all(fault["seen"] for fault in left), "a fault that no call met shows nothing"


@pytest.fixture
def google(stage, targets):
    """Google's own clients of the same emulator."""
    target = targets.emulated(stage.emulator, "acme", "acme-loop")
    yield target
    target.close()


@pytest.mark.parametrize("method", ["CreateService", "UpdateService"])
def test_a_deployment_whose_answer_was_lost_is_found_and_not_made_twice(stage, google, image, faults, method):
    service = stage.service(image=image)
    k = 0
    if method == "UpdateService":
        stage.deploy(service, k)
        k = 1
    order = stage.order(service, k, MODE="lost")
    faults({"method": method, "status": "UNAVAILABLE", "answer_lost": True})
    created = stage.await_order(order)
    assert isinstance(created, Created), created
    assert created.serving.revision == order.revision
    assert len(list(google.revisions.list_revisions(parent=google.service_name(service.service)))) == k + 1


@pytest.mark.parametrize("method", ["GetService", "GetRevision", "WaitOperation"])
def test_a_burst_of_unavailable_is_survived(stage, image, faults, method):
    service = stage.service(image=image)
    faults({"method": method, "status": "UNAVAILABLE", "times": 3})
    created = stage.await_order(stage.order(service, MODE="burst"))
    assert isinstance(created, Created), created
