"""What the engine tells those who watch a run. An observer may be slow to look at, but never to be told."""

from typing import Protocol

from loop.core.events import Event
from loop.core.model import Case
from loop.core.state import RunState


class Observer(Protocol):
    def saw(self, event: Event, state: RunState, /) -> None:
        """From the engine's thread, after the event is durable; `state` already holds it."""

    def case(self, iteration: int, suite: str, case: Case, /) -> None:
        """From a worker's thread, as each case finishes: thousands may come in a second."""

    def output(self, subject: str, line: str, /) -> None:
        """One redacted line of a build's, hook's or fixer's output, from any thread."""

    def close(self) -> None:
        """Nothing more will be told; may be called twice."""
