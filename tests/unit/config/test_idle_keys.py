"""A key that is accepted and does nothing yet is named in a warning, at its line: silence would be a promise."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ("platform: {endpoint: emulator, impersonate: x@y}", "platform.impersonate: is for Google; an emulator has"),
        ("suites: {s: {command: c, junit: j, retry_failed: 2}}", "suites.s.retry_failed: works with pytest: only"),
        ("suites: {s: {command: c, junit: j, python: p}}", "suites.s.python: belongs to pytest:"),
    ],
)
def test_a_key_that_does_nothing_is_warned_of(only: Any, more: str, warned: str) -> None:
    (warning,) = only(_environment(more)).load().warnings
    assert warning.startswith(f"configs/e.yaml:{_environment(more).splitlines().index(more) + 1}: {warned}")


@pytest.mark.parametrize(
    "more",
    [
        "hooks: {}",
        "hooks: {before_deploy: ./m.sh, on_end: {command: ./m.sh, timeout: 1m}}",
        "services: {w: {source: w, access: keep}}",
        "services: {w: {source: w, access: public}}",
        "suites: {s: {pytest: t, retry_failed: 2, python: p, trace: false}}",
        "suites: {s: {command: c, junit: j, retry_failed: 0, trace: true}}",
    ],
)
def test_a_key_that_acts_is_not(only: Any, more: str) -> None:
    assert only(_environment(more)).load().warnings == ()


def _environment(more: str) -> str:
    rest = {
        "platform": "platform: {endpoint: emulator}",
        "services": "services: {web: {source: web}}",
        "suites": "suites: {smoke: {pytest: tests}}",
    }
    rest.pop(more.partition(":")[0], None)
    return "\n".join(["environment: e", *rest.values(), more, ""])
