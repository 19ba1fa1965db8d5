"""What happened, in the past tense: the journal's lines and the only thing that state is folded from.

`at` is stamped by the engine when an event is emitted; every other field is set by the action that emits it. Text in
events is redacted before it is emitted. Adding a field with a default keeps old journals readable; anything else needs
a new VERSION.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from loop.core.actions import Ending
from loop.core.environment import Charter, Dependency, Hook, Proof, Service
from loop.core.evidence import SuiteEvidence
from loop.core.model import (
    Change,
    Commit,
    Evidence,
    Failing,
    Judgement,
    Probe,
    Problem,
    Serving,
    Split,
    Standing,
    SuiteResult,
    TrendRow,
    Verdict,
)

VERSION = 1
UNSTAMPED = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: datetime = UNSTAMPED


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    environment: str
    number: int
    uid: str
    charter: Charter
    ref: str | None = None
    """`--ref`; None means HEAD, or a snapshot of a dirty tree."""
    suites: tuple[str, ...] = ()
    """`--suite`; empty means all. A partial run neither sets the baseline nor meets the goal."""
    trend: tuple[TrendRow, ...] = ()
    """The last five runs of the environment, oldest first."""
    program: str = ""
    """Version of loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    host: str
    pid: int
    ref: str | None = None
    """The commit to go on from, when a run that waited for one is resumed."""
    uncommitted: bool = False
    """That commit is a snapshot of a dirty tree."""
    again: bool = False
    promote: bool = False
    """`loop promote`: what the last iteration tested may take the traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequested(Event):
    """`loop rollback`: the split that the run found is wanted back, whatever the run came to."""

    host: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptRequested(Event):
    signal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed(Event):
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused(Event):
    """What only the operator can mend stopped the run; it can be resumed."""

    message: str
    where: str
    hint: str
    exit_code: int
    during: str = ""
    """Class name of the action that met it."""
    anew: bool = False
    """Resumed, the run would meet it again: what it read when it began is to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    ending: Ending
    sentence: str
    verdict: Verdict
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStarted(Event):
    """Emitted by the engine before an action is performed; the attempt counts from 1 and grows with every resume."""

    action: str
    """Class name, e.g. `BuildImage`."""
    iteration: int | None
    subject: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarted(Event):
    """A process that an action started; resume checks that it is gone before the action is repeated."""

    action: str
    iteration: int
    subject: str
    pid: int
    started: str
    """The kernel's start time of the process, as guard.Child.started gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationStarted(Event):
    iteration: int
    commit: str
    subject: str
    author: str = ""
    committed: datetime | None = None
    uncommitted: bool = False
    """The commit is a snapshot of a dirty tree."""
    services: tuple[Service, ...]
    dependencies: tuple[Dependency, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    """Service name -> sha256 of its source as committed."""
    testside: str = ""
    """Names all that decides cases beside the product (`testside.digest`); empty in older journals."""
    change: Change | None = None
    """Against the iteration before; None for Initial."""
    confirms: int | None = None
    """The iteration whose candidates were promoted: the same commit, tested again where it serves."""
    suites: tuple[str, ...] | None = None
    """Those of a confirmation; None means the run's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorktreeReady(Event):
    iteration: int
    path: str
    """Relative to the user's repository."""
    problem: Problem | None = None
    """Its `workspace.setup:` failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceObserved(Event):
    iteration: int
    service: str
    url: str
    """Known before the first deployment."""
    found: Serving | None
    unchanged: bool
    reason: str
    """Why it is unchanged, or what differs."""
    tag: str = ""
    """Tag under which a candidate is tested; empty where the service's own address is."""
    candidate: Serving | None = None
    """The run's earlier candidate, where it is still what is wanted."""
    differs: tuple[str, ...] = ()
    """Every difference between wanted and serving, a sentence each, without values that may be secrets."""
    standing: Standing | None = None
    """What held for the whole service; None where it did not exist, and in older journals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSubmitted(Event):
    iteration: int
    service: str
    build: str
    """Cloud Build's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuilt(Event):
    iteration: int
    service: str
    image: str
    """`repository/name@sha256:...`"""
    reused: bool = False
    """An earlier build of the same content was found."""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFailed(Event):
    iteration: int
    service: str
    reason: str
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRequested(Event):
    iteration: int
    service: str
    revision: str
    operation: str
    """Full name of the long-running operation; recorded before it is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionCreated(Event):
    """The platform calls the revision ready and the traffic reads back as asked for. No proof yet that it serves."""

    iteration: int
    service: str
    revision: str
    serving: Serving


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFailed(Event):
    iteration: int
    service: str
    revision: str
    reason: str
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionReady(Event):
    """Proof that the revision serves, at the level that the service asks for."""

    iteration: int
    service: str
    revision: str
    level: Proof
    serving: Serving
    probe: Probe
    probes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUnhealthy(Event):
    """The health stayed red: for a fixer to repair."""

    iteration: int
    service: str
    revision: str
    reason: str
    log: tuple[str, ...] = ()
    probe: Probe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUnverified(Event):
    """The platform calls it ready, but nothing proves that the wanted revision answers: the iteration is invalid."""

    iteration: int
    service: str
    revision: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyProbed(Event):
    iteration: int
    dependency: str
    reachable: bool
    detail: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFinished(Event):
    iteration: int
    suite: str
    attempt: int
    result: SuiteResult
    failing: tuple[Failing, ...] = ()
    """Cases that did not pass (not the skipped), first 200."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingChecked(Event):
    iteration: int
    suite: str
    serving: dict[str, str]
    """Service name -> revision that serves now; empty text where the split has several."""
    moved: tuple[str, ...] = ()
    """Sentences, one per service that no longer serves what was verified."""
    evidence: SuiteEvidence | None = None
    """What the request logs say of the suite; None in journals of an earlier loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFinished(Event):
    iteration: int
    hook: Hook
    command: str
    exit_status: int | None
    """As the shell would give it, negative for a signal; None where its time was over or it could not be started."""
    seconds: float = 0.0
    reason: str = ""
    """Why it failed; empty where it did not."""
    log: tuple[str, ...] = ()
    """Its last lines."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationJudged(Event):
    iteration: int
    judgement: Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePromoted(Event):
    """One of the unit: read back, its candidate takes all traffic."""

    iteration: int
    service: str
    serving: Serving
    settings: tuple[str, ...] = ()
    """What changed with it for the whole service, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesPromoted(Event):
    """The unit is complete."""

    iteration: int
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionUndone(Event):
    """One service could not be promoted, and those before it were put back."""

    iteration: int
    service: str
    reason: str
    restored: tuple[str, ...] = ()
    left: dict[str, str] = field(default_factory=dict)
    """Service -> why it could not be put back: it serves the candidate."""
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Service -> what of its own settings went back too, a sentence each."""
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Service -> those that did not, because somebody else changed them since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRestored(Event):
    """One of them: read back, it has the split again. What stops the next one does not hide that."""

    iteration: int
    service: str
    traffic: tuple[Split, ...]
    settings: tuple[str, ...] = ()
    """What of its own settings went back too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesRestored(Event):
    """What became of every service of the run when the split was wanted back that the run had found."""

    iteration: int
    restored: dict[str, tuple[Split, ...]] = field(default_factory=dict)
    """Service -> its split as read back."""
    untouched: tuple[str, ...] = ()
    """They had that split."""
    left: dict[str, str] = field(default_factory=dict)
    """Service -> why it was left alone."""
    why: str = ""
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Service -> what of its own settings went back too, a sentence each."""
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Service -> those that did not, because somebody else changed them since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWritten(Event):
    iteration: int
    path: str
    """Markdown report, relative to the user's repository."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FixCommitted(Event):
    iteration: int
    commit: str
    branch: str
    commits: tuple[Commit, ...] = ()
    restored: tuple[str, ...] = ()
    """Protected files that were put back by a further commit."""
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixRejected(Event):
    iteration: int
    attempt: int
    guard: str
    """The guard that tripped, as a sentence."""
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FixGaveUp(Event):
    iteration: int
    reason: str
    log: tuple[str, ...] = ()


RunEvent = (
    RunStarted | RunResumed | RollbackRequested | InterruptRequested | DeadlinePassed | RunPaused | RunEnded
    | ActionStarted | ChildStarted
    | IterationStarted | WorktreeReady | ServiceObserved | BuildSubmitted | ImageBuilt | BuildFailed | RevisionRequested
    | RevisionCreated | RevisionFailed | RevisionReady | ServiceUnhealthy | ServiceUnverified | DependencyProbed
    | SuiteFinished | ServingChecked | HookFinished | IterationJudged
    | ServicePromoted | ServicesPromoted | PromotionUndone | ServiceRestored | ServicesRestored
    | ReportWritten | FixCommitted | FixRejected | FixGaveUp
)  # fmt: skip
