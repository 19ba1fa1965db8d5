"""`loop plan`: perform the actions that only read, foresee the others, and let the policy say what comes next.

No second notion of what a run does: the same `decide`, the same fold, a clock that jumps.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from loop.core.actions import Action, AwaitUntil, BuildImage, DeployRevision, RunHook, RunSuite, subject
from loop.core.decide import decide
from loop.core.events import Event
from loop.core.fold import evolve
from loop.core.foresee import Durations, foresee
from loop.core.state import RunState
from loop.core.traffic import confirmation_due, promotion_due
from loop.journal import Journal, Run
from loop.perform.emit import Emit, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    action: Action
    begins: float
    """Seconds after the start of the plan."""
    seconds: float | None
    """What it took last time; None where history says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    state: RunState
    """As foreseen: services observed for real, everything else going well."""
    steps: tuple[Step, ...]
    """Those of the iteration, up to its judgement."""
    after: tuple[Step, ...]
    """Those that promote what it tested and confirm that."""

    @property
    def seconds(self) -> float | None:
        """Until the judgement; None where history does not tell how long one of the long steps takes."""
        return _until_last(self.steps)

    @property
    def seconds_after(self) -> float | None:
        """From there until the promotion is confirmed; None as above."""
        began, ends = self.seconds, _until_last(self.after)
        return None if began is None or ends is None else ends - began


Perform = Callable[[Action, Emit], None]


def plan(start: RunState, perform: Perform, known: Durations, *, journal: Journal, run: Run) -> Plan:
    """The iteration that a run beginning in `start` would make, its promotion and confirmation. Changes nothing."""
    foretelling = _Foretelling(start, perform, known, journal, run)
    while not _judged(foretelling.state):
        foretelling.turn()
    steps = tuple(foretelling.steps)
    while _moving(foretelling.state):
        foretelling.turn()
    return Plan(state=foretelling.state, steps=steps, after=tuple(foretelling.steps[len(steps) :]))


def _judged(state: RunState) -> bool:
    return state.current is not None and state.current.judgement is not None


def _moving(state: RunState) -> bool:
    """What passed is to be promoted, or is promoted and not confirmed."""
    it = state.current
    assert it is not None
    return promotion_due(state, it) or confirmation_due(state, it) or not _judged(state)


def _until_last(steps: tuple[Step, ...]) -> float | None:
    if any(step.seconds is None and isinstance(step.action, _LONG) for step in steps):
        return None
    return max((step.begins + (step.seconds or 0.0) for step in steps), default=0.0)


_LONG = (BuildImage, DeployRevision, RunSuite, RunHook)


class _Foretelling:
    def __init__(self, start: RunState, perform: Perform, known: Durations, journal: Journal, run: Run) -> None:
        self.state = start
        self.steps: list[Step] = []
        self._began = start.started
        self._perform = perform
        self._known = known
        self._journal = journal
        self._run = run
        self._running: dict[Action, datetime] = {}

    def turn(self) -> None:
        """Start what is wanted, then let the action that ends first end."""
        wanted = [a for a in decide(self.state) if not isinstance(a, AwaitUntil)]
        for action in wanted:
            if not action.changes and not self._promoted():
                self._read(action)
                return
        for action in wanted:
            if action not in self._running:
                self._running[action] = self._begin(action)
        self._running = {action: at for action, at in self._running.items() if action in wanted}
        first = min(self._running, key=lambda a: self._running[a])
        at = self._running.pop(first)
        event = foresee(first, self.state)
        assert event, f"nothing is foreseen of {first}: the plan would never end"
        self._fold(replace(event, at=at))

    def _promoted(self) -> bool:
        """Only in foresight: what is there to be read knows nothing of it."""
        it = self.state.current
        return it is not None and (it.promotion is not None or it.confirms is not None)

    def _begin(self, action: Action) -> datetime:
        seconds = self._known.get((type(action).__name__, subject(action)))
        begins = (self.state.last - self._began).total_seconds()
        self.steps.append(Step(action=action, begins=begins, seconds=seconds))
        return self.state.last + timedelta(seconds=seconds or 0.0)

    def _read(self, action: Action) -> None:
        emit = Emit(
            worker=Worker(action),
            journal=self._journal,
            run=self._run,
            observers=(),
            post=lambda event, *_: self._fold(replace(event, at=self.state.last)),
            folded=lambda: self.state,
        )
        self._perform(action, emit)

    def _fold(self, event: Event) -> None:
        self.state = evolve(self.state, event)
