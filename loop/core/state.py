"""State is the fold of a run's events, and nothing else: what decide, the display and the report read.

It holds counts and the ids of what did not pass, never the passed cases. Nothing in it is set but by `evolve`.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from loop.core.environment import Charter, Dependency, Hook, Service, Suite
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
    ServicesPromoted,
    ServicesRestored,
    ServiceUnhealthy,
    ServiceUnverified,
    ServingChecked,
    SuiteFinished,
    WorktreeReady,
)
from loop.core.evidence import SuiteEvidence
from loop.core.model import Change, Failing, Judgement, Problem, Serving, Split, SuiteResult, TrendRow

ActionKey = tuple[str, int | None, str]
"""Action's class name, iteration, subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One service within one iteration."""

    name: str
    url: str = ""
    found: Serving | None = None
    unchanged: bool | None = None
    """None until observed."""
    reason: str = ""
    differs: tuple[str, ...] = ()
    build: str = ""
    """Id of the build that was submitted last."""
    image: str = ""
    image_reused: bool = False
    revision: str = ""
    operation: str = ""
    created: Serving | None = None
    ready: RevisionReady | None = None
    tag: str = ""
    """Tag of the candidate that this iteration tests; empty where the service's own address is tested."""
    promoted: Serving | None = None
    """As read back once the candidate took the traffic."""
    restored: tuple[Split, ...] = ()
    """The split as it was put back after this iteration."""
    failure: BuildFailed | RevisionFailed | ServiceUnhealthy | None = None
    unverified: str = ""
    building_since: datetime | None = None
    deploying_since: datetime | None = None

    @property
    def observed(self) -> bool:
        return self.unchanged is not None

    @property
    def settled(self) -> bool:
        """Nothing more is to be done for it in this iteration."""
        return self.ready is not None or self.failure is not None or bool(self.unverified)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteState:
    name: str
    attempts: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    result: SuiteResult | None = None
    attempt: int = 0
    """The attempt whose rows count."""
    failing: tuple[Failing, ...] = ()
    checked: bool = False
    """The services were looked at again after the suite."""
    moved: tuple[str, ...] = ()
    evidence: SuiteEvidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixState:
    """What the fixer did about one iteration."""

    attempts: int = 0
    rejections: tuple[FixRejected, ...] = ()
    committed: FixCommitted | None = None
    gave_up: FixGaveUp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationState:
    number: int
    started: datetime
    commit: str
    subject: str
    author: str = ""
    committed: datetime | None = None
    uncommitted: bool = False
    definitions: tuple[Service, ...]
    dependencies: tuple[Dependency, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    change: Change | None = None
    worktree: str = ""
    setup_problem: Problem | None = None
    services: dict[str, ServiceState] = field(default_factory=dict)
    probes: dict[str, DependencyProbed] = field(default_factory=dict)
    suites: dict[str, SuiteState] = field(default_factory=dict)
    hooks: dict[Hook, HookFinished] = field(default_factory=dict)
    judgement: Judgement | None = None
    judged: datetime | None = None
    report: str = ""
    fix: FixState = field(default_factory=FixState)
    confirms: int | None = None
    """The iteration whose promotion this one confirms."""
    promotion: ServicesPromoted | None = None
    undone: PromotionUndone | None = None
    restoration: ServicesRestored | None = None

    @property
    def hook_failures(self) -> tuple[HookFinished, ...]:
        return tuple(hook for hook in self.hooks.values() if hook.reason)

    @property
    def title(self) -> str:
        if self.confirms is not None:
            return f"Iteration {self.number} (confirmation)"
        return "Initial" if self.number == 0 else f"Iteration {self.number}"

    def definition(self, service: str) -> Service:
        return next(d for d in self.definitions if d.name == service)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    pid: int
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    environment: str
    number: int
    uid: str
    charter: Charter
    started: datetime
    ref: str | None = None
    selected: tuple[str, ...] = ()
    trend: tuple[TrendRow, ...] = ()
    program: str = ""
    iterations: tuple[IterationState, ...] = ()
    attempts: dict[ActionKey, int] = field(default_factory=dict)
    children: dict[ActionKey, Child] = field(default_factory=dict)
    next_commit: str | None = None
    """The commit that the next iteration starts from, once a fixer or a person gave one."""
    next_uncommitted: bool = False
    """It is a snapshot of the user's dirty tree."""
    last: datetime
    """When the last event happened."""
    interrupted: bool = False
    deadline_passed: bool = False
    paused: RunPaused | None = None
    ended: RunEnded | None = None
    promote: bool = False
    """Somebody asked for the promotion of what was tested."""
    rollback: bool = False
    """Somebody asked for the split that the run found, and has not got it yet."""
    rolled_back: bool = False
    """What was asked for last is the split that it found: no hook of the end is due."""
    report_stale: bool = False
    """Something that the report shows happened since it was written."""

    @property
    def name(self) -> str:
        return f"{self.environment}-{self.number}"

    @property
    def owes(self) -> bool:
        """The run has ended, and its hook for that has not."""
        wanted = self.ended is not None and self.charter.hooks.on_end is not None and not self.rolled_back
        return wanted and self.current is not None and Hook.ON_END not in self.current.hooks

    @property
    def current(self) -> IterationState | None:
        return self.iterations[-1] if self.iterations else None

    @property
    def suites(self) -> tuple[Suite, ...]:
        """The suites of this run in the order in which they run."""
        chosen = (s for s in self.charter.suites if not self.selected or s.name in self.selected)
        return tuple(sorted(chosen, key=lambda s: s.priority))

    def suites_of(self, iteration: IterationState) -> tuple[Suite, ...]:
        """Those of the run, but for a confirmation that wants fewer."""
        return tuple(suite for suite in self.suites if suite.name in iteration.suites)

    def iteration(self, number: int) -> IterationState:
        return self.iterations[number]

    def attempt(self, action: str, iteration: int | None, subject: str = "") -> int:
        """How often that action was started so far."""
        return self.attempts.get((action, iteration, subject), 0)

    def up_to(self, number: int) -> "RunState":
        """The run as it stood with that iteration as its last: what its report may speak of."""
        if number == len(self.iterations) - 1:
            return self
        return replace(
            self, iterations=self.iterations[: number + 1], ended=None, paused=None, interrupted=False, next_commit=None
        )


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
        case ServicePromoted() | ServicesPromoted() | PromotionUndone() | ServicesRestored():
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
            return replace(state, rollback=True, rolled_back=True, interrupted=False)
        case RunResumed():
            going_on = event.ref if state.ended else state.next_commit
            state = _without_end(state) if event.promote else state
            return replace(
                state, interrupted=False, deadline_passed=False, paused=None, ended=None, next_commit=going_on,
                next_uncommitted=event.uncommitted, report_stale=False, promote=state.promote or event.promote,
                rollback=False, rolled_back=False,
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
            changes |= {"tag": event.tag, "differs": event.differs}
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


def _moved(state: RunState, event: ServicePromoted | ServicesPromoted | PromotionUndone | ServicesRestored) -> RunState:
    """What the report shows of the traffic has changed: an iteration's own is written anew."""
    k = event.iteration
    match event:
        case ServicePromoted():
            return _service(replace(state, report_stale=True), k, event.service, promoted=event.serving)
        case ServicesPromoted():
            return _changed(replace(state, promote=False), k, promotion=event, undone=None, report="")
        case PromotionUndone():
            for name in event.restored:
                state = _service(state, k, name, promoted=None)
            return _changed(replace(state, report_stale=True), k, undone=event)
        case ServicesRestored():
            for name, split in event.restored.items():
                state = _service(state, k, name, restored=split) if name in state.iteration(k).services else state
            # a run that a kill left in the middle must not go on by itself once it was rolled back
            stays = state.rollback and not (state.ended or state.paused)
            restored = _changed(state, k, restoration=event, report="")
            return replace(restored, rollback=False, report_stale=True, interrupted=state.interrupted or stays)


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
