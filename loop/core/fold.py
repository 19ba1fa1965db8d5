"""How each event changes the state: the only place where anything in it is set. Pure, and total over all events."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from loop.core.environment import Hook
from loop.core.events import (
    ActionStarted,
    BuildFailed,
    BuildSubmitted,
    ChildStarted,
    DeadlinePassed,
    DependencyProbed,
    Event,
    FixCommitted,
    FixGaveUp,
    FixRejected,
    HookFinished,
    ImageBuilt,
    InterruptRequested,
    IterationJudged,
    IterationStarted,
    PromotionUndone,
    ReportWritten,
    RevisionCreated,
    RevisionFailed,
    RevisionReady,
    RevisionRequested,
    RollbackRequested,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    ServiceObserved,
    ServicePromoted,
    ServiceRestored,
    ServicesPromoted,
    ServicesRestored,
    ServiceUnhealthy,
    ServiceUnverified,
    ServingChecked,
    SuiteFinished,
    WorktreeReady,
)
from loop.core.model import Split
from loop.core.state import Child, IterationState, RunState, ServiceState, SuiteState


def begin(event: RunStarted) -> RunState:
    """The state after a run's first event."""
    return RunState(
        environment=event.environment,
        number=event.number,
        uid=event.uid,
        charter=event.charter,
        started=event.at,
        ref=event.ref,
        selected=event.suites,
        trend=event.trend,
        program=event.program,
        last=event.at,
    )


def evolve(state: RunState, event: Event) -> RunState:
    """The next state. Total: an event that does not concern the state leaves it as it is."""
    return replace(_fold(state, event), last=event.at)


def _fold(state: RunState, event: Event) -> RunState:
    match event:
        case ActionStarted():
            return _action_started(state, event)
        case ChildStarted():
            key = (event.action, event.iteration, event.subject)
            return replace(state, children=state.children | {key: Child(pid=event.pid, started=event.started)})
        case IterationStarted():
            return replace(state, iterations=(*state.iterations, _iteration(event, state)), next_commit=None)
        case RollbackRequested() | RunResumed() | InterruptRequested() | DeadlinePassed() | RunPaused() | RunEnded():
            return _run(state, event)
        case ServiceObserved() | BuildSubmitted() | ImageBuilt() | BuildFailed() | RevisionRequested():
            return _prepared(state, event)
        case RevisionCreated() | RevisionFailed() | RevisionReady() | ServiceUnhealthy() | ServiceUnverified():
            return _served(state, event)
        case SuiteFinished() | ServingChecked() | DependencyProbed() | WorktreeReady() | HookFinished():
            return _tested(state, event)
        case ServicePromoted() | ServicesPromoted() | PromotionUndone() | ServiceRestored() | ServicesRestored():
            return _moved(state, event)
        case IterationJudged() | ReportWritten() | FixCommitted() | FixRejected() | FixGaveUp():
            return _turned(state, event)
        case _:
            return state


def _run(
    state: RunState,
    event: RollbackRequested | RunResumed | InterruptRequested | DeadlinePassed | RunPaused | RunEnded,
) -> RunState:
    match event:
        case RollbackRequested():
            # what stopped the run before is no longer what there is to mend
            return replace(state, rollback=True, asked_back=True, back=None, paused=None, interrupted=False)
        case RunResumed():
            going_on = event.ref if state.ended else state.next_commit
            state = _without_end(state) if event.promote else state
            return replace(
                state, interrupted=False, deadline_passed=False, paused=None, ended=None, next_commit=going_on,
                next_uncommitted=event.uncommitted, report_stale=False, promote=state.promote or event.promote,
                rollback=False, asked_back=False, back=None,
            )  # fmt: skip
        case InterruptRequested():
            return replace(state, interrupted=True, report_stale=True)
        case DeadlinePassed():
            return replace(state, deadline_passed=True)
        case RunPaused():
            return replace(state, paused=event, report_stale=True, rollback=False)
        case RunEnded():
            return replace(state, ended=event, report_stale=True)


def _without_end(state: RunState) -> RunState:
    """Promoted, the run ends once more, and its hook is due again."""
    if state.current is None:
        return state
    hooks = {hook: ended for hook, ended in state.current.hooks.items() if hook is not Hook.ON_END}
    return _changed(state, state.current.number, hooks=hooks)


def _iteration(event: IterationStarted, state: RunState) -> IterationState:
    return IterationState(
        number=event.iteration,
        started=event.at,
        commit=event.commit,
        subject=event.subject,
        author=event.author,
        committed=event.committed,
        uncommitted=event.uncommitted,
        definitions=event.services,
        dependencies=event.dependencies,
        digests=event.digests,
        testside=event.testside,
        change=event.change,
        confirms=event.confirms,
        services={s.name: ServiceState(name=s.name) for s in event.services},
        suites={
            s.name: SuiteState(name=s.name) for s in state.suites if event.suites is None or s.name in event.suites
        },
    )


def _action_started(state: RunState, event: ActionStarted) -> RunState:
    key = (event.action, event.iteration, event.subject)
    state = replace(state, attempts=state.attempts | {key: event.attempt})
    if event.iteration is None:
        return state
    match event.action:
        case "BuildImage":
            return _service(state, event.iteration, event.subject, building_since=event.at)
        case "DeployRevision":
            return _service(state, event.iteration, event.subject, deploying_since=event.at)
        case "RunSuite":
            return _suite(state, event.iteration, event.subject, attempts=event.attempt, started=event.at)
        case "RunFixer":
            fix = replace(state.iteration(event.iteration).fix, attempts=event.attempt)
            return _changed(state, event.iteration, fix=fix)
        case _:
            return state


def _prepared(
    state: RunState, event: ServiceObserved | BuildSubmitted | ImageBuilt | BuildFailed | RevisionRequested
) -> RunState:
    changes: dict[str, Any]
    match event:
        case ServiceObserved():
            changes = {"url": event.url, "found": event.found, "unchanged": event.unchanged, "reason": event.reason}
            changes |= {"tag": event.tag, "differs": event.differs, "standing": event.standing}
            tested = event.candidate or event.found
            if event.unchanged and tested:
                changes |= {"revision": tested.revision, "image": tested.image, "created": tested}
        case BuildSubmitted():
            changes = {"build": event.build}
        case ImageBuilt():
            changes = {"image": event.image, "image_reused": event.reused}
        case BuildFailed():
            changes = {"failure": event}
        case RevisionRequested():
            changes = {"revision": event.revision, "operation": event.operation}
    return _service(state, event.iteration, event.service, **changes)


def _served(
    state: RunState, event: RevisionCreated | RevisionFailed | RevisionReady | ServiceUnhealthy | ServiceUnverified
) -> RunState:
    changes: dict[str, Any]
    match event:
        case RevisionCreated():
            changes = {"created": event.serving, "url": event.serving.url}
        case RevisionReady():
            changes = {"ready": event}
        case RevisionFailed() | ServiceUnhealthy():
            changes = {"failure": event}
        case ServiceUnverified():
            changes = {"unverified": event.reason}
    return _service(state, event.iteration, event.service, revision=event.revision, **changes)


def _tested(
    state: RunState, event: SuiteFinished | ServingChecked | DependencyProbed | WorktreeReady | HookFinished
) -> RunState:
    match event:
        case HookFinished():
            hooks = state.iteration(event.iteration).hooks | {event.hook: event}
            stale = state.report_stale or event.hook is Hook.ON_END
            return replace(_changed(state, event.iteration, hooks=hooks), report_stale=stale)
        case SuiteFinished():
            return _suite(
                state, event.iteration, event.suite,
                result=event.result, attempt=event.attempt, failing=event.failing, finished=event.at,
            )  # fmt: skip
        case ServingChecked():
            return _suite(state, event.iteration, event.suite, checked=True, moved=event.moved, evidence=event.evidence)
        case DependencyProbed():
            probes = state.iteration(event.iteration).probes | {event.dependency: event}
            return _changed(state, event.iteration, probes=probes)
        case WorktreeReady():
            return _changed(state, event.iteration, worktree=event.path, setup_problem=event.problem)


def _turned(
    state: RunState, event: IterationJudged | ReportWritten | FixCommitted | FixRejected | FixGaveUp
) -> RunState:
    k = event.iteration
    fix = state.iteration(k).fix
    match event:
        case IterationJudged():
            judged = _changed(state, k, judgement=event.judgement, judged=event.at)
            return replace(judged, report_stale=True)
        case ReportWritten():
            return replace(_changed(state, k, report=event.path), report_stale=False)
        case FixCommitted():
            return replace(_changed(state, k, fix=replace(fix, committed=event)), next_commit=event.commit)
        case FixRejected():
            return _changed(state, k, fix=replace(fix, rejections=(*fix.rejections, event)))
        case FixGaveUp():
            return _changed(state, k, fix=replace(fix, gave_up=event))


def _moved(
    state: RunState,
    event: ServicePromoted | ServicesPromoted | PromotionUndone | ServiceRestored | ServicesRestored,
) -> RunState:
    """What the report shows of the traffic has changed: an iteration's own is written anew."""
    k = event.iteration
    match event:
        case ServicePromoted():
            told = replace(state, report_stale=True)
            changes = {"promoted": event.serving, "applied": event.settings, "restored": ()}
            return _service(told, k, event.service, **changes)
        case ServicesPromoted():
            return _changed(replace(state, promote=False), k, promotion=event, undone=None, report="")
        case PromotionUndone():
            for name in event.restored:
                state = _service(state, k, name, promoted=None)
            return _changed(replace(state, report_stale=True, put_back={}), k, undone=event)
        case ServiceRestored():
            so_far = state.put_back | {event.service: event}
            return replace(_put_back(state, k, {event.service: event.traffic}), report_stale=True, put_back=so_far)
        case ServicesRestored():
            state = _put_back(state, k, event.restored)
            done = _changed(state, k, restorations=(*state.iteration(k).restorations, event), report="")
            back = event if state.rollback else None
            return replace(done, rollback=False, back=back, report_stale=True, put_back={})


def _put_back(state: RunState, number: int, restored: Mapping[str, tuple[Split, ...]]) -> RunState:
    """A service that an earlier iteration had is no longer told of."""
    for name, split in restored.items():
        state = _service(state, number, name, restored=split) if name in state.iteration(number).services else state
    return state


def _changed(state: RunState, number: int, **changes: Any) -> RunState:
    iterations = list(state.iterations)
    iterations[number] = replace(iterations[number], **changes)
    return replace(state, iterations=tuple(iterations))


def _service(state: RunState, number: int, name: str, **changes: Any) -> RunState:
    services = state.iteration(number).services
    return _changed(state, number, services=services | {name: replace(services[name], **changes)})


def _suite(state: RunState, number: int, name: str, **changes: Any) -> RunState:
    suites = state.iteration(number).suites
    return _changed(state, number, suites=suites | {name: replace(suites[name], **changes)})
