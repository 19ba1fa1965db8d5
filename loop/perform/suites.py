"""Against the deployed stack: run a suite."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from loop import guard
from loop.core.actions import RunSuite
from loop.core.environment import Suite
from loop.core.events import ChildStarted, SuiteFinished
from loop.core.model import PASSING, UNCOUNTED, Case, Evidence, Failing, Outcome
from loop.core.signatures import signature
from loop.core.state import IterationState, RunState
from loop.errors import JournalError
from loop.journal.rows import Batch
from loop.perform import history, identity
from loop.perform.emit import Emit
from loop.perform.evidence import ran_file, write_ran
from loop.perform.setting import Setting
from loop.perform.tracked import tracked_files
from loop.reports.write import evidence_folder, write_evidence
from loop.suites.excerpts import storable
from loop.suites.run import run_suite

BATCH = 500
"""Rows."""
BATCH_AGE = 0.25
"""Seconds."""
SHOWN = 200
"""Failing cases that SuiteFinished names; all of them stand in the rows."""
_SIGNED = frozenset({Outcome.FAILED, Outcome.ERROR})


def run(action: RunSuite, setting: Setting, emit: Emit) -> None:
    state = emit.state
    it = state.iteration(action.iteration)
    suite = _revealed(next(s for s in state.suites if s.name == action.suite), it, setting)
    ended("RunSuite", it.number, suite.name, emit)
    batch = Batch(iteration=it.number, suite=suite.name, attempt=emit.attempt)
    rows = _Rows(batch, emit, ran_file(setting, state, it.number, suite.name, emit.attempt))
    scratch = setting.scratch(state, f"{suite.name}-{it.number}-{emit.attempt}")
    files = tracked_files(it, setting)
    with identity.for_suite(it, setting, emit) as tokens:
        finished = run_suite(
            suite,
            root=setting.root / it.worktree / state.charter.root,
            env=_environment(suite, state, it, setting, tokens),
            scratch=scratch,
            known=None if suite.pytest else history.known_cases(suite, state, emit),
            on_child=lambda child: emit(child_started("RunSuite", it.number, suite.name, child)),
            on_case=rows.add,
            on_collected=lambda _count: None,
            output=lambda line: emit.output(suite.name, line),
            redact=setting.redact,
            wait=emit.wait,
            earlier=history.earlier_source(state, it, setting.repository),
            on_set_up=files.set_up,
        )
    files.ended()
    evidence = _evidence(finished.raw, suite, emit, setting)
    marks = (*finished.result.marks, *map(setting.redact, files.marks))
    result = replace(finished.result, evidence=evidence, marks=marks)
    shutil.rmtree(scratch)
    write_ran(rows.ran, rows.waiting)
    emit(
        SuiteFinished(
            iteration=it.number,
            suite=suite.name,
            attempt=emit.attempt,
            result=result,
            failing=tuple(rows.failing[:SHOWN]),
        ),
        cases=rows.waiting,
        batch=batch,
    )


def child_started(action: str, iteration: int, subject: str, child: guard.Child) -> ChildStarted:
    return ChildStarted(action=action, iteration=iteration, subject=subject, pid=child.pid, started=child.started)


def ended(action: str, iteration: int, subject: str, emit: Emit) -> None:
    """An attempt that was killed may have left a process: it must be gone before the action is repeated."""
    child = emit.state.children.get((action, iteration, subject))
    until = time.monotonic() + 5.0
    while child and guard.alive(child.pid, child.started):
        if time.monotonic() > until:
            raise JournalError(
                f"process {child.pid} of an earlier attempt is still running",
                where=f"{action} {subject}",
                hint=f"kill {child.pid}, then: loop resume {emit.state.name}",
            )
        emit.wait(0.05)


@dataclass(slots=True)
class _Rows:
    """Shows each case at once and writes them in batches."""

    batch: Batch
    emit: Emit
    ran: Path
    waiting: list[Case] = field(default_factory=list)
    failing: list[Failing] = field(default_factory=list)
    written: float = field(default_factory=time.monotonic)

    def add(self, case: Case) -> None:
        if case.outcome in _SIGNED and not case.signature:
            case = replace(case, signature=signature(case.message, case.detail))
        if case.outcome not in PASSING and case.outcome not in UNCOUNTED:
            self.failing.append(_failing(case))
        self.emit.case(self.batch.iteration, self.batch.suite, case)
        self.waiting.append(case)
        if len(self.waiting) >= BATCH or time.monotonic() - self.written > BATCH_AGE:
            self.emit.rows(self.batch, self.waiting)
            write_ran(self.ran, self.waiting)
            self.waiting = []
            self.written = time.monotonic()


def _failing(case: Case) -> Failing:
    return Failing(id=case.id, outcome=case.outcome, signature=case.signature, message=case.message[:300])


def _revealed(suite: Suite, it: IterationState, setting: Setting) -> Suite:
    """Arguments may name a service's address (`--base-url ${services.web.url}`)."""
    return replace(suite, pytest=suite.pytest and tuple(setting.reveal_tested(text, it) for text in suite.pytest))


def _environment(
    suite: Suite, state: RunState, it: IterationState, setting: Setting, tokens: Mapping[str, str]
) -> Mapping[str, str]:
    own = {name: setting.reveal_tested(text, it) for name, text in suite.env.items()}
    # equal node ids give equal trace ids within an attempt, also where a failed case is tried again in another process
    seed = f"{state.uid}-{it.number}-{suite.name}-{state.attempt('RunSuite', it.number, suite.name)}"
    return {**setting.told(state, it), **tokens, "LOOP_TRACE_SEED": seed, **own}


def _evidence(raw: tuple[Path, ...], suite: Suite, emit: Emit, setting: Setting) -> tuple[Evidence, ...]:
    state = emit.state
    assert state.current is not None
    folder = evidence_folder(setting.reports, state.environment, state.number, state.current.number)
    kept = []
    for number, path in enumerate(raw):
        text = setting.redact(path.read_text(encoding="utf-8", errors="replace"))
        told = storable(path.name)
        name = told if path.name not in {p.name for p in raw[:number]} else f"{number}-{told}"
        kept.append(write_evidence(folder, f"{suite.name}-{emit.attempt}-{name}", text))
    return tuple(kept)
