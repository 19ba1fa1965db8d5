"""How many cases a suite would have, without running any: what `loop doctor` asks before a run spends time on it."""

import re
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loop import children
from loop.core.environment import Suite
from loop.core.model import Problem, ProblemKind
from loop.suites.command_runner import listed
from loop.suites.pytest_runner import run_pytest
from loop.suites.report import Order, not_started
from loop.suites.run import no_workdir

WITHIN = 120.0
"""Seconds that collecting may take."""

_PLAIN = re.compile(r"[\w./+-]+")
"""A word that the shell takes as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    count: int | None
    """None where it can not be known before the suite has run."""
    problem: Problem | None = None
    versions: Mapping[str, str] | None = None


def collect(
    suite: Suite, *, root: Path, env: Mapping[str, str], scratch: Path, redact: Callable[[str], str]
) -> Collected:
    """In the tree below `root`, with the whole environment `env`; `setup:` is not run, for it may change things."""
    order = _order(replace(suite, timeout=min(suite.timeout, WITHIN), retry_failed=0), root, env, scratch, redact)
    if not order.workdir.is_dir():
        return Collected(count=None, problem=no_workdir(suite))
    return _by_command(order) if suite.pytest is None else _by_pytest(order)


def missing_program(command: str, *, cwd: Path, env: Mapping[str, str], scratch: Path) -> str:
    """The program that a shell command begins with, where the shell finds none of that name; else ""."""
    word = next((word for word in _words(command) if "=" not in word), "")
    if not _PLAIN.fullmatch(word):
        return ""  # an expansion, a subshell: only the shell itself could say
    output = children.Output(scratch / "program.log", str, lambda _line: None)
    ended = children.run(
        ["sh", "-c", 'command -v -- "$0"', word], cwd=cwd, env=env, output=output, timeout=10.0, wait=time.sleep,
        on_child=lambda _child: None,
    )  # fmt: skip
    return word if ended.status else ""


def _by_pytest(order: Order) -> Collected:
    arguments = (*(order.suite.pytest or ()), "--collect-only")
    result = run_pytest(replace(order, suite=replace(order.suite, pytest=arguments))).result
    problems = result.problems
    if result.exit_status == 0 and result.expected:  # that no case began is what was asked for
        problems = tuple(p for p in problems if p.kind is ProblemKind.FEWER_THAN_EXPECTED)
    return Collected(count=result.expected, problem=next(iter(problems), None), versions=result.versions)


def _by_command(order: Order) -> Collected:
    command = order.suite.command or ""
    absent = missing_program(command, cwd=order.workdir, env=order.env, scratch=order.scratch)
    if absent:
        return Collected(count=None, problem=_absent(order.suite.name, absent))
    names, broken = listed(order)
    if broken is not None:
        return Collected(count=None, problem=not_started(order, command, broken).result.problems[0])
    if names == []:
        return Collected(count=0, problem=_none_listed(order.suite.name))
    return Collected(count=None if names is None else len(names))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _order(suite: Suite, root: Path, env: Mapping[str, str], scratch: Path, redact: Callable[[str], str]) -> Order:
    return Order(
        suite=suite,
        root=root,
        env=env,
        scratch=scratch,
        known=None,
        on_child=lambda _child: None,
        on_case=lambda _case: None,
        on_collected=lambda _count: None,
        show=lambda _line: None,
        redact=redact,
        wait=time.sleep,
    )


def _absent(name: str, program: str) -> Problem:
    sentence = f"Suite {name}: the shell finds no program {program}."
    return Problem(kind=ProblemKind.RUNNER_MISSING, sentence=sentence)


def _none_listed(name: str) -> Problem:
    return Problem(kind=ProblemKind.COLLECTED_NOTHING, sentence=f"Suite {name}: its `list:` command names no case.")
