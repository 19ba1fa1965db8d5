"""The forecast of `loop plan`: the events of an action when all goes well, and how long it took before. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from loop.core.actions import (
    Action,
    BuildImage,
    CheckServing,
    DeployRevision,
    JudgeIteration,
    ObserveService,
    PrepareWorktree,
    ProbeDependency,
    ProbeService,
    PromoteServices,
    ResolveSource,
    RunHook,
    RunSuite,
    WriteReport,
)
from loop.core.events import (
    ActionStarted,
    BuildFailed,
    DependencyProbed,
    Event,
    FixCommitted,
    FixGaveUp,
    FixRejected,
    HookFinished,
    ImageBuilt,
    IterationJudged,
    IterationStarted,
    ReportWritten,
    RevisionCreated,
    RevisionFailed,
    RevisionReady,
    ServiceObserved,
    ServicesPromoted,
    ServicesRestored,
    ServiceUnhealthy,
    ServiceUnverified,
    ServingChecked,
    SuiteFinished,
    WorktreeReady,
)
from loop.core.model import Judgement, Probe, Serving, Split, SuiteResult, Verdict
from loop.core.names import revision_name
from loop.core.state import RunState, ServiceState
from loop.core.traffic import candidates, confirmation

Durations = dict[tuple[str, str], float]
"""(action's class name, subject) -> seconds that it took last."""

_ENDS: dict[type[Event], str] = {
    IterationStarted: "ResolveSource",
    WorktreeReady: "PrepareWorktree",
    ServiceObserved: "ObserveService",
    ImageBuilt: "BuildImage",
    BuildFailed: "BuildImage",
    RevisionCreated: "DeployRevision",
    RevisionFailed: "DeployRevision",
    RevisionReady: "ProbeService",
    ServiceUnhealthy: "ProbeService",
    ServiceUnverified: "ProbeService",
    DependencyProbed: "ProbeDependency",
    SuiteFinished: "RunSuite",
    ServingChecked: "CheckServing",
    HookFinished: "RunHook",
    IterationJudged: "JudgeIteration",
    ServicesPromoted: "PromoteServices",
    ServicesRestored: "RestoreServices",
    ReportWritten: "WriteReport",
    FixCommitted: "RunFixer",
    FixRejected: "RunFixer",
    FixGaveUp: "RunFixer",
}


def durations(events: Iterable[Event]) -> Durations:
    """What the actions of earlier runs took, oldest first in, the latest counts. A reused image is no build."""
    begun: dict[tuple[str, str], datetime] = {}
    found: Durations = {}
    for event in events:
        if isinstance(event, ActionStarted):
            begun[(event.action, event.subject)] = event.at
            continue
        action = _ENDS.get(type(event))
        key = (action or "", _subject(event))
        reused = isinstance(event, ImageBuilt) and event.reused
        if action and key in begun and not reused:
            found[key] = (event.at - begun.pop(key)).total_seconds()
    return found


def _subject(event: Event) -> str:
    for field in ("service", "suite", "dependency", "hook"):
        if hasattr(event, field):
            return str(getattr(event, field))
    return ""


def foresee(action: Action, state: RunState) -> Event | None:
    """The event with which the action ends well; None for actions that a plan does not reach."""
    match action:
        case PrepareWorktree():
            return WorktreeReady(iteration=action.iteration, path="foreseen")
        case BuildImage():
            return ImageBuilt(iteration=action.iteration, service=action.service, image="to be built")
        case DeployRevision():
            return _created(action, state)
        case ProbeService():
            return _ready(action, state)
        case PromoteServices() | ResolveSource() | ObserveService():
            return _confirmed(action, state)
        case _:
            return _tested(action)


def _tested(action: Action) -> Event | None:
    match action:
        case ProbeDependency():
            return DependencyProbed(
                iteration=action.iteration, dependency=action.dependency, reachable=True, detail="", seconds=0
            )
        case RunSuite():
            result = SuiteResult(command="", exit_status=0, seconds=0.0, expected=None)
            return SuiteFinished(iteration=action.iteration, suite=action.suite, attempt=1, result=result)
        case CheckServing():
            return ServingChecked(iteration=action.iteration, suite=action.suite, serving={})
        case RunHook():
            return HookFinished(iteration=action.iteration, hook=action.hook, command="", exit_status=0)
        case JudgeIteration():
            judgement = Judgement(verdict=Verdict.PASSED, rule="foreseen")
            return IterationJudged(iteration=action.iteration, judgement=judgement)
        case WriteReport():
            return ReportWritten(iteration=action.iteration, path="foreseen")
        case _:
            return None


def _confirmed(action: PromoteServices | ResolveSource | ObserveService, state: RunState) -> Event:
    """From a promotion on nothing can be read of the platform: it is only foreseen."""
    it = state.iterations[-1]
    match action:
        case PromoteServices():
            return ServicesPromoted(iteration=it.number, services=tuple(s.name for s in candidates(it)))
        case ResolveSource():
            return IterationStarted(
                iteration=action.iteration, commit=it.commit, subject=it.subject, services=it.definitions,
                dependencies=it.dependencies, digests=it.digests, confirms=it.number,
                suites=confirmation(state.charter),
            )  # fmt: skip
        case ObserveService():
            assert it.confirms is not None, "what is there is read, but for a confirmation"
            return _observed(action, state.iteration(it.confirms).services[action.service])


def _observed(action: ObserveService, tested: ServiceState) -> ServiceObserved:
    assert tested.created is not None
    found = replace(tested.created, traffic=(Split(revision=tested.revision, percent=100),))
    return ServiceObserved(
        iteration=action.iteration,
        service=action.service,
        url=found.url,
        found=found,
        unchanged=True,
        reason="foreseen",
    )


def _created(action: DeployRevision, state: RunState) -> RevisionCreated:
    it = state.iteration(action.iteration)
    definition = it.definition(action.service)
    revision = revision_name(definition.service, state.uid, it.number)
    traffic = (Split(revision=revision, percent=100),)
    serving = Serving(
        service=definition.service, url=it.services[action.service].url, traffic=traffic, revision=revision
    )
    return RevisionCreated(iteration=it.number, service=action.service, revision=revision, serving=serving)


def _ready(action: ProbeService, state: RunState) -> RevisionReady:
    it = state.iteration(action.iteration)
    seen = it.services[action.service]
    assert seen.created is not None
    return RevisionReady(
        iteration=it.number,
        service=action.service,
        revision=seen.revision,
        level=it.definition(action.service).health.proof,
        serving=seen.created,
        probe=Probe(at=state.last, status=None, seconds=0.0),
    )
