"""What a worker may do beside its work: record events and rows, show cases, wait. Every call raises Cancelled when the
engine no longer wants the action.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loop.console.observer import Observer
from loop.core.actions import Action, iteration, subject
from loop.core.events import Event
from loop.core.model import Case
from loop.core.state import RunState
from loop.errors import Cancelled
from loop.journal import Journal, Run
from loop.journal.rows import Batch


@dataclass(eq=False, slots=True)
class Worker:
    """An action under way."""

    action: Action
    cancelled: threading.Event = field(default_factory=threading.Event)
    emitted: int = 0
    """Events beside ActionStarted."""


Post = Callable[[Event, Sequence[Case], Batch | None, Worker], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit:
    worker: Worker
    journal: Journal
    run: Run
    observers: tuple[Observer, ...]
    post: Post
    folded: Callable[[], RunState]

    @property
    def state(self) -> RunState:
        """The state as folded so far."""
        return self.folded()

    @property
    def attempt(self) -> int:
        """Which attempt at this action this is, from 1."""
        action = self.worker.action
        return self.state.attempt(type(action).__name__, iteration(action), subject(action))

    def __call__(self, event: Event, cases: Sequence[Case] = (), batch: Batch | None = None) -> None:
        """Returns when the event, and the case rows that belong to it, are durable and folded."""
        self.post(event, cases, batch, self.worker)

    def rows(self, batch: Batch, cases: Sequence[Case]) -> None:
        """Returns when the rows are durable."""
        self.check()
        self.journal.add_cases(self.run, batch, cases)

    def case(self, iteration: int, suite: str, case: Case) -> None:
        for observer in self.observers:
            observer.case(iteration, suite, case)

    def output(self, subject: str, line: str) -> None:
        for observer in self.observers:
            observer.output(subject, line)

    def check(self) -> None:
        if self.worker.cancelled.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        if self.worker.cancelled.wait(seconds):
            raise Cancelled
