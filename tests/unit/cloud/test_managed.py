"""What loop set on a service, through Google's own messages and a file that `loop init` writes, and back: all of it."""

from dataclasses import fields

import pytest
from google.cloud import run_v2 as run

from loop.cloud import conversions
from loop.cloud.existing import deployed_from_json
from loop.cloud.settings import abandoned, differences, dropped
from loop.cloud.values import Observed
from loop.cloud.wanted import wanted, wanted_service
from loop.config import deployed, load, runners
from loop.config.proposal import Entry, Proposal, text
from loop.core.environment import Service
from loop.core.model import Serving, Split
from loop.core.settings import ContainerProbe, Egress, Grpc, HttpGet, Ingress, Settings, TcpSocket, Vpc

SETTINGS = {
    "command": ("serve", "it's"),
    "args": ("--a", "b: c", "$HOME", "${X}"),
    "cpu": "0.5",
    "memory": "512Mi",
    "min_instances": 0,
    "max_instances": 3,
    "concurrency": 1,
    "timeout": 60.0,
    "service_account": "a@p.iam",
    "ingress": Ingress.LOAD_BALANCING,
    "vpc": Vpc(network="n", subnet="s", tags=("t",), egress=Egress.ALL_TRAFFIC),
    "cloud_sql": ("p:r:a", "p:r:b"),
    "labels": {"team": "red", "on": "1"},
    "startup_probe": ContainerProbe(tcp_socket=TcpSocket(), period=5),
    "liveness_probe": ContainerProbe(grpc=Grpc(service="x", port=9), initial_delay=3),
}
OTHERS = {
    "vpc": Vpc(connector="projects/p/locations/r/connectors/c"),
    "args": (),
    "startup_probe": ContainerProbe(http_get=HttpGet(path="/up", port=80)),
}
TEMPLATES = (
    {"executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2"},
    {"sessionAffinity": False, "scaling": {"minInstanceCount": 0}},
    {"labels": {"a": "1", "a.b": "2"}, "annotations": {"example.com/x.y": "1"}},
    {"containers": [{"resources": {"cpuIdle": True, "limits": {"nvidia.com/gpu": "1", "cpu": "20"}}}]},
    {"containers": [{"resources": {"limits": {"memory": "80Gi"}}}]},
    {"containers": [{"ports": [{"name": "h2c", "containerPort": 80}], "env": [{"name": "A", "value": "plain"}]}]},
    {"containers": [{"livenessProbe": {"tcpSocket": {"port": 8}}}, {"name": "proxy", "image": "x", "args": ["run"]}]},
    {"containers": [{"startupProbe": {"httpGet": {"path": "/", "httpHeaders": [{"name": "X", "value": "y"}]}}}]},
    {"volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}],
     "containers": [{"volumeMounts": [{"name": "scratch", "mountPath": "/tmp/x"}]}]},
    {"vpcAccess": {"networkInterfaces": [{"network": "a"}, {"network": "b"}]}, "timeout": "1.5s"},
)  # fmt: skip


def sent(wish, env, current=None):
    message = run.Service(current) if current else run.Service(name="projects/p/locations/r/services/web")
    there, own = conversions.json_from_proto(message.template), conversions.json_from_proto(message)
    asked, ours = wanted(wish, env, "r/web@sha256:0"), wanted_service(wish)
    message.template = conversions.template_from(
        message.template if current else None, asked, variables=dropped(there, asked), paths=abandoned(there, asked)
    )
    conversions.lay_over_service(message, ours, abandoned(own, ours))
    return message


PLATFORM = tuple(Entry(key=k, value=v) for k, v in {"endpoint": "google", "project": "p", "region": "r"}.items())


def proposed(message):
    found = (deployed_from_json(conversions.json_from_proto(message)),)
    return Proposal(
        environment="e", origin="o", title="E",
        platform=PLATFORM, services=deployed.services(found, ()), suites=runners.suites((), str, within=()),
        notes=tuple(deployed.notes(found)),
    )  # fmt: skip


def read_back(proposal, shell=None):
    (service,) = load("e", read={"configs/e.yaml": text(proposal)}.get, variables=shell or {}).environment.services
    return service


def differs(message, wish, env):
    serving = Serving(
        service="web",
        url="",
        traffic=(Split(revision="web-l1-0", percent=100),),
        revision="web-l1-0",
        digest="d",
        run="1",
    )
    found = Observed(
        serving=serving, meant="web-l1-0", settings=conversions.json_from_proto(message.template),
        service={k: v for k, v in conversions.json_from_proto(message).items() if k != "template"},
    )  # fmt: skip
    return differences(found, wish, env, "d")


def check(wish, env=None):
    message = sent(wish, env or {})
    service = read_back(proposed(message))
    assert differs(message, service, service.env) == ()
    again = sent(service, service.env, message)
    assert (again.template, again.ingress, again.scaling, again.labels) == (
        message.template, message.ingress, message.scaling, message.labels,
    )  # fmt: skip
    return service


def test_every_typed_key_is_tried():
    assert set(SETTINGS) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize(
    "settings",
    [*({key: value} for key, value in SETTINGS.items()), *({key: value} for key, value in OTHERS.items()), SETTINGS],
    ids=lambda settings: ",".join(settings)[:40],
)
def test_a_typed_key_is_written_as_itself(settings):
    wish = Service(name="web", service="web", settings=Settings(**settings))
    assert check(wish).settings == wish.settings


@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_what_no_typed_key_says_is_written_below_template(template):
    check(Service(name="web", service="web", template=template))


def test_the_port_and_files_of_secrets_are_written_as_themselves():
    secrets = {"JWT": "jwt:3", "/etc/keys/a": "keys:1", "/etc/keys/b": "keys:2", "/etc/other/c": "c:latest"}
    service = check(Service(name="web", service="web", port=8080, secrets=secrets))
    assert (service.port, service.secrets, service.template) == (8080, secrets, {})


def test_plain_values_are_written_and_others_come_from_the_shell():
    plain = {"MODE": "staging", "ON": "on", "NUM": "1.10", "NONE": "null", "EMPTY": ""}
    hidden = {"API_KEY": "abcdefgh", "URL": "postgres://u:p@h/d", "TEXT": "two\nlines $x ${y}"}
    message = sent(Service(name="web", service="web"), plain | hidden | {"PIN": "12", "KEY": "short"})
    proposal = proposed(message)
    written = text(proposal)
    assert not [value for value in (*hidden.values(), "short") if value in written]
    assert "under 8 characters it can not be masked: write it here, or make it longer" in written
    service = read_back(proposal, hidden | {"PIN": "12", "KEY": "long enough"})
    assert {name: service.env[name] for name in plain} == plain
    assert {name: service.env[name] for name in (*hidden, "KEY")} == {
        name: f"${{secret:{name}}}" for name in (*hidden, "KEY")
    }
    assert service.env["PIN"] == "12"
    assert proposal.notes[0].startswith("set in the shell where loop runs: API_KEY, KEY, PIN, TEXT, URL.")


def test_two_services_with_different_values_take_them_from_different_variables():
    one, other = (
        sent(Service(name=n, service=n), {"API_KEY": n * 8, "SHARED_TOKEN": "the same"}) for n in ("one", "two")
    )
    one.name, other.name = "projects/p/locations/r/services/web-one", "projects/p/locations/r/services/two"
    found = tuple(deployed_from_json(conversions.json_from_proto(each)) for each in (one, other))
    entries = {s.key: {e.key: e.value for k in s.value if k.key == "env" for e in k.value}
               for s in deployed.services(found, ())}  # fmt: skip
    assert entries == {
        "web-one": {"API_KEY": "${secret:WEB_ONE_API_KEY}", "SHARED_TOKEN": "${secret:SHARED_TOKEN}"},
        "two": {"API_KEY": "${secret:TWO_API_KEY}", "SHARED_TOKEN": "${secret:SHARED_TOKEN}"},
    }


def test_a_variable_that_the_shell_has_for_itself_is_not_taken_from_it():
    message = sent(Service(name="web", service="web"), {"PATH": "/app/bin:/usr/bin", "API_KEY": "abcdefgh"})
    found = (deployed_from_json(conversions.json_from_proto(message)),)
    shell = {"PATH": "/usr/bin", "API_KEY": "abcdefgh"}
    (env,) = [entry for entry in deployed.services(found, (), shell)[0].value if entry.key == "env"]
    assert [(e.key, e.value) for e in env.value] == [
        ("PATH", "${secret:WEB_PATH}"),
        ("API_KEY", "${secret:API_KEY}"),
    ]
    (note,) = deployed.notes(found, shell)
    assert "API_KEY, WEB_PATH." in note


def test_what_can_only_stand_in_the_file_and_may_be_a_secret_is_left_out_and_said():
    template = {"containers": [{}, {"name": "p", "image": "x", "env": [{"name": "PASSWORD", "value": "hunter2"}]}]}
    wish = Service(name="web", service="web", settings=Settings(args=("--password=hunter2",)), template=template)
    proposal = proposed(sent(wish, {}))
    assert "hunter2" not in text(proposal) + "".join(proposal.notes)
    assert "    # args: not written, for it may hold a secret" in text(proposal)
    assert "web: args, template.containers[p].env[PASSWORD] may hold a secret and is not written" in proposal.notes[0]
    service = read_back(proposal)
    assert service.settings.args is None
    assert service.template == {"containers": [{}, {"name": "p", "image": "x", "env": []}]}


def test_what_somebody_else_set_is_not_written_and_kept():
    message = sent(
        Service(name="web", service="web", settings=Settings(cpu="2", ingress=Ingress.INTERNAL)), {"MODE": "staging"}
    )
    message.template.timeout = {"seconds": 90}
    message.template.containers[0].env.append(run.EnvVar(name="HERS", value="x"))
    proposal = proposed(message)
    service = read_back(proposal)
    assert (service.env, service.settings) == ({"MODE": "staging"}, Settings(cpu="2", ingress=Ingress.INTERNAL))
    assert "# kept as they are, for env: does not name them: HERS" in text(proposal)
    del message.template.annotations["loop-env"], message.template.annotations["loop-settings"]
    assert read_back(proposed(message)).settings == Settings(ingress=Ingress.INTERNAL)
    del message.annotations["loop-settings"]
    assert read_back(proposed(message)).settings == Settings()
    assert "does not name them: MODE, HERS" in text(proposed(message))
