"""Calls a hook: a command of the user's around a phase of an iteration, or when the run has ended.

How it ends is recorded and never raised: a commit may mend it. Nothing here says what follows from it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loop import children, source
from loop.core.actions import RunHook
from loop.core.environment import Hook
from loop.core.events import HookFinished
from loop.core.model import Evidence
from loop.core.state import IterationState, RunState
from loop.perform.emit import Emit
from loop.perform.setting import Setting
from loop.perform.suites import child_started, ended
from loop.reports.write import evidence_folder, report_file, write_evidence

LINES = 40
"""Lines of its output that are kept."""
WIDTH = 2000
"""Characters of a line that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Called:
    hook: Hook
    command: str
    timeout: float
    place: Path


def run(action: RunHook, setting: Setting, emit: Emit) -> None:
    state, hook = emit.state, action.hook
    it = state.iteration(action.iteration)
    ended("RunHook", it.number, hook, emit)
    command = state.charter.hooks.command(hook)
    assert command is not None
    with _worktree(hook, it, state, setting) as place:
        called = _Called(hook=hook, command=command, timeout=state.charter.hooks.timeout(hook), place=place)
        emit(_ended(called, it, setting, emit))


@contextmanager
def _worktree(hook: Hook, it: IterationState, state: RunState, setting: Setting) -> Iterator[Path]:
    """Where it runs: the iteration's worktree; that of a run that has ended is gone, so it is made once more."""
    if hook is not Hook.ON_END:
        yield setting.root / it.worktree / state.charter.root
        return
    place = setting.worktree(state, state.next_commit or it.commit)
    yield place.path / state.charter.root
    source.remove_worktree(setting.repository, place.path)


def _ended(called: _Called, it: IterationState, setting: Setting, emit: Emit) -> HookFinished:
    hook, scratch = called.hook, setting.scratch(emit.state, f"{called.hook}-{it.number}-{emit.attempt}")
    output = children.Output(
        scratch / "output.log", setting.redact, lambda line: emit.output(hook, line), last=LINES, width=WIDTH
    )
    found = children.run(
        [children.SHELL, "-c", called.command],
        cwd=called.place,
        env=_environment(hook, emit.state, it, setting),
        output=output,
        timeout=called.timeout,
        wait=emit.wait,
        on_child=lambda child: emit(child_started("RunHook", it.number, hook, child)),
    )
    evidence = _evidence(output.path, hook, it, setting, emit)
    shutil.rmtree(scratch)
    return HookFinished(
        iteration=it.number,
        hook=hook,
        command=setting.redact(called.command),
        exit_status=None if found.timed_out else found.status,
        seconds=found.seconds,
        reason=setting.redact(_reason(found, called.timeout)),
        log=output.last,
        evidence=evidence,
    )


def _environment(hook: Hook, state: RunState, it: IterationState, setting: Setting) -> dict[str, str]:
    report = report_file(setting.reports, state.environment, state.number, it.number)
    told = {"LOOP_HOOK": hook.value, "LOOP_REPORT": str(report)}
    if state.ended:
        told["LOOP_ENDING"] = state.ended.ending
        told["LOOP_VERDICT"] = state.ended.verdict
        told["LOOP_EXIT_CODE"] = str(state.ended.exit_code)
    return setting.told(state, it) | told


def _reason(found: children.Ended, timeout: float) -> str:
    """Why it failed; empty where it did not."""
    if found.refusal:
        return f"could not be started: {found.refusal}"
    if found.timed_out:
        return f"did not end within {timeout:g} s"
    assert found.status is not None
    if found.status < 0:
        return f"was ended by signal {-found.status}"
    return f"ended with exit status {found.status}" if found.status else ""


def _evidence(path: Path, hook: Hook, it: IterationState, setting: Setting, emit: Emit) -> tuple[Evidence, ...]:
    """All that it wrote; an attempt that is repeated has a file of its own."""
    if not path.exists():
        return ()
    state = emit.state
    text = setting.redact(path.read_text(encoding="utf-8", errors="replace"))
    folder = evidence_folder(setting.reports, state.environment, state.number, it.number)
    return (write_evidence(folder, f"hook-{hook}-{emit.attempt}.log", text),)
