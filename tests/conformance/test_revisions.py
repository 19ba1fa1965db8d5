"""google.cloud.run.v2 Revisions through Google's clients."""

import pytest
from google.api_core import exceptions
from google.cloud import run_v2


def test_template_labels_and_settings_are_the_revisions_own(target, echo_image, name):
    template = {
        "containers": [{"image": echo_image, "resources": {"limits": {"cpu": "2"}}}],
        "labels": {"loop-run": "abcdef"}, "annotations": {"note": "x"}, "timeout": {"seconds": 77},
        "revision": f"{name}-one", **({} if target.live else {"service_account": "me@example.com"}),
    }  # fmt: skip
    service = target.wait(target.deploy(name, echo_image, template=template, labels={"of": "service"}))
    revision = target.revisions.get_revision(name=service.latest_ready_revision)
    assert dict(revision.labels) == {"loop-run": "abcdef"}
    assert dict(revision.annotations) == {"note": "x"}
    assert revision.timeout.total_seconds() == 77
    assert target.live or revision.service_account == "me@example.com"
    assert revision.service == name
    assert dict(revision.containers[0].resources.limits) == {"cpu": "2", "memory": "512Mi"}
    assert revision.observed_generation == revision.generation == 1
    assert {each.type_ for each in revision.conditions} >= {"Ready", "ContainerHealthy", "ResourcesAvailable"}
    assert dict(service.labels) == {"of": "service"}


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
    traffic = [target.to(f"{name}-one")]
    target.wait(target.deploy(name, echo_image, {"GREETING": "2"}, revision=f"{name}-two", traffic=traffic))
    with target.refuses(exceptions.FailedPrecondition, "latest"):
        target.revisions.delete_revision(name=two)
    target.wait(target.deploy(name, echo_image, {"GREETING": "3"}, revision=f"{name}-three"))
    with pytest.raises(exceptions.Aborted):
        target.revisions.delete_revision(run_v2.DeleteRevisionRequest(name=one, etag='"of yesterday"'))
    assert target.wait(target.revisions.delete_revision(name=one)).name == one
    with pytest.raises(exceptions.NotFound):
        target.revisions.get_revision(name=one)
    with pytest.raises(exceptions.NotFound):
        target.revisions.delete_revision(name=one)


@pytest.mark.parametrize("fields", [{"parent": "nonsense"}, {"page_token": "nonsense"}])
def test_a_list_of_revisions_that_can_not_be_understood_is_refused(target, service, fields):
    with pytest.raises(exceptions.InvalidArgument):
        target.revisions.list_revisions(run_v2.ListRevisionsRequest({"parent": service.name, **fields}))
