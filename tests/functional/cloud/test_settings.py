"""Typed settings on the emulator: deployed and found equal; what changed is named, what is others' stays."""

import time
from dataclasses import replace

import pytest
from google.cloud.run_v2 import types

from loop.core.environment import Service
from loop.core.settings import ContainerProbe, HttpGet, Ingress, Settings, Vpc
from loop.errors import PlatformError

DIGEST = "sha256:" + "d" * 64
SETTINGS = Settings(
    command=("python3",),
    args=("server.py",),
    cpu="2",
    memory="1Gi",
    min_instances=0,
    max_instances=3,
    concurrency=10,
    timeout=90.5,
    service_account="runner@acme.iam.gserviceaccount.com",
    ingress=Ingress.INTERNAL,
    vpc=Vpc(network="default", subnet="apps"),
    labels={"team": "red"},
    startup_probe=ContainerProbe(http_get=HttpGet(path="/ready"), period=2, failure_threshold=20),
    liveness_probe=ContainerProbe(http_get=HttpGet(path="/live")),
)
CHANGES = {
    "memory": ("2Gi", ("memory: 1Gi -> 2Gi",)),
    "cpu": ("2000m", ()),
    "min_instances": (1, ("min_instances: not set -> 1",)),
    "max_instances": (4, ("max_instances: 3 -> 4",)),
    "concurrency": (11, ("concurrency: 10 -> 11",)),
    "timeout": (60.0, ("timeout: 90.500s -> 60s",)),
    "service_account": ("b@acme.iam", ("service_account: runner@acme.iam.gserviceaccount.com -> b@acme.iam",)),
    "ingress": (Ingress.ALL, ("ingress: internal -> all",)),
    "vpc": (Vpc(network="default", subnet="b"), ("vpc.networkInterfaces[0].subnetwork: apps -> b",)),
    "labels": ({"team": "blue"}, ("labels.team: red -> blue",)),
    "args": (("other.py",), ("args: another value is wanted",)),
    "liveness_probe": (None, ("liveness_probe is no longer wanted",)),
    "startup_probe": (
        replace(SETTINGS.startup_probe, period=3), ("startup_probe.periodSeconds: 2 -> 3",),
    ),
}  # fmt: skip


def differences(stage, service, **env):
    found = stage.platform.observe(service)
    return stage.platform.differences(service, found, env=env, digest=DIGEST, image=service.image)


@pytest.fixture(scope="module")
def deployed(stage, image):
    service = stage.service(image=image, settings=SETTINGS)
    stage.deploy(service)
    return service


def test_what_was_set_is_found_equal(stage, deployed):
    assert differences(stage, deployed) == ()


@pytest.mark.parametrize("key", CHANGES)
def test_exactly_the_setting_that_changed_is_named(stage, deployed, key):
    value, sentences = CHANGES[key]
    changed = replace(deployed, settings=replace(SETTINGS, **{key: value}))
    assert differences(stage, changed) == sentences


def test_a_changed_setting_is_deployed_and_found_equal(stage, image):
    service = stage.service(image=image, settings=SETTINGS)
    stage.deploy(service)
    changed = replace(service, settings=replace(SETTINGS, memory="2Gi", min_instances=1, labels={"team": "blue"}))
    stage.deploy(changed, 1)
    assert differences(stage, changed) == ()
    found = stage.platform.observe(changed)
    assert found.service["labels"] == {"team": "blue"}
    assert found.service["scaling"] == {"minInstanceCount": 1}


def test_settings_that_are_no_longer_named_go_back_to_the_platforms_own(stage, image):
    service = stage.service(image=image, settings=SETTINGS)
    stage.deploy(service)
    plain = replace(service, settings=Settings())
    gone = differences(stage, plain)
    assert {sentence.partition(" ")[0] for sentence in gone} == {
        "command", "args", "cpu", "memory", "min_instances", "max_instances", "concurrency", "timeout",
        "service_account", "ingress", "vpc", "labels.team", "startup_probe", "liveness_probe",
    }  # fmt: skip
    stage.deploy(plain, 1)
    assert differences(stage, plain) == ()
    container = stage.platform.observe(plain).settings["containers"][0]
    assert container["resources"]["limits"] == {"cpu": "1000m", "memory": "512Mi"}
    assert "command" not in container
    assert "livenessProbe" not in container
    assert stage.platform.observe(plain).service["ingress"] == "INGRESS_TRAFFIC_ALL"
    assert "team" not in stage.platform.observe(plain).service.get("labels", {})


def test_settings_made_by_somebody_else_survive_and_are_no_difference(stage, image):
    service = stage.service(image=image, settings=Settings(memory="1Gi"))
    stage.deploy(service)
    by_hand(stage, service)
    stage.deploy(service, 1)
    assert differences(stage, service) == ()
    found = stage.platform.observe(service)
    assert found.service["labels"] == {"owner": "ann"}
    assert found.service["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    assert found.settings["serviceAccount"] == "hers@acme.iam"
    assert found.settings["containers"][0]["resources"]["limits"] == {"cpu": "4", "memory": "1Gi"}
    stage.deploy(replace(service, settings=Settings()), 2)
    left = stage.platform.observe(service).settings["containers"][0]["resources"]["limits"]
    assert left == {"cpu": "4", "memory": "512Mi"}


def by_hand(stage, service: Service) -> None:
    """As a person would with gcloud."""
    client = stage.platform._wire.services
    found = client.get_service(name=f"projects/acme/locations/us-central1/services/{service.service}")
    found.labels["owner"] = "ann"
    found.ingress = types.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY
    found.template.service_account = "hers@acme.iam"
    found.template.containers[0].resources.limits["cpu"] = "4"
    found.template.revision = ""
    client.update_service(service=found).result(timeout=30)


def test_a_service_level_setting_alone_is_a_difference(stage, image):
    service = stage.service(image=image)
    stage.deploy(service)
    wish = replace(service, settings=Settings(ingress=Ingress.INTERNAL))
    assert differences(stage, wish) == ("ingress: all -> internal",)


def test_what_the_platform_does_not_offer_is_an_error_that_names_it(stage, image):
    service = stage.service(image=image, settings=Settings(cloud_sql=("acme:us-central1:db",)))
    with pytest.raises(PlatformError, match="volumes"):
        stage.platform.request_revision(stage.order(service), wait=time.sleep)
