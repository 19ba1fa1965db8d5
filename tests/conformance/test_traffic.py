"""How traffic is split and tagged, and what a change of traffic does to the processes behind it."""

from collections import Counter

from google.api_core import exceptions
from google.cloud import run_v2

SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
FAILED = run_v2.Condition.State.CONDITION_FAILED
NAMED = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


def test_explicit_traffic_to_the_revision_made_by_the_same_update(target, echo_image, service, name):
    updated = target.wait(
        target.deploy(name, echo_image, {"GREETING": "two"}, revision=f"{name}-two", traffic=[target.to(f"{name}-two")])
    )
    assert [(each.type_, each.revision, each.percent) for each in updated.traffic_statuses] == [
        (NAMED, f"{name}-two", 100)
    ]
    assert target.get(updated.uri)["revision"] == f"{name}-two"


def test_a_candidate_gets_a_tag_and_no_traffic(target, echo_image, service, name):
    traffic = [target.to(f"{name}-one"), target.to(f"{name}-two", 0, "candidate")]
    updated = target.wait(target.deploy(name, echo_image, {"GREETING": "two"}, revision=f"{name}-two", traffic=traffic))
    tagged = tag_url(updated, "candidate")
    assert tagged != updated.uri
    assert target.get(updated.uri)["revision"] == f"{name}-one"
    assert target.get(tagged)["revision"] == f"{name}-two"
    target.wait(target.change(name, traffic=[target.to(f"{name}-two")]))
    target.until(lambda: target.get(updated.uri)["revision"] == f"{name}-two")
    target.until(lambda: target.status(tagged) == 404)


def test_traffic_to_a_revision_that_is_not_there_fails_and_leaves_the_old(target, service, name):
    with target.refuses(exceptions.InternalServerError, f"{name}-none.*does not exist"):
        target.wait(target.change(name, traffic=[target.to(f"{name}-none")]))
    after = target.services.get_service(name=service.name)
    assert after.terminal_condition.state == FAILED
    assert [each.revision for each in after.traffic_statuses] == [f"{name}-one"]
    assert target.get(service.uri)["revision"] == f"{name}-one"
    healed = target.wait(target.change(name, traffic=[target.to(f"{name}-one")]))
    assert healed.terminal_condition.state == SUCCEEDED


def test_percentages_are_what_requests_meet_and_a_tag_is_one_revision(target, echo_image, service, name):
    traffic = [target.to(f"{name}-one", 50), target.to(f"{name}-two", 50, "second")]
    updated = target.wait(target.deploy(name, echo_image, {"GREETING": "two"}, revision=f"{name}-two", traffic=traffic))
    read = [(each.revision, each.percent, each.tag) for each in updated.traffic_statuses]
    assert read == [(f"{name}-one", 50, ""), (f"{name}-two", 50, "second")]
    for url in (updated.uri, tag_url(updated, "second")):  # a change of traffic is not at once everywhere
        target.until(lambda url=url: target.get(url)["revision"] == f"{name}-two")
    met = Counter(target.get(updated.uri)["revision"] for _ in range(200))
    assert set(met) == {f"{name}-one", f"{name}-two"}
    assert 60 <= met[f"{name}-one"] <= 140  # a fair coin leaves these bounds once in 60 million
    assert {target.get(tag_url(updated, "second"))["revision"] for _ in range(20)} == {f"{name}-two"}


def test_a_change_of_traffic_alone_makes_no_revision_and_can_tag_an_old_one(target, echo_image, service, name):
    two = target.wait(target.deploy(name, echo_image, {"GREETING": "two"}, revision=f"{name}-two"))
    traffic = [target.to(f"{name}-two"), target.to(f"{name}-one", 0, "before")]
    tagged = target.wait(target.change(name, traffic=traffic))
    assert tagged.generation == two.generation + 1
    assert tagged.latest_created_revision == two.latest_created_revision
    assert tagged.template == two.template
    assert {each.name for each in target.revisions.list_revisions(parent=service.name)} == {
        f"{service.name}/revisions/{name}-{which}" for which in ("one", "two")
    }
    assert target.get(tag_url(tagged, "before"))["revision"] == f"{name}-one"
    assert target.get(tagged.uri)["revision"] == f"{name}-two"
    back = target.wait(target.change(name, traffic=[target.to(f"{name}-one"), target.to(f"{name}-two", 0, "after")]))
    target.until(lambda: target.get(back.uri)["revision"] == f"{name}-one")
    assert target.get(tag_url(back, "after"))["revision"] == f"{name}-two"


def tag_url(service, tag):
    return next(each.uri for each in service.traffic_statuses if each.tag == tag)
