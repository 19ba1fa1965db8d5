"""A service's settings: each value's shape, what the keys say about each other, and what they come to."""

from typing import Any

import pytest

from loop.core.environment import BuildMode
from loop.core.settings import ContainerProbe, Egress, Grpc, HttpGet, Ingress, Settings, TcpSocket, Vpc

HEAD = "platform: {endpoint: emulator}\n"
SUITES = "suites: {smoke: {pytest: tests}}\n"


def text(service: str) -> str:
    return HEAD + f"services:\n  a: {{source: a, {service}}}\n" + SUITES


def said(only: Any, service: str) -> list[str]:
    return [p.removeprefix("configs/e.yaml:3: services.a.") for p in only(text(service)).problems()]


def loaded(only: Any, service: str) -> Any:
    return only(text(service)).load().environment.services[0]


WHOLE = """\
platform: {project: acme, region: us-central1}
services:
  a:
    source: a
    port: 9000
    command: python3 -m app
    args: [--port, "9000"]
    cpu: 0.5
    memory: 512Mi
    min_instances: 1
    max_instances: 4
    concurrency: 1
    timeout: 5m
    service_account: runner@acme.iam.gserviceaccount.com
    ingress: internal-and-cloud-load-balancing
    vpc: {network: default, subnet: apps, tags: [web], egress: private-ranges-only}
    cloud_sql: [acme:us-central1:db]
    labels: {team: red, x-9: 007}
    startup_probe: {http_get: /ready, period: 5s, failure_threshold: 12}
    liveness_probe: {grpc: {service: health}, initial_delay: 10s}
    secrets: {JWT: "jwt:3", /etc/keys/jwt: "jwt:3"}
suites: {smoke: {pytest: tests}}
"""


def test_every_key_comes_to_its_value(only: Any) -> None:
    service = only(WHOLE).load().environment.services[0]
    assert service.port == 9000
    assert service.secrets == {"JWT": "jwt:3", "/etc/keys/jwt": "jwt:3"}
    assert service.settings == Settings(
        command=("python3", "-m", "app"),
        args=("--port", "9000"),
        cpu="0.5",
        memory="512Mi",
        min_instances=1,
        max_instances=4,
        concurrency=1,
        timeout=300.0,
        service_account="runner@acme.iam.gserviceaccount.com",
        ingress=Ingress.LOAD_BALANCING,
        vpc=Vpc(network="default", subnet="apps", tags=("web",), egress=Egress.PRIVATE_RANGES_ONLY),
        cloud_sql=("acme:us-central1:db",),
        labels={"team": "red", "x-9": "007"},
        startup_probe=ContainerProbe(http_get=HttpGet(path="/ready"), period=5, failure_threshold=12),
        liveness_probe=ContainerProbe(grpc=Grpc(service="health"), initial_delay=10),
    )


def test_a_service_that_names_none_has_none(only: Any) -> None:
    service = loaded(only, "health: /")
    assert (service.settings, service.port, service.existing) == (Settings(), None, False)


def test_a_connector_gets_the_name_that_the_api_takes(only: Any) -> None:
    connector = only(WHOLE.replace("network: default, subnet: apps, tags: [web]", "connector: vpc-1")).load()
    vpc = connector.environment.services[0].settings.vpc
    assert vpc.connector == "projects/acme/locations/us-central1/connectors/vpc-1"
    full = "projects/shared/locations/r/connectors/c"
    other = only(WHOLE.replace("network: default, subnet: apps, tags: [web]", f"connector: {full}")).load()
    assert other.environment.services[0].settings.vpc.connector == full


def test_a_probe_of_the_containers_own_port_needs_no_number(only: Any) -> None:
    settings = loaded(only, "startup_probe: {tcp_socket: {}}").settings
    assert settings.startup_probe == ContainerProbe(tcp_socket=TcpSocket())


@pytest.mark.parametrize(
    ("service", "sentence"),
    [
        ("cpu: 3", "cpu: expected 1, 2, 4, 6, 8, or from 0.08 (80m) below 1, found the number 3"),
        ("cpu: 10m", 'cpu: expected 1, 2, 4, 6, 8, or from 0.08 (80m) below 1, found the text "10m"'),
        ("memory: 512", "memory: expected an amount such as 512Mi or 2Gi, found the number 512"),
        ("memory: 512MB", 'memory: expected an amount such as 512Mi or 2Gi, found the text "512MB"'),
        ("memory: 64Gi", 'memory: expected from 128Mi to 32Gi, found the text "64Gi"'),
        ("min_instances: -1", "min_instances: expected at least 0, found the number -1"),
        ("concurrency: 2000", "concurrency: expected at most 1000, found the number 2000"),
        ("min_instances: 5, max_instances: 2", "min_instances: is 5, more than max_instances: 2"),
        ("cpu: 500m, concurrency: 80", "cpu: below 1 takes one request at a time, and concurrency: says 80"),
        ("timeout: 1500ms", 'timeout: expected whole seconds, found the text "1500ms"'),
        ("cpu: 0.4, memory: 1Gi", "memory: is 1Gi; cpu: 0.4 takes at most 512Mi"),
        ("cpu: 500m, memory: 2Gi", "memory: is 2Gi; cpu: 500m takes at most 1Gi"),
        ("cpu: 1, memory: 5Gi", "memory: is 5Gi; cpu: 1 takes at most 4Gi"),
        ("cpu: 2, memory: 9Gi", "memory: is 9Gi; cpu: 2 takes at most 8Gi"),
        ("cpu: 4, memory: 1Gi", "memory: is 1Gi; cpu: 4 needs at least 2Gi"),
        ("cpu: 6, memory: 32Gi", "memory: is 32Gi; cpu: 6 takes at most 24Gi"),
        ("cpu: 8, memory: 2Gi", "memory: is 2Gi; cpu: 8 needs at least 4Gi"),
        ("timeout: 2h", "timeout: expected at most 60m, found 2h"),
        ("service_account: runner", "service_account: expected a service account's e-mail address, found the text"),
        ("ingress: none", "ingress: expected all, internal or internal-and-cloud-load-balancing, found"),
        ("cloud_sql: [db]", 'cloud_sql[0]: expected project:region:instance, found the text "db"'),
        ("labels: {Team: red}", "labels.Team: a label's name takes at most 63 lower-case letters"),
        ("labels: {loop-run: x}", "labels.loop-run: a label's name takes at most 63 lower-case letters"),
        ("labels: {team: Red}", "labels.team: a label's value takes at most 63 lower-case letters"),
        ("vpc: {egress: all-traffic}", "vpc: needs connector:, or network: or subnet:"),
        ("vpc: {connector: c, subnet: s}", "vpc: takes connector: or subnet:, not both"),
        ("vpc: {network: n, egress: some}", "vpc.egress: expected all-traffic or private-ranges-only, found"),
        ("startup_probe: {period: 3s}", "startup_probe: needs one of http_get:, tcp_socket:, grpc:"),
        ("liveness_probe: {http_get: /, grpc: {}}", "liveness_probe: takes only one of http_get:, tcp_socket:, grpc:"),
        ("startup_probe: {http_get: up}", "startup_probe.http_get.path: expected a path that starts with /"),
        ("startup_probe: {grpc: {}, period: 1500ms}", "startup_probe.period: expected whole seconds, found"),
        ("startup_probe: {grpc: {}, timeout: 20s}", "startup_probe: timeout: (20s) is longer than period: (10s)"),
        ("startup_probe: {grpc: {}, initial_delay: 5m}", "startup_probe.initial_delay: expected at most 240s"),
        ("liveness_probe: {tcp_socket: {}}", "liveness_probe: takes http_get: or grpc:, not tcp_socket:"),
        ("startup_probe: {grpc: {}, failure_threshold: 25}", "startup_probe: failure_threshold: times period: is 250s"),
        ("secrets: {jwt.txt: 'a:1'}", "secrets.jwt.txt: expected the name of an environment variable, or the path"),
        ("secrets: {/jwt: 'a:1'}", "secrets./jwt: expected the name of an environment variable, or the path"),
        ("secrets: {/etc/../x: 'a:1'}", "secrets./etc/../x: expected the name of an environment variable, or"),
        ("secrets: {/k/a: 'a:1', /k/b: 'b:1'}", "secrets./k/b: the folder /k holds the secret a already; use another"),
        ("command: [1]", "command[0]: expected text, found the number 1; put it in quotes"),
    ],
)
def test_each_mistake_is_one_sentence(only: Any, service: str, sentence: str) -> None:
    (problem,) = said(only, service)
    assert problem.startswith(sentence)


@pytest.mark.parametrize(
    ("service", "mode"),
    [
        ("source: a", BuildMode.BUILDPACK),
        ("source: a, dockerfile: docker/prod", BuildMode.DOCKERFILE),
        ("source: a, cloudbuild: ci/build.yaml, substitutions: {_A: b}", BuildMode.CLOUDBUILD),
        ("source: a, build: cloudbuild", BuildMode.CLOUDBUILD),
        ("image: i", BuildMode.IMAGE),
    ],
)
def test_the_build_mode_follows_from_what_is_given(only: Any, service: str, mode: BuildMode) -> None:
    made = only(HEAD + f"services: {{a: {{{service}}}}}\n" + SUITES).load().environment.services[0]
    assert made.build is mode
    assert (made.cloudbuild is not None) == (mode is BuildMode.CLOUDBUILD)


@pytest.mark.parametrize(
    ("service", "sentences"),
    [
        ("source: a, dockerfile: D, build: buildpack", ["a.dockerfile: belongs to build: dockerfile, not to build: "]),
        ("source: a, dockerfile: D, cloudbuild: c", ["a.cloudbuild: stands beside dockerfile:; give one, or build:"]),
        ("source: a, substitutions: {_A: b}", ["a.substitutions: needs cloudbuild:"]),
        ("source: a, cloudbuild: c, substitutions: {A: b}", ["a.substitutions.A: a substitution of one's own is"]),
        ("source: a, cloudbuild: c, substitutions: {_IMAGE: b}", ["a.substitutions._IMAGE: is set by loop; use"]),
        ("cloudbuild: c", ["a: needs source:"]),
        ("existing: true, source: a", ["a.source: has no effect with existing: true, for others deploy it"]),
        ("existing: true, memory: 1Gi", ["a.memory: has no effect with existing: true"]),
        ("existing: true, access: public", ["a.access: can not be changed beside existing: true"]),
    ],
)
def test_what_is_built_and_what_is_not_is_said_without_contradiction(
    only: Any, service: str, sentences: list[str]
) -> None:
    problems = only(HEAD + f"services: {{a: {{{service}}}}}\n" + SUITES).problems()
    assert len(problems) == len(sentences)
    for problem, sentence in zip(problems, sentences, strict=True):
        assert problem.startswith(f"configs/e.yaml:2: services.{sentence}")


def test_a_service_that_others_deploy_needs_nothing_but_how_to_ask_it(only: Any) -> None:
    made = only(HEAD + "services: {a: {existing: true, health: /up, service: auth-prod}}\n" + SUITES).load()
    service = made.environment.services[0]
    assert (service.existing, service.service, service.health.path) == (True, "auth-prod", "/up")


def test_an_image_by_tag_is_a_warning_and_one_by_digest_is_not(only: Any) -> None:
    both = "services: {a: {image: 'r/a:v1'}, b: {image: 'r/b@sha256:1'}}\n"
    (warning,) = only(HEAD + both + SUITES).load().warnings
    assert warning.startswith("configs/e.yaml:2: services.a.image: r/a:v1 is no digest")
