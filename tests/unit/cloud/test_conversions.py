"""Google's messages to our values and back, on the messages themselves."""

import pytest
from google.cloud.run_v2 import types as run

from loop.cloud import conversions
from loop.cloud.wanted import wanted
from loop.core.environment import Service
from loop.core.model import Split
from loop.errors import ConfigError

PARENT = "projects/p/locations/r/services/web"
LATEST, REVISION = conversions.LATEST, conversions.REVISION


def target(revision, percent=0, tag="", kind=REVISION):
    return run.TrafficTarget(type_=kind, revision=revision, percent=percent, tag=tag)


def status(revision, percent=0, tag="", kind=REVISION):
    return run.TrafficTargetStatus(type_=kind, revision=revision, percent=percent, tag=tag)


def template(**fields):
    container = run.Container(image="old", env=[run.EnvVar(name="KEEP", value="1"), run.EnvVar(name="MODE", value="a")])
    return run.RevisionTemplate(containers=[container], **fields)


def test_all_traffic_goes_to_the_named_revision_and_tags_stay_without_traffic():
    before = [target("web-1", 90), target("web-2", 10, tag="canary"), target("", 0, tag="head", kind=LATEST)]
    after = conversions.traffic_to("web-l1-0", before)
    assert [(t.revision, t.percent, t.tag, int(t.type_)) for t in after] == [
        ("web-l1-0", 100, "", REVISION),
        ("web-2", 0, "canary", REVISION),
        ("", 0, "head", LATEST),
    ]
    assert sum(t.percent for t in after) == 100


def test_an_entry_that_follows_the_latest_revision_is_shown_as_that_revision():
    service = run.Service(
        name=PARENT,
        latest_ready_revision=f"{PARENT}/revisions/web-7",
        traffic=[target("", 100, kind=LATEST)],
        traffic_statuses=[status("", 100, kind=LATEST), status("web-3", tag="old")],
    )
    splits = conversions.splits_from_proto(service)
    assert splits == (Split(revision="web-7", percent=100), Split(revision="web-3", percent=0, tag="old"))
    assert conversions.sole_revision(splits) == "web-7"
    assert conversions.meant_revision(service) == ""


def test_a_split_over_several_revisions_has_no_sole_revision():
    assert conversions.sole_revision((Split(revision="a", percent=50), Split(revision="b", percent=50))) == ""
    assert conversions.sole_revision((Split(revision="a", percent=60), Split(revision="a", percent=40, tag="t"))) == "a"
    assert conversions.sole_revision(()) == ""


def test_serving_carries_our_labels_image_and_commit():
    labels = {"loop-run": "a1b2c3", "loop-iteration": "2", "loop-commit": "c" * 40, "loop-digest": "d" * 40}
    revision = run.Revision(
        name=f"{PARENT}/revisions/web-la1b2c3-2",
        labels=labels,
        containers=[
            run.Container(image="side"),
            run.Container(image="main", ports=[run.ContainerPort(container_port=80)]),
        ],
        create_time="2026-11-22T10:00:00.5Z",
    )
    service = run.Service(name=PARENT, traffic_statuses=[status("web-la1b2c3-2", 100)])
    serving = conversions.serving_from_proto(service, revision, "http://web")
    assert (serving.service, serving.revision, serving.image) == ("web", "web-la1b2c3-2", "main")
    assert (serving.run, serving.iteration, serving.commit, serving.digest) == ("a1b2c3", "2", "c" * 40, "d" * 40)
    assert serving.created.isoformat() == "2026-11-22T10:00:00.500000+00:00"


def test_labels_that_a_strangers_update_took_over_do_not_make_a_revision_ours():
    labels = {"loop-run": "a1b2c3", "loop-iteration": "2", "loop-commit": "c" * 40, "loop-digest": "d" * 40}
    containers = [run.Container(image="another")]
    revision = run.Revision(name=f"{PARENT}/revisions/web-patched", labels=labels, containers=containers)
    service = run.Service(name=PARENT, traffic_statuses=[status("web-patched", 100)])
    serving = conversions.serving_from_proto(service, revision, "http://web")
    assert (serving.run, serving.iteration, serving.commit, serving.digest) == ("", "", "", "")


def test_what_the_configuration_does_not_name_is_kept():
    current = template(service_account="runner@x", labels={"team": "red"}, revision="web-1")
    wish = wanted(Service(name="web", service="web"), {"MODE": "b", "NEW": "c"}, "new") | {
        "revision": "web-l1-0", "labels": {"loop-run": "a1b2c3"},
    }  # fmt: skip
    sent = conversions.template_from(current, wish)
    assert sent.containers[0].image == "new"
    assert {v.name: v.value for v in sent.containers[0].env} == {"KEEP": "1", "MODE": "b", "NEW": "c"}
    assert (sent.service_account, sent.revision) == ("runner@x", "web-l1-0")
    assert dict(sent.labels) == {"team": "red", "loop-run": "a1b2c3"}
    assert current.containers[0].image == "old"


def test_a_variable_that_we_no_longer_name_is_taken_out():
    sent = conversions.template_from(
        template(), wanted(Service(name="web", service="web"), {}, "new"), variables={"MODE"}
    )
    assert [v.name for v in sent.containers[0].env] == ["KEEP"]


def test_a_variable_changes_from_a_value_to_a_secret_and_back():
    service = Service(name="web", service="web", secrets={"MODE": "mode:2"})
    sent = conversions.template_from(template(), wanted(service, {}, "new"))
    mode = next(v for v in sent.containers[0].env if v.name == "MODE")
    assert (mode.value, mode.value_source.secret_key_ref.secret) == ("", "mode")
    back = conversions.template_from(sent, wanted(Service(name="web", service="web"), {"MODE": "b"}, "new"))
    mode = next(v for v in back.containers[0].env if v.name == "MODE")
    assert mode.value == "b"
    assert "value_source" not in mode


def test_fields_that_this_client_does_not_know_survive():
    message = run.RevisionTemplate.pb(template())
    unknown = b"\xfa\x3f\x03abc"  # field 1023, three bytes
    current = run.RevisionTemplate.deserialize(message.SerializeToString() + unknown)
    sent = conversions.template_from(current, wanted(Service(name="web", service="web"), {}, "new"))
    assert run.RevisionTemplate.serialize(sent).endswith(unknown)


def test_further_settings_are_laid_over_in_the_apis_json_names():
    service = Service(
        name="web", service="web", port=9000,
        template={
            "timeout": "60s", "scaling": {"maxInstanceCount": 3},
            "containers": [{"resources": {"limits": {"cpu": "2"}}}, {"name": "proxy", "image": "envoy"}],
        },
    )  # fmt: skip
    sent = conversions.template_from(
        template(scaling=run.RevisionScaling(min_instance_count=1)), wanted(service, {}, "i"), set()
    )
    assert sent.timeout.seconds == 60
    assert (sent.scaling.min_instance_count, sent.scaling.max_instance_count) == (1, 3)
    assert dict(sent.containers[0].resources.limits) == {"cpu": "2"}
    assert sent.containers[0].ports[0].container_port == 9000
    assert (sent.containers[1].name, sent.containers[1].image) == ("proxy", "envoy")


@pytest.mark.parametrize("overlay", [{"tiemout": "60s"}, {"containers": [{"imgae": "x"}]}, {"scaling": 3}])
def test_a_setting_that_the_api_does_not_have_is_a_configuration_error(overlay):
    service = Service(name="web", service="web", template=overlay)
    with pytest.raises(ConfigError, match="template"):
        conversions.template_from(None, wanted(service, {}, "image"))


def condition(kind, state, message=""):
    return run.Condition(type_=kind, state=state, message=message)


def test_a_revision_has_failed_only_when_its_ready_condition_says_so():
    starting = run.Revision(conditions=[condition("Ready", 2), condition("ContainerHealthy", 3, "not yet")])
    failed = run.Revision(conditions=[condition("ContainerHealthy", 3, "exit status 1"), condition("Ready", 3)])
    ready = run.Revision(conditions=[condition("Ready", 4), condition("Active", 3, "retired")])
    assert [conversions.failed_condition(r) for r in (starting, failed, ready)] == ["", "exit status 1", ""]
    assert [conversions.is_ready(r) for r in (starting, failed, ready)] == [False, False, True]
    assert conversions.failed_condition(run.Revision(conditions=[condition("Ready", 3)]))


@pytest.mark.parametrize(
    ("observed", "reconciling", "terminal", "settled"),
    [(2, False, 4, True), (1, False, 3, True), (1, False, 2, False), (1, True, 3, False), (2, True, 4, False)],
)
def test_an_update_is_through_when_it_was_observed_or_has_failed(observed, reconciling, terminal, settled):
    service = run.Service(
        generation=2, observed_generation=observed, reconciling=reconciling,
        terminal_condition=condition("Ready", terminal),
    )  # fmt: skip
    assert conversions.has_settled(service) is settled
