"""What one key says about another, each as a sentence at the line that has to change."""

from typing import Any

import pytest

HEAD = "platform: {endpoint: emulator}\n"
SUITES = "suites: {smoke: {pytest: tests}}\n"
SERVICES = "services: {web: {source: web}}\n"


def said(only: Any, text: str) -> list[str]:
    return [problem.removeprefix("configs/e.yaml:") for problem in only(text).problems()]


@pytest.mark.parametrize(
    ("services", "sentences"),
    [
        (
            "a: {source: a, after: [bb]}\n  b: {source: b}",
            [('3: services.a.after[0]: names the unknown service "bb"; did you mean "b"?')],
        ),
        (
            "a: {image: i, after: [a]}",
            ["3: services.a.after: goes in a circle: a -> a; none of them could be deployed first"],
        ),
        (
            (
                "a: {image: i, after: [c]}\n  b: {image: i, after: [a]}\n"
                "  c: {image: i, after: [b]}\n  d: {image: i, after: [a]}"
            ),
            ["3: services.a.after: goes in a circle: a -> c -> b -> a; none of them could be deployed first"],
        ),
        (
            (
                "a: {image: i, after: [b]}\n  b: {image: i, after: [a]}\n"
                "  c: {image: i, after: [d]}\n  d: {image: i, after: [c]}"
            ),
            [
                "3: services.a.after: goes in a circle: a -> b -> a; none of them could be deployed first",
                "5: services.c.after: goes in a circle: c -> d -> c; none of them could be deployed first",
            ],
        ),
        (
            "a: {}",
            ["3: services.a: needs source: (a folder to build), image: (what to deploy as it is) or existing: true"],
        ),
        ("a: {source: a, build: image}", ["3: services.a.build: build: image needs image:"]),
        ("a: {image: i, build: dockerfile}", ["3: services.a.build: build: dockerfile needs source:"]),
        ("a: {image: i, source: a}", ["3: services.a.image: stands beside source:; give one, or build: image"]),
        (
            "a: {image: i, health: {proof: answered}}",
            ["3: services.a.health.proof: answered needs identity:, where the answer names its revision"],
        ),
        ("a: {image: i, health: {identity: {}}}", ["3: services.a.health.identity: needs header: or json:"]),
        (
            "a: {image: i, health: {identity: {json: a, header: b}}}",
            ["3: services.a.health.identity: takes header: or json:, not both"],
        ),
        (
            "a: {image: i, env: {PORT: 1}, secrets: {K_REVISION: 'a:1'}}",
            [
                "3: services.a.env.PORT: is set by Cloud Run itself; use another name, or port:",
                "3: services.a.secrets.K_REVISION: is set by Cloud Run itself; use another name, or port:",
            ],
        ),
        ("a: {image: i, env: {A: 1}, secrets: {A: 'a:1'}}", ["3: services.a.secrets.A: stands in env: too"]),
        (
            "a-b: {image: i}\n  a_b: {image: i, service: other}",
            ['4: services.a_b: and "a-b" would both be LOOP_URL_A_B for the suites'],
        ),
        ("a: {image: i}\n  b: {image: i, service: a}", ['4: services.b: and "a" are both "a" on Cloud Run']),
        (
            "A_b: {image: i}",
            [
                (
                    "3: services.A_b: is no name for Cloud Run (at most 49 lower-case letters, digits and hyphens); "
                    "give service: too"
                )
            ],
        ),
        (
            f"{'a' * 50}: {{image: i}}",
            [
                (
                    f"3: services.{'a' * 50}: is no name for Cloud Run "
                    "(at most 49 lower-case letters, digits and hyphens); "
                    "give service: too"
                )
            ],
        ),
    ],
)
def test_services(only: Any, services: str, sentences: list[str]) -> None:
    assert said(only, HEAD + "services:\n  " + services + "\n" + SUITES) == sentences


@pytest.mark.parametrize(
    "service",
    [
        "{source: a, image: i, build: image}",
        "{image: i}",
        "{source: a, build: dockerfile}",
        "{image: i, service: " + "a" * 49 + "}",
        "{image: i, health: {proof: answered, identity: {header: X}}}",
        "{image: i, health: {proof: routed, identity: {json: x}}}",
    ],
)
def test_services_without_a_mistake(only: Any, service: str) -> None:
    only(HEAD + f"services: {{a: {service}}}\n" + SUITES).load()


@pytest.mark.parametrize(
    ("suite", "sentences"),
    [
        ("{}", ["3: suites.s: needs pytest: or command:"]),
        (
            "{pytest: a, command: b, junit: c}",
            [
                "3: suites.s: takes pytest: or command:, not both",
                "3: suites.s.junit: belongs to command:; pytest tells its own results",
            ],
        ),
        ("{command: b}", ["3: suites.s.command: needs junit:, the glob of the result files that the command writes"]),
        ("{pytest: a, list: b}", ["3: suites.s.list: belongs to command:; pytest tells its own results"]),
        (
            "{pytest: a, exercises: [wep]}",
            ['3: suites.s.exercises[0]: names the unknown service "wep"; did you mean "web"?'],
        ),
    ],
)
def test_suites(only: Any, suite: str, sentences: list[str]) -> None:
    assert said(only, HEAD + SERVICES + f"suites: {{s: {suite}}}\n") == sentences


@pytest.mark.parametrize(
    "name",
    [
        "LOOP_URL_WEB", "LOOP_URL_ELSEWHERE", "LOOP_TOKEN_WEB", "LOOP_TOKEN_URL", "LOOP_RUN", "LOOP_ITERATION",
        "LOOP_TRACE_SEED", "LOOP_TRACE", "LOOP_ONLY", "LOOP_RECORD", "LOOP_VERDICT",
    ],
)  # fmt: skip
def test_a_suite_can_not_set_what_loop_gives_it(only: Any, name: str) -> None:
    text = HEAD + SERVICES + f"suites:\n  s:\n    pytest: tests\n    env:\n      {name}: '${{services.web.url}}'\n"
    (sentence,) = said(only, text)
    assert sentence.startswith(f"7: suites.s.env.{name}: is set by loop itself")


@pytest.mark.parametrize("name", ["LOOP_EMULATOR_CACHE", "LOOP_COLOUR", "LOOPS", "URL_WEB"])
def test_a_suite_may_set_every_other_name(only: Any, name: str) -> None:
    text = HEAD + SERVICES + f"suites: {{s: {{pytest: tests, env: {{{name}: x}}}}}}\n"
    assert only(text).load().environment.charter.suites[0].env == {name: "x"}


@pytest.mark.parametrize(
    ("more", "sentences"),
    [
        (
            "dependencies: {d: {tcp: 'h:99999'}}",
            ["4: dependencies.d.tcp: expected a port from 1 to 65535, found 99999"],
        ),
        ("dependencies: {d: {tcp: 'h:0'}}", ["4: dependencies.d.tcp: expected a port from 1 to 65535, found 0"]),
        ("dependencies: {d: {}}", ["4: dependencies.d: needs http:, tcp:, postgres: or redis:"]),
        (
            "dependencies:\n  d:\n    tcp: 'a:1'\n    http: http://a",
            ["7: dependencies.d: takes http: or tcp:, not both"],
        ),
        (
            "dependencies: {d: {tcp: 'a:1', expect: {a: b}}}",
            ["4: dependencies.d.expect: needs http:; a tcp: probe reads no keys of an answer"],
        ),
        ("targets: {t: {below: 1}}", ["4: targets.t: needs requests: or property:"]),
        (
            "targets: {t: {property: p, unit: MB, below: 1s}}",
            ["4: targets.t.below: expected a number in MB, found a duration"],
        ),
        (
            "targets: {p99_login: {property: p, below: 1, percentile: 95}}",
            ["4: targets.p99_login.percentile: says 95, the target's name says p99"],
        ),
        (
            "targets: {t p99: {property: p, below: 1, percentile: 95}}",
            ["4: targets.t p99.percentile: says 95, the target's name says p99"],
        ),
        ("fix: {}", ["4: fix: needs command: or await:"]),
        ("fix: {command: a, await: commit}", ["4: fix: takes command: or await:, not both"]),
        ("environment: f", ['4: environment: says "f", the file\'s name says "e"']),
    ],
)
def test_the_rest(only: Any, more: str, sentences: list[str]) -> None:
    assert said(only, HEAD + SERVICES + SUITES + more + "\n") == sentences


def test_two_choices_from_two_files_say_how_to_drop_the_inherited_one(only: Any) -> None:
    files = only("extends: b.yaml\n" + HEAD + SERVICES + SUITES + "fix:\n  await: commit\n")
    files["configs/b.yaml"] = "\n" * 20 + "fix: {command: ./fix}\n"
    assert files.problems() == [
        "configs/e.yaml:6: fix: takes command: or await:, not both; null removes what configs/b.yaml says"
    ]


def test_no_services_and_no_suites(only: Any) -> None:
    assert said(only, HEAD + "services: {}\nsuites: {}\n") == [
        "2: services: names none; at least one is needed",
        "3: suites: names none; at least one is needed",
    ]


def test_google_needs_a_project_and_a_region(only: Any) -> None:
    assert said(only, "platform:\n  bucket: b\n" + SERVICES + SUITES) == [
        "1: platform.project: is missing; only an emulator does without it",
        "1: platform.region: is missing; only an emulator does without it",
    ]


@pytest.mark.parametrize("version", ["latest", "blue"])
def test_a_secret_whose_version_can_move_is_a_warning(only: Any, version: str) -> None:
    text = HEAD + f"services: {{a: {{image: i@sha256:1, secrets: {{K: 'jwt:{version}', L: 'jwt:3'}}}}}}\n" + SUITES
    assert only(text).load().warnings == (
        (
            f"configs/e.yaml:2: services.a.secrets.K: jwt:{version} is not pinned: "
            "what it means can change between two iterations"
        ),
    )


def test_a_wrong_type_does_not_hide_an_unknown_name(only: Any) -> None:
    text = (
        HEAD + "services:\n  a: {source: [a], after: [nobody]}\n  b: 5\n  c: {image: i, after: b, health: 5}\n" + SUITES
    )
    assert said(only, text) == [
        '3: services.a.after[0]: names the unknown service "nobody"',
        "3: services.a.source: expected text, found a list",
        "4: services.b: expected a map of keys, found the number 5",
        '5: services.c.after: expected a list, found the text "b"; write ["b"]',
        "5: services.c.health: expected a map of keys, found the number 5",
    ]
