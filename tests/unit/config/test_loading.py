"""From text to the values that everything else reads: defaults, known issues, what is frozen."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from loop.config import frozen_changes, frozen_fingerprint, load
from loop.core.environment import BuildMode, KnownIssue, Proof

WHOLE = """\
environment: staging
title: GCP Staging
mission: Achieve 100% test pass rate for agent real responses
platform:
  {project: acme-staging, region: us-central1, repository: us-central1-docker.pkg.dev/acme-staging/loop, bucket: acme-staging-loop,
   impersonate: deployer@acme-staging.iam.gserviceaccount.com,
   build: {service_account: builder@acme-staging.iam.gserviceaccount.com, timeout: 20m}}
services:
  auth:     {service: acme-auth-staging, source: services/auth, build: buildpack, health: /health, secrets: {JWT_SECRET: "jwt-secret:3"}, access: keep}
  backend:
    source: services/backend
    after: [auth]
    health: {path: /health, consecutive: 3, within: 2m}
    env: {AUTH_URL: "${services.auth.url}"}
  frontend: {source: services/frontend, after: [backend], health: /}
dependencies:
  database: {http: "${services.backend.url}/health", expect: {database: ok}}
  redis:    {tcp: "redis.internal:6379"}
suites:
  p1-critical: {pytest: tests/staging/test_priority1_critical.py, priority: 1, gate: {pass_rate: 100%}, timeout: 10m, exercises: [backend]}
  browser:     {command: npx playwright test, junit: "results/*.xml", priority: 2, gate: {pass_rate: 95%}}
capabilities:
  WebSocket connectivity: ["*TestWebSocket*"]
targets:
  api latency p95:   {requests: "/api/*", below: 100ms}
  websocket latency: {property: websocket_ms, below: 50ms}
goal:   {pass_rate: 100%, known_issues: allow}
limits: {iterations: 10, no_progress: 3, time: 8h}
fix:    {command: ./fix.sh, timeout: 30m, protect: ["tests/**"], max_files: 20}
hooks:  {before_deploy: ./migrate.sh, on_end: ./publish.sh}
workspace: {link: [node_modules, .venv], setup: npm ci}
"""  # noqa: E501 - the design's own example, as it stands there


def test_the_designs_example_loads_into_the_values_it_means(files: Any) -> None:
    files["configs/staging.yaml"] = WHOLE
    environment = files.load("staging").environment
    charter = environment.charter
    auth, backend, frontend = environment.services
    assert (auth.service, auth.health.path, auth.secrets) == (
        "acme-auth-staging",
        "/health",
        {"JWT_SECRET": "jwt-secret:3"},
    )
    assert (backend.service, backend.after, backend.health.consecutive, backend.health.within) == (
        "backend",
        ("auth",),
        3,
        120,
    )
    assert (backend.env, backend.build, backend.port) == (
        {"AUTH_URL": "${services.auth.url}"},
        BuildMode.BUILDPACK,
        None,
    )
    assert frontend.health.proof is Proof.LOGGED
    database, redis = environment.dependencies
    assert (database.http, database.expect, redis.tcp) == (
        "${services.backend.url}/health",
        {"database": "ok"},
        "redis.internal:6379",
    )
    critical, browser = charter.suites
    assert (critical.pytest, critical.timeout, critical.exercises) == (
        ("tests/staging/test_priority1_critical.py",),
        600,
        ("backend",),
    )
    assert critical.gate is not None
    assert browser.gate is not None
    assert (critical.gate.pass_rate, browser.gate.pass_rate) == (Fraction(1), Fraction(19, 20))
    assert (browser.command, browser.junit, browser.pytest) == ("npx playwright test", "results/*.xml", None)
    assert [(target.below, target.percentile) for target in charter.targets] == [(0.1, 95), (50.0, 95)]
    assert charter.capabilities[0].patterns == ("*TestWebSocket*",)
    assert (charter.goal.pass_rate, charter.limits.time) == (Fraction(1), 28800)
    assert charter.fix is not None
    assert (charter.fix.command, charter.fix.await_commit, charter.fix.protect) == ("./fix.sh", False, ("tests/**",))
    assert (charter.hooks.before_deploy, charter.hooks.on_end) == ("./migrate.sh", "./publish.sh")
    assert (charter.workspace.link, charter.workspace.setup) == (("node_modules", ".venv"), "npm ci")
    assert (charter.platform.build_service_account, charter.platform.build_timeout) == (
        "builder@acme-staging.iam.gserviceaccount.com",
        1200,
    )
    assert charter.platform.impersonate == "deployer@acme-staging.iam.gserviceaccount.com"
    assert not charter.platform.emulated


def test_an_emulator_needs_nothing_but_its_endpoint(files: Any) -> None:
    platform = files.load().environment.charter.platform
    assert (platform.project, platform.region, platform.emulated) == ("local", "emulator", True)
    assert (platform.repository, platform.bucket) == ("emulator-docker.pkg.dev/local/loop", "local-loop")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:8080", "localhost:1", "[::1]:8080"])
def test_an_emulator_that_runs_is_named_by_its_address(files: Any, endpoint: str) -> None:
    files["configs/e.yaml"] = files["configs/e.yaml"].replace("endpoint: emulator", f'endpoint: "{endpoint}"')
    assert files.load().environment.charter.platform.emulated


def test_google_takes_repository_and_bucket_from_project_and_region(files: Any) -> None:
    files["configs/e.yaml"] = files["configs/e.yaml"].replace(
        "endpoint: emulator", "project: acme, region: europe-west1"
    )
    platform = files.load().environment.charter.platform
    assert (platform.repository, platform.bucket) == ("europe-west1-docker.pkg.dev/acme/loop", "acme-loop")


def test_defaults_that_depend_on_another_key(only: Any) -> None:
    environment = (
        only(
            """\
        platform: {endpoint: emulator}
        services:
          ready: {image: i, health: {identity: {json: revision}}, template: {scaling: {minInstanceCount: 1}}}
          labelled: {image: i, health: {identity: {header: X-Revision}, proof: routed}}
        suites: {s: {pytest: [tests, -k, a b], trace: off, python: ''}}
        targets:
          slow p99: {property: seconds, unit: s, below: 250ms}
          size p0: {property: size, unit: MB, below: 12.5, percentile: 50}
          early: {requests: "*", below: 2}
        fix: {await: commit}
        """.replace(", python: ''", "")
        )
        .load()
        .environment
    )
    ready, labelled = environment.services
    assert (ready.build, ready.health.proof, labelled.health.proof) == (BuildMode.IMAGE, Proof.ANSWERED, Proof.ROUTED)
    assert labelled.health.identity is not None
    assert labelled.health.identity.header == "X-Revision"
    assert ready.template == {"scaling": {"minInstanceCount": 1}}
    assert [(t.below, t.unit, t.percentile) for t in environment.charter.targets] == [
        (0.25, "s", 99),
        (12.5, "MB", 50),
        (2.0, "ms", 95),
    ]
    assert environment.charter.suites[0].pytest == ("tests", "-k", "a b")
    assert environment.charter.suites[0].trace is False
    assert environment.charter.fix is not None
    assert (environment.charter.fix.await_commit, environment.charter.fix.command) == (True, None)
    assert (environment.charter.title, environment.charter.mission) == ("e", "")


KNOWN = """\
- pattern: "*::test_002_*"
  signature: HTTP 403
  owner: ada
  reason: needs a real OAuth account
  until: 2027-01-31
  link: https://example.org/1
"""


def test_known_issues_are_read_beside_every_environment(given: Any) -> None:
    loaded = given(beside={"configs/known-issues.yaml": KNOWN}).load()
    assert loaded.environment.charter.known_issues == (
        KnownIssue(
            pattern="*::test_002_*",
            signature="HTTP 403",
            owner="ada",
            reason="needs a real OAuth account",
            until="2027-01-31",
            link="https://example.org/1",
        ),
    )
    assert loaded.files == ("configs/e.yaml", "configs/known-issues.yaml")


def test_mistakes_in_known_issues_are_told_with_those_of_the_environment(given: Any) -> None:
    known = (
        KNOWN + "- {pattern: a, signatur: b, owner: c, reason: d, until: soon}\n- 5\n" + KNOWN.replace("01-31", "02-30")
    )
    assert given("titel: x\n", {"configs/known-issues.yaml": known}).problems() == [
        'configs/e.yaml:7: titel: unknown key; did you mean "title"?',
        "configs/known-issues.yaml:7: [1].signature: is missing: Part of the normalised failure message",
        'configs/known-issues.yaml:7: [1].until: expected a day such as 2027-01-31, found the text "soon"',
        'configs/known-issues.yaml:7: [1].signatur: unknown key; did you mean "signature"?',
        "configs/known-issues.yaml:8: [2]: expected a map of keys, found the number 5",
        "configs/known-issues.yaml:13: [3].until: 2027-02-30 is no day of the calendar",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: b\n", "configs/known-issues.yaml:1: expected a list of known issues, found a map"),
        ("a: b: c\n", "configs/known-issues.yaml:1: not valid YAML: mapping values are not allowed here (column 5)"),
    ],
)
def test_known_issues_that_are_no_list(given: Any, text: str, sentence: str) -> None:
    assert given(beside={"configs/known-issues.yaml": text}).problems() == [sentence]


@pytest.mark.parametrize("text", ["", "# none yet\n", "[]\n"])
def test_no_known_issues_is_no_mistake(given: Any, text: str) -> None:
    assert given(beside={"configs/known-issues.yaml": text}).load().environment.charter.known_issues == ()


def test_only_what_judges_is_frozen(files: Any) -> None:
    before = files.load().environment
    files["configs/e.yaml"] = files["configs/e.yaml"].replace("services/web", "elsewhere")
    fresh = files.load().environment
    assert fresh.services != before.services
    assert frozen_fingerprint(fresh) == frozen_fingerprint(before)
    assert frozen_changes(before.charter, fresh.charter) == ()


def test_a_change_of_what_judges_is_named_by_its_keys(files: Any) -> None:
    before = files.load().environment
    files["configs/e.yaml"] += (
        "  slow: {pytest: slow}\ngoal: {pass_rate: 50%}\ncapabilities: {A: ['*']}\nfix: {await: commit}\n"
    )
    files["configs/e.yaml"] = files["configs/e.yaml"].replace(
        "{pytest: tests}", "{pytest: tests, env: {A: '1'}, timeout: 1m}"
    )
    after = files.load().environment
    assert frozen_fingerprint(after) != frozen_fingerprint(before)
    changes = ("suites.smoke.env", "suites.smoke.timeout", "suites.slow", "capabilities.A", "goal.pass_rate", "fix")
    assert frozen_changes(before.charter, after.charter) == changes
    assert set(frozen_changes(after.charter, before.charter)) == set(changes)


def test_a_change_of_order_is_a_change(files: Any) -> None:
    files["configs/e.yaml"] += "  slow: {pytest: slow}\n"
    charter = files.load().environment.charter
    turned = replace(charter, suites=tuple(reversed(charter.suites)))
    assert frozen_changes(charter, turned) == ("suites",)


def test_a_maps_order_is_no_change(files: Any) -> None:
    text = files["configs/e.yaml"]
    files["configs/e.yaml"] = text.replace("{pytest: tests}", "{pytest: tests, env: {A: 1, B: 2}}")
    before = files.load().environment
    files["configs/e.yaml"] = text.replace("{pytest: tests}", "{pytest: tests, env: {B: 2, A: 1}}")
    assert frozen_fingerprint(files.load().environment) == frozen_fingerprint(before)


def test_what_was_merged_is_shown_in_the_references_order_with_secrets_as_text(given: Any) -> None:
    files = given("title: ${T}\nx-mine: 1\ndependencies: {d: {tcp: 'h:1', expect: null}}\n")
    files["configs/e.yaml"] = files["configs/e.yaml"].replace(
        "{pytest: tests}", "{pytest: tests, env: {S: '${secret:S}'}}"
    )
    merged = files.load(T="Title", S="correct-horse").merged
    assert list(merged) == ["environment", "title", "platform", "services", "dependencies", "suites"]
    assert merged["title"] == "Title"
    assert merged["suites"]["smoke"]["env"] == {"S": "${secret:S}"}


def test_each_file_is_read_once(given: Any) -> None:
    files = given("extends: b.yaml\n", {"configs/b.yaml": "", "configs/known-issues.yaml": ""})
    reads: list[str] = []

    def read(path: str) -> str | None:
        reads.append(path)
        return str(files[path])

    load("e", read=read, variables={})
    assert sorted(reads) == ["configs/b.yaml", "configs/e.yaml", "configs/known-issues.yaml"]
