"""What an error advises fits the command that met it."""

import sys

import pytest

from loop import cli
from loop.errors import FixerMissing, LoopError, Unavailable


@pytest.mark.parametrize(
    ("command", "error", "hint"),
    [
        ("init", Unavailable("x", hint="loop resume"), "try again"),
        ("logs", Unavailable("x", hint="wait, then: loop resume"), "wait, then try again"),
        ("plan", Unavailable("x", hint="commit it, then: loop run", anew=True), "commit it, then try again"),
        ("plan", Unavailable("x", hint="gcloud auth login"), "gcloud auth login"),
        ("run", Unavailable("x", hint="loop resume"), "loop resume"),
        ("promote", Unavailable("x", hint="see why, then: loop resume"), "see why, then: loop resume"),
        ("report", FixerMissing("x", hint="loop resume"), "loop resume"),
    ],
)
def test_resuming_is_advised_where_a_run_is_under_way_alone(
    monkeypatch: pytest.MonkeyPatch, command: str, error: LoopError, hint: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["loop", command, "--env", "e"])
    assert cli._shown(error) == f"error: x\nhint: {hint}\n"
