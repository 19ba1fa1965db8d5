"""Hooks as text or as a map, and dependencies that are databases."""

from typing import Any

import pytest

from loop import config
from loop.core.environment import Hook


def test_a_hook_is_a_text_or_a_map_with_its_time(given: Any) -> None:
    files = given("hooks: {before_deploy: ./m.sh, on_end: {command: ./p.sh, timeout: 90s}}\n")
    hooks = files.load().environment.charter.hooks
    commands = {hook: hooks.command(hook) for hook in Hook if hooks.command(hook)}
    assert commands == {Hook.BEFORE_DEPLOY: "./m.sh", Hook.ON_END: "./p.sh"}
    assert (hooks.timeout(Hook.BEFORE_DEPLOY), hooks.timeout(Hook.ON_END)) == (600, 90)


def test_a_time_alone_merges_into_the_hook_of_the_extended_file(given: Any) -> None:
    beside = {"configs/base.yaml": "hooks: {on_end: x}\n"}
    hooks = given("extends: base.yaml\nhooks: {on_end: {timeout: 1m}}\n", beside).load().environment.charter.hooks
    assert (hooks.on_end, hooks.timeout(Hook.ON_END)) == ("x", 60)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("hooks: {before_deploys: x}", 'hooks.before_deploys: unknown key; did you mean "before_deploy"?'),
        ("hooks: {on_end: {timeout: 1m}}", "hooks.on_end.command: is missing"),
        ("hooks: {on_end: [x]}", "hooks.on_end: expected a map of keys, found a list"),
        ("hooks: {on_end: 'curl ${LOOP_URL_WEB}'}", "write $LOOP_URL_WEB: the shell fills it in when the command runs"),
        ("hooks: {on_end: {command: 'x ${LOOP_TOKEN_WEB}'}}", "write $LOOP_TOKEN_WEB: the shell fills it in"),
        ("hooks: {on_end: 'curl ${LOST_URL}'}", "the variable LOST_URL is not set; export it"),
        ("hooks: {on_end: '${secret:TOKEN}'}", "the secret TOKEN can not stand here"),
        ("dependencies: {d: {postgres: mysql://h/d}}", "dependencies.d.postgres: expected a postgresql:// address"),
        ("dependencies: {d: {redis: 'h:6379'}}", "dependencies.d.redis: expected a redis:// or rediss:// address"),
        ("dependencies: {d: {redis: redis://h, postgres: postgresql://h}}", "takes postgres: or redis:, not both"),
        ("dependencies: {d: {redis: redis://h, expect: {a: b}}}", "needs http:; a redis: probe reads no keys"),
    ],
)
def test_what_is_wrong_with_one_is_a_sentence(given: Any, more: str, problem: str) -> None:
    (said,) = given(f"{more}\n").problems(TOKEN="long enough for a secret")
    assert problem in said


def test_a_secret_within_an_address_is_percent_encoded_and_one_that_is_all_of_it_is_not() -> None:
    secrets = {"P": "a@b/c:d%"}

    def revealed(address: str) -> str:
        return config.reveal(address, secrets=secrets, urls={}, encode=config.encoded_in(address))

    assert revealed("redis://:${secret:P}@h/1") == "redis://:a%40b%2Fc%3Ad%25@h/1"
    assert revealed("${secret:P}") == "a@b/c:d%"
