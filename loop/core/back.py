"""What came of `loop rollback`: a run counts as rolled back only where nothing of what it found is missing. Pure.

That it was asked for is one thing (nothing goes on from such a run, however far it came), that it was done another.
"""

from collections.abc import Mapping

from loop.core.model import Serving
from loop.core.state import RunState
from loop.core.traffic import found_first, shares


def rolled_back(state: RunState) -> bool:
    """All services that served before the run serve as they did."""
    return state.asked_back and state.back is not None and not left_alone(state)


def left_alone(state: RunState) -> Mapping[str, str]:
    """Service -> why it does not serve as the run found it; without those that did not serve before."""
    found = found_first(state)
    left = state.back.left if state.back else {}
    return {name: why for name, why in left.items() if name not in found or _served(found[name])}


def _served(found: Serving | None) -> bool:
    return found is not None and bool(shares(found.traffic))


def words(state: RunState) -> str:
    """How far a roll back came that was asked for."""
    if state.back is None:
        return "roll back not finished"
    left = ", ".join(sorted(left_alone(state)))
    if not left:
        return "rolled back"
    some = state.back.restored or state.back.untouched
    return f"{'roll back in part' if some else 'not rolled back'}: {left} left alone"
