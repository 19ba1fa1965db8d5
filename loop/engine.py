"""Drives one run: starts what `decide` names and is not running, cancels what runs and is no longer named.

There is no other way in which work starts or stops here. Every event is durable before anyone sees it. Time is stamped
on events here and nowhere else.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from loop.console.observer import Observer
from loop.core.actions import ALONE, Action, iteration, subject
from loop.core.decide import decide
from loop.core.events import ActionStarted, Event, InterruptRequested, RunPaused
from loop.core.fold import evolve
from loop.core.model import Case
from loop.core.state import RunState
from loop.errors import Cancelled, LoopError
from loop.journal import Journal, Run
from loop.journal.rows import Batch
from loop.perform.emit import Emit, Worker

UNWIND = 4.0
"""Seconds that cancelled work has to end when nothing else is wanted."""
_POLL = 0.1

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


Perform = Callable[[Action, Emit], None]


class Engine:
    def __init__(
        self,
        journal: Journal,
        run: Run,
        perform: Perform,
        *,
        observers: Sequence[Observer] = (),
        clock: Clock = utc_now,
        about_to: Callable[[Event], None] | None = None,
    ) -> None:
        """`about_to` hears of each event before it is durable: what it raises, nothing catches (crash tests)."""
        self.journal = journal
        self.run = run
        self.state = journal.state(run)
        self.observers = tuple(observers)
        self._perform = perform
        self._clock = clock
        self._about_to = about_to
        self._seq = journal.count(run)
        self._changed = threading.Condition()
        self._workers: list[Worker] = []
        self._signals: list[int] = []
        self._crash: BaseException | None = None

    def interrupt(self, signal: int) -> None:
        """Safe in a signal handler: only notes the signal; the driving thread acts on it."""
        self._signals.append(signal)

    def drive(self) -> RunState:
        """Returns when nothing is wanted any more: the run ended, is paused or was interrupted."""
        with self._changed:
            try:
                self._turn_until_done()
            finally:
                self._unwind()
        if self._crash:
            raise self._crash
        return self.state

    def emit(
        self, event: Event, cases: Sequence[Case] = (), batch: Batch | None = None, worker: Worker | None = None
    ) -> None:
        with self._changed:
            if self._crash or (worker and worker.cancelled.is_set()):
                raise Cancelled
            stamped = replace(event, at=self._clock())
            if self._about_to:
                self._about_to(stamped)
            self.journal.append(self.run, self._seq, stamped, cases, batch)
            self._seq += 1
            self.state = evolve(self.state, stamped)
            if worker and not isinstance(event, ActionStarted):
                worker.emitted += 1
            for observer in self.observers:
                observer.saw(stamped, self.state)
            self._changed.notify_all()

    def _turn_until_done(self) -> None:
        while not self._crash:
            working = self.state.rollback or not self.state.ended or self.state.owes
            if self._signals and working and not self.state.interrupted:
                self.emit(InterruptRequested(signal=self._signals[0]))
            wanted = decide(self.state)
            self._align(wanted)
            if not wanted:
                return
            self._changed.wait(_POLL)

    def _align(self, wanted: Sequence[Action]) -> None:
        for worker in self._workers:
            if worker.action not in wanted:
                worker.cancelled.set()
        running = [w.action for w in self._workers]
        ending = any(action not in wanted for action in running)
        for action in wanted:
            if action not in running and not (ending and isinstance(action, ALONE)):
                self._start(action)

    def _start(self, action: Action) -> None:
        worker = Worker(action)
        self._workers.append(worker)
        threading.Thread(target=self._work, args=(worker,), name=type(action).__name__, daemon=True).start()

    def _unwind(self) -> None:
        for worker in self._workers:
            worker.cancelled.set()
        self._changed.wait_for(lambda: not self._workers, UNWIND)

    def _work(self, worker: Worker) -> None:
        try:
            self._attempt(worker)
        except Cancelled:
            pass
        except LoopError as error:
            self._pause(worker, error)
        except BaseException as error:  # a defect of ours: the driving thread raises it again
            self._crashed(error)
        finally:
            with self._changed:
                self._workers.remove(worker)
                self._changed.notify_all()

    def _attempt(self, worker: Worker) -> None:
        action, name = worker.action, type(worker.action).__name__
        number = self.state.attempt(name, iteration(action), subject(action)) + 1
        started = ActionStarted(action=name, iteration=iteration(action), subject=subject(action), attempt=number)
        self.emit(started, worker=worker)
        self._perform(action, self._emit_for(worker))
        if not worker.emitted and not worker.cancelled.is_set():
            raise RuntimeError(f"{action} ended without an event: it would be started for ever")

    def _emit_for(self, worker: Worker) -> Emit:
        return Emit(
            worker=worker,
            journal=self.journal,
            run=self.run,
            observers=self.observers,
            post=self.emit,
            folded=lambda: self.state,
        )

    def _pause(self, worker: Worker, error: LoopError) -> None:
        paused = RunPaused(
            message=error.message,
            where=error.where,
            hint=f"{error.hint} --env {self.state.environment}" if error.anew else error.hint,
            exit_code=error.exit_code,
            anew=error.anew,
            during=type(worker.action).__name__,
        )
        try:
            self.emit(paused, worker=worker)
        except Cancelled:
            pass
        except BaseException as crash:  # the journal itself can not be written
            self._crashed(crash)

    def _crashed(self, error: BaseException) -> None:
        with self._changed:
            self._crash = self._crash or error
            self._changed.notify_all()
