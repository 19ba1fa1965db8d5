"""What has been seen of running suites: counts and the last failures, from any thread, cheap enough for every case."""

import threading
from collections import Counter, deque
from dataclasses import dataclass

from loop.core.model import PASSING, UNCOUNTED, Case, Outcome
from loop.core.state import RunState

_KEPT = 5


@dataclass(frozen=True, slots=True)
class Seen:
    counts: dict[Outcome, int]
    failures: tuple[Case, ...]
    """The last few."""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class Progress:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[int, str] | None = None
        self._counts: Counter[Outcome] = Counter()
        self._failures: deque[Case] = deque(maxlen=_KEPT)
        self._output: deque[tuple[str, str]] = deque(maxlen=3)

    def case(self, iteration: int, suite: str, case: Case) -> None:
        with self._lock:
            if self._running != (iteration, suite):
                self._start(iteration, suite)
            self._counts[case.outcome] += 1
            if case.outcome not in PASSING and case.outcome not in UNCOUNTED:
                self._failures.append(case)

    def restart(self, iteration: int, suite: str) -> None:
        """A new attempt of a suite: what its last one showed no longer counts."""
        with self._lock:
            self._start(iteration, suite)

    def _start(self, iteration: int, suite: str) -> None:
        self._running = (iteration, suite)
        self._counts.clear()
        self._failures.clear()

    def output(self, subject: str, line: str) -> None:
        if line.strip():
            with self._lock:
                self._output.append((subject, line))

    def quiet(self) -> None:
        with self._lock:
            self._output.clear()

    def lines(self) -> tuple[tuple[str, str], ...]:
        with self._lock:
            return tuple(self._output)

    def seen(self, iteration: int, suite: str) -> Seen:
        with self._lock:
            if self._running != (iteration, suite):
                return Seen({}, ())
            return Seen(dict(self._counts), tuple(self._failures))


def expected(state: RunState, suite: str) -> int | None:
    """How many cases the suite had when it last ran in this run: until it ends, nobody can say how many it has now."""
    for iteration in reversed(state.iterations):
        before = iteration.suites.get(suite)
        if before and before.result:
            return before.result.expected
    return None
