"""Small quotas: what goes away by itself, in which order, and what is never touched."""

import subprocess
import sys

import pytest

from loop.emulator import attach


@pytest.fixture(scope="module")
def small(tmp_path_factory, connect):
    quotas = {"revisions-per-service": 4, "tags-per-region": 3}
    with attach(tmp_path_factory.mktemp("quotas"), quotas=quotas) as emulator:
        yield connect(emulator.endpoints)


@pytest.fixture(scope="module")
def image(small):
    return small.image("quotas", {"Procfile": "web: python -m http.server $PORT"})


def revisions(target, name):
    return [each.name.rpartition("-")[2] for each in target.revisions.list_revisions(parent=target.service_name(name))]


def tags(service):
    return [each.tag for each in service.traffic if each.tag], [
        each.tag for each in service.traffic_statuses if each.tag
    ]


def deploy(target, image, name, which, traffic):
    return target.wait(target.deploy(name, image, {"N": which}, revision=f"{name}-{which}", traffic=traffic))


def test_the_oldest_revisions_that_nobody_can_reach_are_deleted(small, image):
    to = small.to
    deploy(small, image, "app", "a", [to("app-a")])
    deploy(small, image, "app", "b", [to("app-b"), to("app-a", 0, "kept")])
    deploy(small, image, "app", "c", [to("app-c"), to("app-a", 0, "kept")])
    deploy(small, image, "app", "d", [to("app-c"), to("app-a", 0, "kept")])
    assert revisions(small, "app") == ["d", "c", "b", "a"]
    deploy(small, image, "app", "e", [to("app-c"), to("app-a", 0, "kept")])
    assert revisions(small, "app") == ["e", "d", "c", "a"]  # a has a tag, c serves
    small.wait(small.change("app", traffic=[to("app-c")]))
    deploy(small, image, "app", "f", [to("app-c")])
    assert revisions(small, "app") == ["f", "e", "d", "c"]


def test_the_oldest_tags_without_traffic_vanish_from_the_service_that_gets_a_new_one(small, image):
    to = small.to
    one = deploy(small, image, "one", "a", [to("one-a", tag="serving"), to("one-a", 0, "old")])
    other = deploy(small, image, "other", "a", [to("other-a", tag="busy")])
    assert tags(one) == (["serving", "old"],) * 2
    traffic = [to("one-a", tag="serving"), to("one-a", 0, "newer"), to("one-a", 0, "old")]
    changed = small.wait(small.change("one", traffic=traffic))
    assert tags(changed) == (["serving", "newer"],) * 2
    gone = next(each.uri for each in one.traffic_statuses if each.tag == "old")
    assert small.status(gone) == 404
    assert tags(small.services.get_service(name=other.name)) == (["busy"],) * 2
    again = small.wait(small.change("one", traffic=[to("one-a", tag="serving"), to("one-a", 0, "newest")]))
    assert tags(again) == (["serving", "newest"],) * 2  # one went by itself: there is room
    small.wait(small.services.delete_service(name=other.name))
    free = [to("one-a", tag="serving"), to("one-a", 0, "newest"), to("one-a", 0, "third")]
    assert tags(small.wait(small.change("one", traffic=free))) == (["serving", "newest", "third"],) * 2


def test_an_unknown_quota_is_refused_with_those_that_there_are(tmp_path):
    command = [sys.executable, "-m", "loop", "emulator", "--state", str(tmp_path), "--quota", "services=3"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "tags-per-region" in refused.stderr
