"""How work starts and stops: by what `decide` names, and in no other way."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loop.core.actions import (
    Action,
    AwaitUntil,
    Ending,
    EndRun,
    ObserveService,
    PrepareWorktree,
    PromoteServices,
    ResolveSource,
    RestoreServices,
    WriteReport,
)
from loop.core.environment import Charter, Limits, PlatformTarget, Service, Strategy, Suite, Traffic
from loop.core.events import (
    BuildFailed,
    DeadlinePassed,
    Event,
    IterationJudged,
    IterationStarted,
    ReportWritten,
    RunEnded,
    RunPaused,
    RunStarted,
    ServiceObserved,
    ServicePromoted,
    ServicesRestored,
)
from loop.core.model import Judgement, Serving, Split, Verdict
from loop.core.state import RunState
from loop.engine import Engine, utc_now
from loop.errors import Cancelled, Unavailable
from loop.journal import Journal, opened
from loop.perform.emit import Emit

CHARTER = Charter(
    name="staging",
    title="",
    mission="",
    platform=PlatformTarget(project="p", region="r", repository="h", bucket="b"),
    suites=(Suite(name="smoke", pytest=("t",)),),
)
SERVICES = tuple(Service(name=name, service=name, source=name) for name in ("a", "b"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    journals: list[Journal] = []

    def make(perform: Callable[[Action, Emit], None], charter: Charter = CHARTER, **options: Any) -> Engine:
        journal = opened("sqlite:///journal.db", tmp_path)
        journals.append(journal)
        found = journal.runs()
        event = RunStarted(at=utc_now(), environment="staging", number=1, uid="abcdef", charter=charter)
        return Engine(journal, found[0] if found else journal.start(event), perform, **options)

    yield make
    for journal in journals:
        journal.close()


def begin_iteration(emit: Emit) -> None:
    emit(IterationStarted(iteration=0, commit="c", subject="s", services=SERVICES))


def report(emit: Emit) -> None:
    emit(ReportWritten(iteration=0, path="r.md"))


def names(state: RunState, engine: Engine) -> list[str]:
    return [type(e).__name__ for e in engine.journal.events(engine.run)]


def test_an_error_that_only_the_operator_can_mend_pauses_the_run_and_cancels_the_rest(
    engine: Callable[..., Engine],
) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    def perform(action: Action, emit: Emit) -> None:
        match action:
            case ResolveSource():
                begin_iteration(emit)
            case ObserveService(service="a"):
                begun.wait(10)
                raise Unavailable("Cloud Run does not answer", where="projects/p", hint="try again")
            case WriteReport():
                report(emit)
            case _:
                begun.set()
                try:
                    emit.wait(30)
                except Cancelled:
                    cancelled.set()
                    raise

    made = engine(perform)
    state = made.drive()
    assert state.paused is not None
    assert (state.paused.message, state.paused.exit_code) == ("Cloud Run does not answer", 3)
    assert state.paused.during == "ObserveService"
    assert cancelled.is_set()
    assert names(state, made)[-2:] == ["ActionStarted", "ReportWritten"]


def test_an_outcome_of_one_service_cancels_its_siblings(engine: Callable[..., Engine]) -> None:
    begun, ended = threading.Event(), []

    def perform(action: Action, emit: Emit) -> None:
        match action:
            case ResolveSource():
                begin_iteration(emit)
            case ObserveService(service="a"):
                begun.wait(10)
                emit(BuildFailed(iteration=0, service="a", reason="no"))
            case ObserveService() | PrepareWorktree():
                begun.set()
                try:
                    emit.wait(30)
                except Cancelled:
                    ended.append(type(action).__name__)
                    raise
            case _:
                raise Unavailable("enough")

    engine(perform).drive()
    assert set(ended) <= {"ObserveService", "PrepareWorktree"}
    assert ended


def test_what_a_cancelled_worker_emits_is_never_recorded(engine: Callable[..., Engine]) -> None:
    begun, late = threading.Event(), threading.Event()

    def perform(action: Action, emit: Emit) -> None:
        match action:
            case ResolveSource():
                begin_iteration(emit)
            case ObserveService(service="a"):
                begun.wait(10)
                emit(BuildFailed(iteration=0, service="a", reason="no"))
            case ObserveService(service="b"):
                begun.set()
                with pytest.raises(Cancelled):
                    emit.wait(30)
                with pytest.raises(Cancelled):
                    emit(ServiceObserved(iteration=0, service="b", url="", found=None, unchanged=False, reason=""))
                late.set()
            case PrepareWorktree():
                emit.wait(30)
            case _:
                late.wait(10)
                raise Unavailable("enough")

    made = engine(perform)
    state = made.drive()
    assert late.is_set()
    assert "ServiceObserved" not in names(state, made)


def test_an_action_that_ends_without_an_event_is_a_defect_and_not_a_loop(engine: Callable[..., Engine]) -> None:
    with pytest.raises(RuntimeError, match="without an event"):
        engine(lambda _action, _emit: None).drive()


def test_a_crash_is_raised_again_in_the_driving_thread(engine: Callable[..., Engine]) -> None:
    def perform(action: Action, emit: Emit) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        engine(perform).drive()


def test_an_event_is_told_before_and_after_it_is_durable(engine: Callable[..., Engine]) -> None:
    told: list[tuple[str, str, int]] = []

    class Watching:
        def saw(self, event: Event, _state: RunState) -> None:
            told.append(("saw", type(event).__name__, made.journal.count(made.run)))

        def case(self, *_: Any) -> None: ...
        def output(self, *_: Any) -> None: ...
        def close(self) -> None: ...

    def about_to(event: Event) -> None:
        told.append(("about to", type(event).__name__, made.journal.count(made.run)))

    def perform(action: Action, emit: Emit) -> None:
        raise Unavailable("enough")

    made = engine(perform, observers=(Watching(),), about_to=about_to)
    made.drive()
    assert told == [
        ("about to", "ActionStarted", 1),
        ("saw", "ActionStarted", 2),
        ("about to", "RunPaused", 2),
        ("saw", "RunPaused", 3),
    ]


def test_attempts_are_counted_over_processes(engine: Callable[..., Engine]) -> None:
    def perform(action: Action, emit: Emit) -> None:
        attempts.append(emit.attempt)
        raise Unavailable("enough")

    attempts: list[int] = []
    for _ in range(3):
        made = engine(perform)
        from loop.core.events import RunResumed

        made.emit(RunResumed(host="h", pid=1))
        state = made.drive()
        assert isinstance(state.paused, RunPaused)
    assert attempts == [1, 2, 3]


def test_a_signal_is_an_event_and_stops_what_runs(engine: Callable[..., Engine]) -> None:
    def perform(action: Action, emit: Emit) -> None:
        match action:
            case ResolveSource():
                begin_iteration(emit)
            case WriteReport():
                report(emit)
            case _:
                made.interrupt(15)
                emit.wait(30)

    made = engine(perform)
    state = made.drive()
    assert state.interrupted
    assert "InterruptRequested" in names(state, made)


def candidate_that_passed(made: Engine) -> None:
    """Up to a passed verdict of an iteration that tested a candidate of a beside what serves."""
    old = Serving(service="a", url="u", traffic=(Split(revision="a-old", percent=100),), revision="a-old")
    made.emit(IterationStarted(iteration=0, commit="c", subject="s", services=SERVICES[:1]))
    made.emit(
        ServiceObserved(iteration=0, service="a", url="u", found=old, unchanged=False, reason="r", tag="labcdef-0")
    )
    passed = Judgement(verdict=Verdict.PASSED, rule="goal met", goal_met=True)
    made.emit(IterationJudged(iteration=0, judgement=passed))


def test_traffic_is_put_back_only_when_the_cancelled_promotion_has_ended(engine: Callable[..., Engine]) -> None:
    promoting, ended, restoring = threading.Event(), threading.Event(), threading.Event()
    found_ended: list[bool] = []

    def perform(action: Action, emit: Emit) -> None:
        match action:
            case PromoteServices():
                serving = Serving(service="a", url="u", traffic=(), revision="a-labcdef-0")
                emit(ServicePromoted(iteration=0, service="a", serving=serving))
                promoting.set()
                try:
                    emit.wait(30)
                except Cancelled:
                    restoring.wait(0.5)  # an update that is on its way when the cancellation comes
                    ended.set()
                    raise
            case AwaitUntil():
                promoting.wait(10)
                emit(DeadlinePassed(until=action.at))
            case RestoreServices():
                found_ended.append(ended.is_set())
                restoring.set()
                emit(ServicesRestored(iteration=0, why="out of time"))
            case EndRun():
                emit(RunEnded(ending=action.ending, sentence="s", verdict=Verdict.FAILED, exit_code=1))
            case _:
                report(emit)

    rule = Traffic(strategy=Strategy.CANDIDATE)
    made = engine(perform, charter=replace(CHARTER, traffic=rule, limits=Limits(time=3600.0)))
    candidate_that_passed(made)
    state = made.drive()
    assert found_ended == [True]
    assert state.ended is not None
    assert state.ended.ending is Ending.TIME
