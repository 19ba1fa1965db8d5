"""Every typed key through Google's own messages: sent, read back, found equal; changed, named; dropped, taken away."""

from dataclasses import fields, replace

import pytest
from google.cloud import run_v2 as run

from loop.cloud import conversions
from loop.cloud.settings import abandoned, differences, dropped
from loop.cloud.values import Observed
from loop.cloud.wanted import wanted, wanted_service
from loop.core.environment import Service
from loop.core.model import Serving, Split
from loop.core.settings import (
    ContainerProbe,
    Egress,
    Grpc,
    HttpGet,
    Ingress,
    Settings,
    TcpSocket,
    Vpc,
)

KEYS = {
    "command": (("serve",), ("run", "x"), "command: another value is wanted"),
    "args": (("--a", "b"), (), "args: another value is wanted"),
    "cpu": ("1", "500m", "cpu: 1 -> 500m"),
    "memory": ("512Mi", "1Gi", "memory: 512Mi -> 1Gi"),
    "min_instances": (1, 0, "min_instances: 1 -> 0"),
    "max_instances": (3, 5, "max_instances: 3 -> 5"),
    "concurrency": (80, 1, "concurrency: 80 -> 1"),
    "timeout": (60.0, 90.5, "timeout: 60s -> 90.5s"),
    "service_account": ("a@p.iam", "b@p.iam", "service_account: a@p.iam -> b@p.iam"),
    "ingress": (
        Ingress.INTERNAL, Ingress.LOAD_BALANCING,
        "ingress: internal -> internal-and-cloud-load-balancing",
    ),
    "vpc": (
        Vpc(connector="projects/p/locations/r/connectors/c"), Vpc(network="n", subnet="s", egress=Egress.ALL_TRAFFIC),
        "vpc.connector: projects/p/locations/r/connectors/c -> not set",
    ),
    "cloud_sql": (("p:r:a",), ("p:r:a", "p:r:b"), "cloud_sql.cloudSqlInstance.instances"),
    "labels": ({"team": "red"}, {"team": "blue"}, "labels.team: red -> blue"),
    "startup_probe": (
        ContainerProbe(http_get=HttpGet(path="/up"), period=5), ContainerProbe(tcp_socket=TcpSocket(port=9)),
        "startup_probe.periodSeconds: 5 -> 10",
    ),
    "liveness_probe": (
        ContainerProbe(grpc=Grpc(service="x")), ContainerProbe(grpc=Grpc(service="y"), initial_delay=3),
        "liveness_probe.initialDelaySeconds: not set -> 3",
    ),
}  # fmt: skip


def service(**settings):
    return Service(name="web", service="web", settings=Settings(**settings))


def sent(wish_for, current=None):
    """The service's message as it is sent, and then as it is found."""
    wish, own = wanted(wish_for, {"A": "1"}, "image"), wanted_service(wish_for)
    message = run.Service(template=current.template, **kept(current)) if current else run.Service()
    there = conversions.json_from_proto(message.template)
    message.template = conversions.template_from(
        message.template if current else None, wish, variables=dropped(there, wish), paths=abandoned(there, wish)
    )
    conversions.lay_over_service(message, own, abandoned(conversions.json_from_proto(message), own))
    return message


def kept(current):
    return {"ingress": current.ingress, "labels": current.labels, "annotations": current.annotations,
            "scaling": current.scaling}  # fmt: skip


def differs(message, wish):
    split = (Split(revision="web-l1-0", percent=100),)
    serving = Serving(service="web", url="", traffic=split, revision="web-l1-0", digest="d", run="l1")
    found = Observed(
        serving=serving,
        settings=conversions.json_from_proto(message.template),
        meant="web-l1-0",
        service=conversions.json_from_proto(message),
    )
    return differences(found, wish, {"A": "1"}, "d")


def test_no_typed_key_is_forgotten_here():
    assert set(KEYS) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_was_set_is_found_equal(key):
    wish = service(**{key: KEYS[key][0]})
    assert differs(sent(wish), wish) == ()


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_changed_is_named_and_the_change_is_sent(key):
    before, after = (service(**{key: value}) for value in KEYS[key][:2])
    found = sent(before)
    assert any(sentence.startswith(KEYS[key][2]) for sentence in differs(found, after))
    assert all(sentence.startswith(key) for sentence in differs(found, after))
    assert differs(sent(after, found), after) == ()


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_no_longer_named_is_named_as_such_and_taken_away(key):
    found = sent(service(**{key: KEYS[key][0]}))
    assert differs(found, service())
    assert all(s.startswith(key) and s.endswith("is no longer wanted") for s in differs(found, service()))
    left = sent(service(), found)
    assert differs(left, service()) == ()
    plain = sent(service())
    assert left.template == plain.template
    assert kept(left) == kept(plain)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_somebody_else_set_survives_and_is_no_difference(key):
    theirs = sent(service(**{key: KEYS[key][0]}))
    for annotations in (theirs.annotations, theirs.template.annotations):
        annotations["loop-settings"] = ""
    assert differs(theirs, service()) == ()
    after = sent(service(), theirs)
    assert after.template == theirs.template
    assert kept(after) == kept(theirs)


def test_what_stood_in_the_template_is_taken_away_too_and_what_did_not_is_kept():
    theirs = run.Service(template=run.RevisionTemplate(labels={"hers": "1"}, session_affinity=True))
    further = {
        "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
        "labels": {"mine": "1"},
        "annotations": {"run.example/x.y": "1"},
        "containers": [
            {"resources": {"cpuIdle": True, "limits": {"nvidia.com/gpu": "1"}}},
            {"name": "p", "image": "q"},
        ],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    }
    wish = replace(service(), template=further)
    found = sent(wish, theirs)
    assert differs(found, wish) == ()
    assert len(differs(found, service())) == 7
    left = sent(service(), found)
    assert (dict(left.template.labels), left.template.session_affinity) == ({"hers": "1"}, True)
    assert len(left.template.containers) == 1
    assert "resources" not in left.template.containers[0]
    assert not left.template.volumes
    assert set(left.template.annotations) == {"loop-env", "loop-settings"}


def test_an_annotation_of_ones_own_is_compared_like_everything_else():
    before, after = (replace(service(), template={"annotations": {"my-note": f"tok-{n}"}}) for n in (1, 2))
    found = sent(before)
    assert differs(found, before) == ()
    assert differs(found, after) == ("annotations.my-note: tok-1 -> tok-2",)
    assert differs(sent(after, found), after) == ()


def test_a_variable_that_stood_in_the_template_is_taken_away_and_its_value_never_told():
    hers = run.Service(
        template=run.RevisionTemplate(containers=[run.Container(env=[run.EnvVar(name="HERS", value="x")])])
    )
    password = [{"name": "PASSWORD", "value": "hunter2"}]
    wish = replace(
        service(), template={"containers": [{"env": password}, {"name": "p", "image": "q", "env": password}]}
    )
    less = replace(service(), template={"containers": [{}, {"name": "p", "image": "q"}]})
    found = sent(wish, hers)
    assert found.template.annotations["loop-env"] == "A,PASSWORD"
    assert differs(found, wish) == ()
    assert differs(found, less) == (
        "environment variable PASSWORD is no longer wanted",
        "containers[p].env[PASSWORD] is no longer wanted",
    )
    left = sent(less, found)
    assert [[v.name for v in container.env] for container in left.template.containers] == [["HERS", "A"], []]
    assert differs(left, less) == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            {"volumes": [{"name": "s", "emptyDir": {"medium": "MEMORY", "sizeLimit": "1Gi"}}]},
            {"volumes": [{"name": "s", "emptyDir": {"medium": "MEMORY"}}]},
            "volumes[s].emptyDir.sizeLimit is no longer wanted",
        ),
        (
            {"containers": [{"startupProbe": {"httpGet": {"path": "/"}, "periodSeconds": 9}}]},
            {"containers": [{"startupProbe": {"httpGet": {"path": "/"}}}]},
            "startup_probe.periodSeconds is no longer wanted",
        ),
        (
            {"vpcAccess": {"connector": "c", "egress": "ALL_TRAFFIC"}},
            {"vpcAccess": {"connector": "c"}},
            "vpc.egress is no longer wanted",
        ),
        (
            {"containers": [{}, {"name": "p", "image": "q", "args": ["a"], "resources": {"limits": {"cpu": "1"}}}]},
            {"containers": [{}, {"name": "p", "image": "q", "args": ["a"]}]},
            "containers[p].resources.limits.cpu is no longer wanted",
        ),
    ],
)
def test_a_part_of_what_stood_in_the_template_is_taken_away_too(before, after, said):
    wish, less = (replace(service(), template=template) for template in (before, after))
    found = sent(wish)
    assert differs(found, less) == (said,)
    left = sent(less, found)
    assert differs(left, less) == ()
    assert left.template == sent(less).template


def test_what_somebody_else_set_beside_it_stays():
    proxy = {"name": "p", "image": "q"}
    wish, less = (replace(service(), template={"containers": [{}, each]}) for each in (proxy | {"args": ["a"]}, proxy))
    found = sent(wish)
    found.template.containers[1].working_dir = "/hers"
    left = sent(less, found)
    assert (left.template.containers[1].working_dir, list(left.template.containers[1].args)) == ("/hers", [])


def test_secrets_are_variables_or_files_one_volume_for_a_folder():
    wish = replace(service(), secrets={"JWT": "jwt:3", "/etc/keys/a": "keys:1", "/etc/keys/b": "keys:2"})
    template = sent(wish).template
    assert [v.name for v in template.containers[0].env] == ["A", "JWT"]
    (volume,), (mount,) = template.volumes, template.containers[0].volume_mounts
    assert (volume.name, mount.mount_path) == (mount.name, "/etc/keys")
    assert volume.secret.secret == "keys"
    assert [(item.path, item.version) for item in volume.secret.items] == [("a", "1"), ("b", "2")]
    fewer = replace(wish, secrets={"JWT": "jwt:3", "/etc/keys/a": "keys:1"})
    assert differs(sent(wish), fewer) == (f"volumes[{volume.name}].secret.items: 2 -> 1 entries",)
    assert differs(sent(fewer, sent(wish)), fewer) == ()
    none = replace(wish, secrets={"JWT": "jwt:3"})
    left = sent(none, sent(wish))
    assert (list(left.template.volumes), list(left.template.containers[0].volume_mounts)) == ([], [])


def test_a_probe_is_sent_whole_so_that_the_one_before_does_not_shine_through():
    default = run.Probe(timeout_seconds=240, period_seconds=240, tcp_socket=run.TCPSocketAction(port=8080))
    theirs = run.Service(template=run.RevisionTemplate(containers=[run.Container(startup_probe=default)]))
    probe = sent(service(startup_probe=ContainerProbe(http_get=HttpGet())), theirs).template.containers[0].startup_probe
    assert (probe.http_get.path, probe.timeout_seconds, probe.period_seconds, probe.failure_threshold) == (
        "/",
        1,
        10,
        3,
    )
    assert "tcp_socket" not in probe


def test_a_connector_takes_the_place_of_a_network_and_the_other_way_round():
    connector, network = service(vpc=Vpc(connector="a/b")), service(vpc=Vpc(network="n", tags=("t",)))
    direct = sent(network)
    for before, wish in ((direct, connector), (sent(connector, direct), network)):
        assert differs(before, wish)
        vpc = sent(wish, before).template.vpc_access
        assert (bool(vpc.connector), bool(vpc.network_interfaces)) == (wish is connector, wish is network)
        assert differs(sent(wish, before), wish) == ()


def test_only_names_are_remembered_never_a_value():
    wish = replace(service(labels={"team": "red"}, args=("hunter2",)), template={"encryptionKey": "hunter3"})
    message = sent(wish)
    assert message.template.annotations["loop-settings"] == "encryptionKey,labels.team,container.args"
    assert message.annotations["loop-settings"] == "labels.team"


def test_the_container_that_takes_requests_is_the_one_that_is_set_and_cleared():
    containers = [run.Container(name="side"), run.Container(name="main", ports=[run.ContainerPort(container_port=80)])]
    found = sent(service(memory="1Gi"), run.Service(template=run.RevisionTemplate(containers=containers)))
    assert [dict(c.resources.limits) for c in found.template.containers] == [{}, {"memory": "1Gi"}]
    left = sent(service(), found)
    assert [dict(c.resources.limits) for c in left.template.containers] == [{}, {}]
