"""What a command that is over says of a run, and its exit code."""

from loop.core.back import left_alone, rolled_back, words
from loop.core.pruning import Pruning
from loop.core.state import RunState
from loop.core.traffic import candidates
from loop.core.wording import count
from loop.errors import PlatformError


def exit_code(state: RunState) -> int:
    """Design section 10."""
    if state.ended and not state.interrupted:
        return state.ended.exit_code
    if state.paused:
        return state.paused.exit_code
    return 130 if state.interrupted else 70


def rollback_code(state: RunState) -> int:
    """What did not serve before the run can not be put back, which is no failure; what somebody else changed is one."""
    if state.back is None:
        return state.paused.exit_code if state.paused else 130
    return PlatformError.exit_code if left_alone(state) or state.back.kept else 0


def pruned(service: str, what: Pruning, there: int, *, dry: bool) -> str:
    verb = "would go" if dry else "removed"
    if not what.tags and not what.revisions:
        return f"{service}: nothing to remove, {count(there, 'revision')}"
    gone = f"{count(len(what.revisions), 'revision')} and {count(len(what.tags), 'tag')} {verb}"
    names = ", ".join([*what.revisions, *what.tags])
    return f"{service}: {gone} ({names}), {count(there - len(what.revisions), 'revision')} kept"


def nothing_to_promote(state: RunState) -> str:
    tested = next((it for it in reversed(state.iterations) if candidates(it) and it.judgement), None)
    if rolled_back(state):
        return "it was rolled back; a new run tests its commit again"
    if state.asked_back:
        return f"it was to be rolled back ({words(state)})"
    if tested is None or tested.judgement is None:
        return "it has no candidates that were tested"
    if any(it.restoration for it in state.iterations):
        return "its candidates were promoted, and put back since; a new run tests them again"
    if tested.promotion is not None:
        return "its candidates were promoted already"
    return f"its candidates did not pass: {tested.judgement.rule}"
