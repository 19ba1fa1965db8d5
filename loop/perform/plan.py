"""`loop plan`: perform the actions that only read, foresee the others, and let the policy say what comes next.

No second notion of what a run does: the same `decide`, the same fold, a clock that jumps.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from loop.core.actions import Action, AwaitUntil, subject
from loop.core.decide import decide
from loop.core.events import Event
from loop.core.fold import evolve
from loop.core.foresee import Durations, foresee
from loop.core.state import RunState
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
    seconds: float
    """Of the whole iteration; a step without history counts as nothing."""
    unknown: tuple[str, ...]
    """Steps without history, as words."""


Perform = Callable[[Action, Emit], None]


def plan(start: RunState, perform: Perform, known: Durations, *, journal: Journal, run: Run) -> Plan:
    """The iteration that a run beginning in `start` would make, up to its judgement. Changes nothing."""
    foretelling = _Foretelling(start, perform, known, journal, run)
    while foretelling.state.current is None or foretelling.state.current.judgement is None:
        foretelling.turn()
    steps = tuple(foretelling.steps)
    return Plan(
        state=foretelling.state,
        steps=steps,
        seconds=(foretelling.state.last - start.started).total_seconds(),
        unknown=tuple(_words(s.action) for s in steps if s.seconds is None and type(s.action).__name__ in _LONG),
    )


_LONG = frozenset({"BuildImage", "DeployRevision", "RunSuite", "RunHook"})


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
            if not action.changes:
                self._read(action)
                return
        for action in wanted:
            if action not in self._running:
                self._running[action] = self._begin(action)
        self._running = {action: at for action, at in self._running.items() if action in wanted}
        first = min(self._running, key=lambda a: self._running[a])
        at = self._running.pop(first)
        foreseen = foresee(first, self.state)
        assert foreseen, f"nothing is foreseen of {first}: the plan would never end"
        for event in foreseen:
            self._fold(replace(event, at=at))

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


def _words(action: Action) -> str:
    return f"{type(action).__name__} {subject(action)}".strip()
