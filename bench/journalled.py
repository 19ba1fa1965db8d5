"""Iterations of a hundred thousand cases through loop's own functions, from the result file to the report.

What the engine does between them, and the stack under test, is left out: no deployment, no process of a runner.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.results_file import SECRETS
from bench.stack import checked
from loop import source
from loop.cloud import Platform
from loop.core.actions import JudgeIteration
from loop.core.environment import Capability, Charter, PlatformTarget, Suite
from loop.core.events import Event, IterationStarted, RunStarted, ServingChecked, SuiteFinished
from loop.core.fold import begin, evolve
from loop.core.model import PASSING, Case, Outcome, SuiteResult
from loop.core.state import RunState
from loop.journal import opened
from loop.journal.rows import Batch
from loop.perform.emit import Emit, Worker
from loop.perform.history import cases_of
from loop.perform.judge import judge
from loop.perform.setting import Mask, Setting
from loop.perform.suites import BATCH
from loop.reports.junit import junit
from loop.reports.render import render
from loop.reports.write import write_junit, write_report
from loop.suites.junit import read
from loop.suites.junit_fold import fold

SUITE = "orders"
CHARTER = Charter(
    name="bench",
    title="Bench",
    mission="",
    platform=PlatformTarget(project="p", region="r", repository="r", bucket="b", endpoint="emulator"),
    suites=(Suite(name=SUITE, command="make test", junit="junit.xml"),),
    capabilities=tuple(Capability(name=f"part {n}", patterns=(f"*part_{n:03}*",)) for n in range(10)),
)


class Turning:
    """One run whose iterations are judged from result files; goes on where another process left it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.journal = opened("sqlite:///journal.db", root)
        runs = self.journal.runs()
        started = RunStarted(environment="bench", number=1, uid="k7q2zd", charter=CHARTER, at=_now())
        self.run = runs[0] if runs else self.journal.start(started)
        self.state: RunState = self.journal.state(self.run) if runs else begin(started)
        self._seq = self.journal.count(self.run)
        self._setting = _setting(root)
        self.parts: dict[str, float] = {}
        """Seconds of the last iteration, by what took them."""

    def iterate(self, path: Path) -> None:
        """Read, redacted, folded, recorded, and judged against the iteration before."""
        number = len(self.state.iterations)
        self._tell(IterationStarted(iteration=number, commit=f"{number:040}", subject="s", services=()))
        began = time.perf_counter()
        counts = self._record(number, path)
        recorded = time.perf_counter()
        result = SuiteResult(command="make test", exit_status=1, seconds=60.0, expected=None, counts=counts)
        self._tell(SuiteFinished(iteration=number, suite=SUITE, attempt=1, result=result))
        self._tell(ServingChecked(iteration=number, suite=SUITE, serving={}))
        self._judge(number)
        self.parts = {"read and recorded": recorded - began, "judged and compared": time.perf_counter() - recorded}

    def _record(self, number: int, path: Path) -> dict[Outcome, int]:
        batch = Batch(iteration=number, suite=SUITE, attempt=1)
        document = read(path)
        cases = fold([document.raws], suite=SUITE, redact=self._setting.redact)
        while rows := list(islice(cases, BATCH)):
            self.journal.add_cases(self.run, batch, rows)
        return document.counts

    def report(self) -> None:
        """Markdown, HTML and JSON, written where `loop run` writes them."""
        number = len(self.state.iterations) - 1
        rows = cases_of(self.state.iterations[-1], self.journal, self.run)
        cases = {suite: [case for case in found if case.outcome not in PASSING] for suite, found in rows.items()}
        write_report(self.root / "reports", render(self.state, number, cases))

    def twin(self) -> None:
        """The JUnit file that stands beside the report."""
        number = len(self.state.iterations) - 1
        rows = cases_of(self.state.iterations[-1], self.journal, self.run)
        text = junit(self.state, number, rows)
        write_junit(self.root / "reports", self.state.environment, self.state.number, number, text)

    def _judge(self, number: int) -> None:
        action = JudgeIteration(iteration=number)
        emit = Emit(
            worker=Worker(action=action), journal=self.journal, run=self.run, observers=(), post=self._post,
            folded=lambda: self.state,
        )  # fmt: skip
        judge(action, self._setting, emit)

    def _post(self, event: Event, cases: Sequence[Case], batch: Batch | None, _worker: Worker) -> None:
        self._tell(event, cases, batch)

    def _tell(self, event: Event, cases: Sequence[Case] = (), batch: Batch | None = None) -> None:
        event = replace(event, at=_now())
        self.journal.append(self.run, self._seq, event, cases, batch)
        self._seq += 1
        self.state = evolve(self.state, event)


def _setting(root: Path) -> Setting:
    """Judging asks it for the clock, the redactor, and a repository: an empty one, for no commit is looked at."""
    checked(["git", "init", "-q"], root)
    redact = Mask()
    redact.learn(SECRETS)
    return Setting(repository=source.find(root), variables={}, redact=redact, platform=_no_platform, clock=_now)


def _no_platform() -> Platform:
    raise AssertionError("nothing is deployed here")


def _now() -> datetime:
    return datetime.now(UTC)
