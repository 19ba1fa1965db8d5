"""How a run ends: at a deadline, or with an ending that the policy named."""

import shutil

from loop import source
from loop.core.actions import AwaitUntil, Ending, EndRun
from loop.core.events import DeadlinePassed, RunEnded
from loop.core.model import Verdict
from loop.core.state import RunState
from loop.perform.emit import Emit
from loop.perform.setting import Setting

_MET = frozenset({Ending.GOAL_MET, Ending.GOAL_MET_KNOWN, Ending.UNPROMOTED})
"""What was asked of the run is done; with `promote: manual` that is where it hands over to a person."""


def await_until(action: AwaitUntil, setting: Setting, emit: Emit) -> None:
    while (left := (action.at - setting.clock()).total_seconds()) > 0:
        emit.wait(min(left, 60.0))  # the clock may be set while we wait
    emit(DeadlinePassed(until=action.at))


def end(action: EndRun, setting: Setting, emit: Emit) -> None:
    state = emit.state
    source.remove_worktree(setting.repository, setting.folder / "worktrees" / state.name)
    shutil.rmtree(setting.folder / "scratch" / state.uid, ignore_errors=True)
    verdict = _verdict(state)
    code = 0 if action.ending in _MET else 4 if verdict is Verdict.INVALID else 1
    emit(RunEnded(ending=action.ending, sentence=action.sentence, verdict=verdict, exit_code=code))


def _verdict(state: RunState) -> Verdict:
    """That of the last judged iteration; a run that judged none can not have passed."""
    judged = [it.judgement for it in state.iterations if it.judgement]
    return judged[-1].verdict if judged else Verdict.FAILED
