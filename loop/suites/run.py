"""Runs one suite and says what it gave: cases as they finish, and at the end counts, exit status and problems.

Judges nothing: whether an iteration is valid or passed is said in loop.core.verdict.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from loop.core.environment import Suite
from loop.core.model import Case, Problem, ProblemKind
from loop.errors import Wait
from loop.guard import Child
from loop.suites.command_runner import run_command, set_up
from loop.suites.pytest_runner import run_pytest
from loop.suites.report import Finished, Order, not_started
from loop.suites.retries import run_with_retries


def run_suite(
    suite: Suite,
    *,
    root: Path,
    env: Mapping[str, str],
    scratch: Path,
    known: tuple[str, ...] | None,
    on_child: Callable[[Child], None],
    on_case: Callable[[Case], None],
    on_collected: Callable[[int], None],
    output: Callable[[str], None],
    redact: Callable[[str], str],
    wait: Wait,
    earlier: Callable[[str], str | None] = lambda _file: None,
    on_set_up: Callable[[], None] = lambda: None,
) -> Finished:
    """`env` is the children's whole environment, the suite's own `env:` included. See Order for the rest.

    `on_set_up` is called between the suite's `setup:`, where it has one, and its runner.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    order = Order(
        suite=suite,
        root=root,
        env=env,
        scratch=scratch,
        known=known,
        on_child=on_child,
        on_case=on_case,
        on_collected=on_collected,
        show=output,
        redact=redact,
        wait=wait,
        earlier=earlier,
    )
    if not order.workdir.is_dir():
        return not_started(order, "", no_workdir(suite))
    failed = set_up(order)
    if failed is not None:
        return failed
    if suite.setup is not None:
        on_set_up()
    if suite.pytest is None:
        return run_command(order)
    return run_with_retries(order) if suite.retry_failed else run_pytest(order)


def no_workdir(suite: Suite) -> Problem:
    sentence = f"Suite {suite.name}: its `workdir:` {suite.workdir} is no folder of the tested commit."
    return Problem(kind=ProblemKind.SETUP_FAILED, sentence=sentence)
