"""What a run takes over from the shell, and what is said where earlier runs had other suites."""

import pytest

from loop.perform.history import suites_differ
from loop.perform.setting import inherited

COUNTED = ("smoke::a", "smoke::b", "more::c")


NONE = "No baseline: the suites differ from local-1's ({}); what its {} covered is not held against this run."
PART = "Baseline in part: the suites differ from local-1's ({}); only its cases of {} are held against this run{}."


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (("smoke",), ("smoke",), ""),
        (("smoke", "more"), ("quick",), NONE.format("without more, smoke, new: quick", "3 cases")),
        (("smoke", "more"), ("smoke",), PART.format("without more", "smoke", ", not the 1 case of more")),
        (("smoke", "more"), ("new", "smoke", "more"), PART.format("new: new", "more, smoke", "")),
    ],
    ids=["the same", "renamed", "removed", "added"],
)
def test_suites_that_differ_are_named_with_what_they_covered(
    then: tuple[str, ...], now: tuple[str, ...], said: str
) -> None:
    assert suites_differ("local-1", then, now, COUNTED) == said


def test_what_steers_the_recorder_or_pytest_is_not_inherited() -> None:
    shell = {name: "x" for name in ("PATH", "LOOP_EMULATOR_CACHE", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "LOOPS")}
    steering = dict.fromkeys(("LOOP_ONLY", "LOOP_TRACE", "LOOP_URL_A", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"), "x")
    assert inherited(shell | steering) == shell
