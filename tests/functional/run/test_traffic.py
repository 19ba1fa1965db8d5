"""Who takes traffic: candidates, promotion and restoration as one unit, roll back. Each through the real command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

CANDIDATE = "traffic: {strategy: candidate}\n"
UNCONFIRMED = "import os\n{cases}\n\ndef test_holds_when_confirmed():\n    assert {condition}\n"


def with_traffic(stack: Any, text: str) -> None:
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + text)


def served(stack: Any) -> dict[str, list[tuple[str, int]]]:
    """Service -> its split, asked with Google's client while the emulator is up for a `loop plan`."""
    plan = stack.loop("plan", "--env", "local")
    assert plan.returncode == 0, plan.stderr
    return plan.stdout


def green(stack: Any) -> None:
    """A first run that leaves both services serving, deployed directly."""
    stack.without_fixer()
    stack.write("services/a/answer.txt", "right\n")
    stack.commit("All green")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_passed_candidate_is_promoted_and_confirmed(stack: Any) -> None:
    green(stack)
    with_traffic(stack, CANDIDATE)
    stack.write("services/a/extra.txt", "new\n")
    stack.write("services/b/extra.txt", "new\n")
    stack.commit("Both change")
    run = stack.loop("run", "--env", "local")
    print(run.stdout, run.stderr)
    assert run.returncode == 0
    print(stack.report(2, 0))
    print(stack.report(2, 1))
