"""State is the fold of a run's events, and nothing else: what decide, the display and the report read.

It holds counts and the ids of what did not pass, never the passed cases. Nothing in it is set but by fold.py.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from loop.core.environment import Charter, Dependency, Hook, Service, Suite
from loop.core.events import (
    BuildFailed,
    DependencyProbed,
    FixCommitted,
    FixGaveUp,
    FixRejected,
    HookFinished,
    PromotionUndone,
    RevisionFailed,
    RevisionReady,
    RunEnded,
    RunPaused,
    ServiceRestored,
    ServicesPromoted,
    ServicesRestored,
    ServiceUnhealthy,
)
from loop.core.evidence import SuiteEvidence
from loop.core.model import Change, Failing, Judgement, Problem, Serving, Split, Standing, SuiteResult, TrendRow

ActionKey = tuple[str, int | None, str]
"""Action's class name, iteration, subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One service within one iteration."""

    name: str
    url: str = ""
    found: Serving | None = None
    standing: Standing | None = None
    """What held for the whole service then."""
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
    applied: tuple[str, ...] = ()
    """What changed for the whole service with that."""
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
    testside: str = ""
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
    restorations: tuple[ServicesRestored, ...] = ()
    """Each time that a split was wanted back after this iteration, oldest first."""

    @property
    def hook_failures(self) -> tuple[HookFinished, ...]:
        return tuple(hook for hook in self.hooks.values() if hook.reason)

    @property
    def restoration(self) -> ServicesRestored | None:
        """The last one."""
        return self.restorations[-1] if self.restorations else None

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
    asked_back: bool = False
    """What was asked for last is the split that it found, whatever came of it: nothing goes on from such a run, and no
    hook of the end is due."""
    back: ServicesRestored | None = None
    """What came of that; None while it is not done."""
    put_back: dict[str, ServiceRestored] = field(default_factory=dict)
    """The services of a unit that is not complete yet: an attempt that was broken off put them back already."""
    report_stale: bool = False
    """Something that the report shows happened since it was written."""

    @property
    def name(self) -> str:
        return f"{self.environment}-{self.number}"

    @property
    def owes(self) -> bool:
        """The run has ended, and its hook for that has not."""
        wanted = self.ended is not None and self.charter.hooks.on_end is not None and not self.asked_back
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
            self, iterations=self.iterations[: number + 1], ended=None, paused=None, interrupted=False,
            next_commit=None, asked_back=False, back=None, put_back={},
        )  # fmt: skip
