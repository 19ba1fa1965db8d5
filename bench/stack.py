"""Tiny stacks in repositories of their own, and the real command line turned on them while their emulator runs.

Everything lies below one folder that the caller removes; `open_stack` stops what it started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from loop import emulator
from loop.core.events import ActionStarted, Event, RevisionReady
from loop.core.state import RunState
from loop.journal import Journal, Run, opened

ENVIRONMENT = "bench"
STATE = ".loop/emulator"
TIMEOUT = 300.0
"""Seconds for one command; then the bench fails."""
LINGER = 20.0
"""Seconds that an emulator without a client has to be gone."""

FOREIGN = ("GIT_", "LOOP_", "PYTEST_", "PYTHON")

SERVICE = "  {name}: {{source: services/{name}, after: [{after}], health: /, env: {{TURN: '{turn}'}}}}\n"
CONFIG = """environment: {environment}
platform: {{endpoint: emulator, state: {state}}}
services:
{services}suites:
  cases: {{pytest: tests, python: {python}}}
"""


class BenchFailed(Exception):
    """What was to be measured did not happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    root: Path
    services: tuple[str, ...]
    after: Mapping[str, str]
    """Service -> the one that it waits for."""

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def configure(self, *, turn: int) -> None:
        """A commit with another `turn` asks for new revisions of unchanged sources: their images are there."""
        services = "".join(
            SERVICE.format(name=name, after=self.after.get(name, ""), turn=turn) for name in self.services
        )
        text = CONFIG.format(environment=ENVIRONMENT, state=STATE, services=services, python=sys.executable)
        self.write(f"configs/{ENVIRONMENT}.yaml", text)
        self.commit(f"Turn {turn}")

    def commit(self, message: str) -> None:
        checked(["git", "add", "-A"], self.root)
        checked(["git", "commit", "-q", "--allow-empty", "-m", message], self.root)

    @property
    def venvs(self) -> Path:
        """Virtual environments of the emulator's builds; nobody else's, so that none is there yet."""
        return self.root / STATE / "venvs"

    @property
    def loop_run(self) -> list[str]:
        return [sys.executable, "-m", "loop", "run", "--env", ENVIRONMENT]

    def turn(self) -> "Turned":
        """`loop run` once; it has to end well."""
        at, began = datetime.now(UTC), time.perf_counter()
        checked(self.loop_run, self.root)
        return Turned.read(self.root, at, time.perf_counter() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """What one `loop run` did, from its journal, and the seconds that the command took."""

    began: datetime
    seconds: float
    events: tuple[Event, ...]
    state: RunState

    @classmethod
    def read(cls, root: Path, began: datetime, seconds: float) -> "Turned":
        journal = opened("sqlite:///.loop/journal.db", root)
        try:
            run = _newest(journal)
            return cls(began=began, seconds=seconds, events=journal.events(run), state=journal.state(run))
        finally:
            journal.close()

    @property
    def served(self) -> datetime:
        """When the last service was proven to serve, by the journal's clock, which is the machine's."""
        return max(event.at for event in self.of_type(RevisionReady))

    @property
    def serving(self) -> float:
        """Seconds from the start of the command's process until then."""
        return (self.served - self.began).total_seconds()

    def started(self, action: str) -> list[ActionStarted]:
        return [event for event in self.events if isinstance(event, ActionStarted) and event.action == action]

    def of_type(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]


def _newest(journal: Journal) -> Run:
    return journal.runs(ENVIRONMENT)[-1]


@contextlib.contextmanager
def open_stack(
    root: Path,
    services: Mapping[str, str],
    cases: Mapping[str, str],
    *,
    after: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """A stack (service -> Procfile, test file -> text) that a first run has deployed, its emulator kept by us.

    `files` are further ones, by their path in the repository.
    """
    stack = Stack(root=root, services=tuple(services), after=after or {})
    for name, procfile in services.items():
        stack.write(f"services/{name}/Procfile", procfile)
    for name, text in cases.items():
        stack.write(f"tests/{name}", text)
    for name, text in (files or {}).items():
        stack.write(name, text)
    stack.write(".gitignore", ".loop/\n__pycache__/\n.pytest_cache/\n")
    checked(["git", "init", "-q", "-b", "main"], root)
    stack.configure(turn=0)
    attached = emulator.attach(root / STATE, cache=stack.venvs)
    try:
        stack.turn()
        yield stack
    finally:
        attached.close()
        _gone(attached.endpoints.pid)


def checked(command: Sequence[str], folder: Path) -> None:
    """Run to its end with the output aside; BenchFailed with its last lines where it ends badly."""
    told = " ".join(command)[:200]
    with tempfile.TemporaryFile() as log:
        try:
            run = subprocess.run(
                command, cwd=folder, env=surroundings(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                timeout=TIMEOUT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise BenchFailed(f"{told} did not end within {TIMEOUT:g} s") from error
        if run.returncode:
            log.seek(0)
            raise BenchFailed(f"{told} ended with {run.returncode}:\n{_last(log.read())}")


def surroundings() -> dict[str, str]:
    """The environment of every command: nobody's settings of git, pytest or Python, no loop around this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) or name == "PYTHONPATH"}
    who = {f"GIT_{role}_{part}": "bench" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    return {**kept, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def _last(output: bytes) -> str:
    return "\n".join(output.decode(errors="replace").splitlines()[-20:])


def _gone(pid: int) -> None:
    """Its services stop with it; a folder that is still written to could not be removed."""
    until = time.monotonic() + LINGER
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            raise BenchFailed(f"the emulator (process {pid}) did not end within {LINGER:g} s of its last client")
        time.sleep(0.02)
