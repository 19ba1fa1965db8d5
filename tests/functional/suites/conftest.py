"""Runs suites for real: pytest and shell commands as child processes, in a folder of the test's own."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loop.core.environment import Suite
from loop.core.model import Case, Outcome, ProblemKind, SuiteResult
from loop.guard import Child
from loop.suites.run import run_suite

XDIST = ("-p", "xdist.plugin")


@dataclass
class Ran:
    """One run of a suite, as its caller saw it."""

    cases: list[Case] = field(default_factory=list)
    collected: list[int] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    raw: tuple[Path, ...] = ()
    result: SuiteResult = field(default_factory=lambda: SuiteResult(command="", exit_status=0, seconds=0, expected=0))

    @property
    def outcomes(self) -> dict[str, Outcome]:
        return {case.id.partition("::")[2]: case.outcome for case in self.cases}

    @property
    def kinds(self) -> list[ProblemKind]:
        return [problem.kind for problem in self.result.problems]

    def case(self, ending: str) -> Case:
        (found,) = (case for case in self.cases if case.id.endswith(ending))
        return found


@dataclass
class Project:
    """A root with test files in it."""

    root: Path
    scratch: Path
    env: dict[str, str]

    def write(self, **files: str) -> None:
        for name, text in files.items():
            self.file(f"{name}.py", text)

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def pytest(self, *arguments: str, **more: object) -> Ran:
        more = {"python": sys.executable, **more}
        plugins = XDIST if "-n" in arguments else ()
        return self.run(Suite(name="s", pytest=(*plugins, *arguments), **_suite(more)), **_run(more))

    def command(self, command: str, junit: str = "results/*.xml", **more: object) -> Ran:
        return self.run(Suite(name="s", command=command, junit=junit, **_suite(more)), **_run(more))

    def run(
        self,
        suite: Suite,
        known: tuple[str, ...] | None = None,
        redact: Callable[[str], str] = str,
        on_case: Callable[[Case], None] = lambda _: None,
        wait: Callable[[float], None] = lambda _: None,
    ) -> Ran:
        ran = Ran()

        def take(case: Case) -> None:
            ran.cases.append(case)
            on_case(case)

        finished = run_suite(
            suite,
            root=self.root,
            env=self.env | suite.env,
            scratch=self.scratch,
            known=known,
            on_child=ran.children.append,
            on_case=take,
            on_collected=ran.collected.append,
            output=ran.shown.append,
            redact=redact,
            wait=wait,
        )
        ran.result, ran.raw = finished.result, finished.raw
        return ran


_OF_RUN = ("known", "redact", "on_case", "wait")


def _suite(more: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in more.items() if key not in _OF_RUN}


def _run(more: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in more.items() if key in _OF_RUN}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "root"
    root.mkdir()
    (root / "pytest.ini").write_text("[pytest]\n")  # the settings of this repository must not leak in
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "LOOP", "COV"))}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # loading what is installed here takes a second each time
    return Project(root=root, scratch=tmp_path / "scratch", env=env)
