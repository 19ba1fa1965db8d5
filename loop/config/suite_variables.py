"""Names in a suite's `env:` that are loop's to set: whoever overrides one tests something else than the report says."""

from collections.abc import Iterator

from loop.config.document import Located
from loop.config.problems import Path, Problem

FAMILIES = ("LOOP_URL_", "LOOP_TOKEN_")
"""With a service's name behind it; also of a service that is not declared, which may be one tomorrow."""
SUITES = frozenset(
    {"LOOP_RUN", "LOOP_ITERATION", "LOOP_TRACE_SEED", "LOOP_TRACE", "LOOP_TRACEPARENT", "LOOP_RECORD", "LOOP_ONLY"}
)
HOOKS = frozenset({"LOOP_HOOK", "LOOP_REPORT", "LOOP_ENDING", "LOOP_VERDICT", "LOOP_EXIT_CODE"})


def given_by_loop(name: str) -> bool:
    return name.startswith(FAMILIES) or name in SUITES | HOOKS


def suite_variables(suite: Located, path: Path) -> Iterator[Problem]:
    declared = suite.keys.get("env")
    for name, value in declared.keys.items() if declared else ():
        if given_by_loop(name):
            sentence = "is set by loop itself, so that a suite tests what the report says it tested; take another name"
            yield Problem(value.place, (*path, "env", name), sentence)
