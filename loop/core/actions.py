"""What can be wanted: each action is a name for work; what it needs stands in the state from which it was decided.

Equal actions are the same action: the engine starts one that is not running and cancels one that is no longer named.
`changes` says whether performing it changes anything outside the journal; `loop plan` performs only those that do not.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from loop.core.environment import Hook


class Ending(StrEnum):
    """Why a run ended: an honest reason, one sentence each in reports."""

    GOAL_MET = "goal met"
    GOAL_MET_KNOWN = "met but for known issues"
    ITERATIONS = "iteration limit reached"
    NO_PROGRESS = "no progress"
    OSCILLATION = "oscillation"
    TIME = "time limit reached"
    FIXER_GAVE_UP = "fixer gave up"
    FIXES_REJECTED = "fixes rejected"
    WAITING = "waiting for a commit"
    DEPLOY_FAILING = "deploy failing"
    INVALID = "results invalid"
    UNPROMOTED = "waiting for promotion"
    """`promote: manual`: the candidates passed, and serve nobody yet."""
    PARTIAL = "selected suites passed"
    """With `--suite`: green, but a partial run can not meet the goal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveSource:
    """Find the iteration's commit, what changed since the last one, and read its services. Reads only."""

    changes: ClassVar[bool] = False
    iteration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareWorktree:
    changes: ClassVar[bool] = True
    iteration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveService:
    changes: ClassVar[bool] = False
    iteration: int
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildImage:
    changes: ClassVar[bool] = True
    iteration: int
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRevision:
    changes: ClassVar[bool] = True
    iteration: int
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeService:
    """Prove that the wanted revision serves. Sends requests, so it counts as changing (scale from zero, logs)."""

    changes: ClassVar[bool] = True
    iteration: int
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeDependency:
    changes: ClassVar[bool] = True
    iteration: int
    dependency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSuite:
    changes: ClassVar[bool] = True
    iteration: int
    suite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckServing:
    """After a suite: does every service still serve the revision that was verified before it?"""

    changes: ClassVar[bool] = True
    iteration: int
    suite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook:
    """A command of the user's around a phase; after a crash it may run a second time."""

    changes: ClassVar[bool] = True
    iteration: int
    hook: Hook


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeIteration:
    changes: ClassVar[bool] = True
    iteration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteServices:
    """Give all traffic to the candidates that an iteration tested, as one unit: if one fails, all are put back."""

    changes: ClassVar[bool] = True
    iteration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreServices:
    """Put back, as one unit, the split that the run found, where the present one is of the run's making."""

    changes: ClassVar[bool] = True
    iteration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReport:
    changes: ClassVar[bool] = True
    iteration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFixer:
    """Let the fixer act on what iteration `iteration` found."""

    changes: ClassVar[bool] = True
    iteration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitUntil:
    changes: ClassVar[bool] = False
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRun:
    changes: ClassVar[bool] = True
    ending: Ending
    sentence: str


Action = (
    ResolveSource | PrepareWorktree | ObserveService | BuildImage | DeployRevision | ProbeService | ProbeDependency
    | RunSuite | CheckServing | RunHook | JudgeIteration | PromoteServices | RestoreServices | WriteReport | RunFixer
    | AwaitUntil | EndRun
)  # fmt: skip

ALONE = (PromoteServices, RestoreServices)
"""Begun only when cancelled work has ended: an update that is still on its way would undo what they do."""


def subject(action: Action) -> str:
    """The service, suite, dependency or hook an action is about; empty where it is about the iteration itself."""
    match action:
        case ObserveService() | BuildImage() | DeployRevision() | ProbeService():
            return action.service
        case RunSuite() | CheckServing():
            return action.suite
        case ProbeDependency():
            return action.dependency
        case RunHook():
            return action.hook.value
        case _:
            return ""


def iteration(action: Action) -> int | None:
    """The iteration an action belongs to; None for those of the run."""
    return None if isinstance(action, AwaitUntil | EndRun) else action.iteration
