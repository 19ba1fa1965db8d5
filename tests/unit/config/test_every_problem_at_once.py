"""Each mistake is one sentence with the file and line of the file that made it, and none hides another."""

from typing import Any

from pydantic import BaseModel

from loop.config.document import Located
from loop.config.problems import Place
from loop.config.validate import validate


def test_five_mistakes_in_two_files_are_five_sentences(files: Any) -> None:
    files["configs/base.yaml"] = """\
services:
  auth: {source: services/auth}
  backend:
    source: services/backend
    afterr: [auth]
limits:
  iterations: many
"""
    files["configs/staging.yaml"] = """\
extends: base.yaml
environment: stagging
platform:
  project: ${NO_SUCH_VARIABLE}
  region: us-central1
suites:
  p1:
    pytest: tests
    exercises: [frontend]
"""
    assert files.problems("staging") == [
        'configs/staging.yaml:2: environment: says "stagging", the file\'s name says "staging"',
        (
            "configs/staging.yaml:4: platform.project: the variable NO_SUCH_VARIABLE is not set; export it or write "
            "${NO_SUCH_VARIABLE:-default}; $${ is a plain ${"
        ),
        'configs/staging.yaml:9: suites.p1.exercises[0]: names the unknown service "frontend"',
        'configs/base.yaml:5: services.backend.afterr: unknown key; did you mean "after"?',
        'configs/base.yaml:7: limits.iterations: expected a whole number, found the text "many"',
    ]


def test_a_merged_value_is_blamed_on_the_file_that_won(files: Any) -> None:
    files["configs/base.yaml"] = "goal: {pass_rate: never}\nlimits: {iterations: never}\n"
    files["configs/e.yaml"] = "extends: base.yaml\n" + files["configs/e.yaml"] + "goal:\n  pass_rate: 101%\n"
    assert files.problems() == [
        "configs/e.yaml:9: goal.pass_rate: expected at most 100%, found 101%",
        'configs/base.yaml:2: limits.iterations: expected a whole number, found the text "never"',
    ]


def test_what_is_missing_is_named_where_it_should_stand(only: Any) -> None:
    assert only("environment: e\nplatform: {endpoint: emulator}\n").problems() == [
        "configs/e.yaml:1: services: is missing: What is built, deployed and tested, by the name that people use",
        "configs/e.yaml:1: suites: is missing: The tests; they run one at a time, by priority",
    ]


def test_wrong_types_say_what_was_expected_and_what_was_found(only: Any) -> None:
    text = """\
    title: 2026
    platform: [emulator]
    services:
      web:
        source: {folder: web}
        after: auth
        port: 70000
        access: nobody
        env: AUTH
        health: {consecutive: 0, within: soon, identity: revision}
    suites:
      smoke: tests
      slow: {pytest: tests, priority: 1.5, trace: maybe, minimum: true, gate: {}, timeout: -1}
    goal: 100%
    """
    assert only(text).problems() == [
        "configs/e.yaml:1: title: expected text, found the number 2026; put it in quotes",
        "configs/e.yaml:2: platform: expected a map of keys, found a list",
        "configs/e.yaml:5: services.web.source: expected text, found a map",
        'configs/e.yaml:6: services.web.after: expected a list, found the text "auth"; write ["auth"]',
        "configs/e.yaml:7: services.web.port: expected at most 65535, found the number 70000",
        'configs/e.yaml:8: services.web.access: expected keep, public or private, found the text "nobody"',
        'configs/e.yaml:9: services.web.env: expected a map of keys, found the text "AUTH"',
        "configs/e.yaml:10: services.web.health.consecutive: expected at least 1, found the number 0",
        (
            "configs/e.yaml:10: services.web.health.within: expected a duration above zero such as 90s, 20m or 1h30m, "
            'found the text "soon"'
        ),
        'configs/e.yaml:10: services.web.health.identity: expected a map of keys, found the text "revision"',
        'configs/e.yaml:12: suites.smoke: expected a map of keys, found the text "tests"',
        "configs/e.yaml:13: suites.slow.minimum: expected a whole number, found true",
        (
            "configs/e.yaml:13: suites.slow.timeout: expected a duration above zero such as 90s, 20m or 1h30m, "
            "found the number -1"
        ),
        "configs/e.yaml:13: suites.slow.priority: expected a whole number, found the number 1.5",
        "configs/e.yaml:13: suites.slow.gate.pass_rate: is missing: Least share of counted cases that must pass",
        'configs/e.yaml:13: suites.slow.trace: expected true or false, found the text "maybe"',
        'configs/e.yaml:14: goal: expected a map of keys, found the text "100%"',
    ]


def test_a_list_in_place_of_a_word_and_an_empty_value_are_named(only: Any) -> None:
    text = """\
    platform: {endpoint: emulator, bucket: " "}
    services: {web: {source: web, access: [public], after: [[auth], null]}}
    suites: {smoke: {pytest: [tests, 5], exercises: 7}}
    """
    assert only(text).problems() == [
        "configs/e.yaml:1: platform.bucket: expected text, found none",
        "configs/e.yaml:2: services.web.after[0]: expected text, found a list",
        "configs/e.yaml:2: services.web.after[1]: expected text, found nothing",
        "configs/e.yaml:2: services.web.access: expected keep, public or private, found a list",
        "configs/e.yaml:3: suites.smoke.pytest[1]: expected text, found the number 5; put it in quotes",
        "configs/e.yaml:3: suites.smoke.exercises: expected a list, found the number 7",
    ]


def test_an_unknown_key_far_from_every_known_one_gets_no_guess(given: Any) -> None:
    assert given("zebra: 1\n").problems() == ["configs/e.yaml:7: zebra: unknown key"]


def test_names_and_shapes(only: Any) -> None:
    text = """\
    platform: {endpoint: somewhere}
    services:
      my web: {source: ../web, health: well, service: Web}
      web: {source: /web, url: example.org, env: {A-B: c}, secrets: {KEY: jwt-secret}}
    dependencies:
      redis: {tcp: redis}
      api: {http: "redis:80"}
    suites:
      "p1::x": {pytest: tests}
    fix: {await: push}
    """
    assert [problem.split(": ", 1)[1] for problem in only(text).problems()] == [
        'platform.endpoint: expected google, emulator or host:port, found the text "somewhere"',
        'services.my web: a service\'s name takes letters, digits, - and _, found the text "my web"',
        (
            "services.my web.service: Cloud Run's name of a service takes at most 49 lower-case letters, digits and "
            'hyphens, a letter first, found the text "Web"'
        ),
        'services.my web.source: expected a path inside the repository, found the text "../web"',
        'services.my web.health.path: expected a path that starts with /, found the text "well"',
        'services.web.source: expected a path inside the repository, found the text "/web"',
        'services.web.env.A-B: expected the name of an environment variable, found the text "A-B"',
        'services.web.secrets.KEY: expected Secret Manager\'s "name:version", found the text "jwt-secret"',
        'services.web.url: expected an http:// or https:// address, found the text "example.org"',
        'dependencies.redis.tcp: expected host:port, found the text "redis"',
        'dependencies.api.http: expected an http:// or https:// address, found the text "redis:80"',
        'suites.p1::x: a suite\'s name takes letters, digits, -, _ and ., found the text "p1::x"',
        'fix.await: expected commit, found the text "push"',
    ]


def test_a_quotation_that_never_ends_is_named(only: Any) -> None:
    text = 'platform: {endpoint: emulator}\nservices: {web: {source: web}}\nsuites: {s: {pytest: "-k \'a b"}}\n'
    assert only(text).problems() == ["configs/e.yaml:3: suites.s.pytest: No closing quotation"]


def test_a_mistake_of_a_map_does_not_hide_those_within(only: Any) -> None:
    text = """\
    platform: {endpoint: emulator}
    services: {my web: {sauce: web}}
    suites: {s: {pytest: tests}}
    fix: {}
    fix: {comand: x}
    """
    assert [problem.removeprefix("configs/e.yaml:") for problem in only(text).problems()] == [
        "2: services.my web: needs source: (a folder to build), image: (what to deploy as it is) or existing: true",
        '2: services.my web: a service\'s name takes letters, digits, - and _, found the text "my web"',
        '2: services.my web.sauce: unknown key; did you mean "source"?',
        "4: fix: needs command: or await:",
        "5: fix: this key stands twice, first in line 4",
    ]


class Pair(BaseModel):
    left: float


def test_a_mistake_that_has_no_sentence_of_ours_keeps_pydantics() -> None:
    root = Located(value={"left": Located(value="x", place=Place("f", 3))}, place=Place("f", 1))
    model, problems = validate(Pair, root)
    assert model is None
    assert [str(problem) for problem in problems] == [
        "f:3: left: Input should be a valid number, unable to parse string as a number"
    ]
