"""`loop doctor`: composes what looks, and shows what it finds as it finds it."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from json import dumps
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from loop.cloud import Platform
    from loop.core.environment import PlatformTarget
    from loop.core.findings import Finding


def doctor(
    env: Annotated[
        str, typer.Option("--env", "-e", help="Environment: the name of a file in configs/, without .yaml.")
    ],
    json: Annotated[bool, typer.Option("--json", help="The findings as one JSON document on stdout.")] = False,
) -> None:
    """What a run needs, looked at before it starts; every fault with the command that mends it. Changes nothing.

    Exit code: 0 where nothing is to be fixed, else what a run would stop with for the first fault that is shown:
    1 a service does not answer or can not be built, or a hook is not there, 2 configuration or repository, 3 platform,
    4 a suite or a dependency, 5 fixer, 6 journal or lease.
    """
    from loop.core.findings import exit_code

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stopped)  # by an exception, so that children and scratch folder go
    with ExitStack() as stack:
        found = list(_told(_examined(env, stack), env, json=json))
    raise typer.Exit(exit_code(found))


def _stopped(_number: int, _frame: object) -> NoReturn:
    sys.exit(130)


def _examined(env: str, stack: ExitStack) -> "Iterator[Finding]":
    from loop.cli.here import JOURNAL, connector, known_environment, repository
    from loop.perform.doctor import examine
    from loop.perform.patient import Patient
    from loop.perform.setting import Mask
    from loop.source import state_folder

    repo = repository()
    known_environment(env, repo.root)

    def connect(target: "PlatformTarget") -> "Platform":
        state_folder(repo)  # before the emulator makes its own folder there: git is to ignore both
        return connector(target, repo, stack)()

    patient = Patient(
        environment=env,
        repository=repo,
        variables=dict(os.environ),
        redact=Mask(),
        connect=connect,
        journal=JOURNAL,
    )
    return examine(patient)


def _told(findings: "Iterator[Finding]", env: str, *, json: bool) -> "Iterator[Finding]":
    """Shows each finding while it passes."""
    from loop.console import diagnosis

    if json:
        found = list(findings)
        sys.stdout.write(dumps(diagnosis.as_json(found, env), indent=2, ensure_ascii=False) + "\n")
        yield from found
        return
    passed: list[Finding] = []

    def passing() -> "Iterator[Finding]":
        for finding in findings:
            passed.append(finding)
            yield finding

    for line in diagnosis.diagnosis(passing(), env, width=shutil.get_terminal_size().columns, colour=_coloured()):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    yield from passed


def _coloured() -> bool:
    """https://no-color.org"""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
