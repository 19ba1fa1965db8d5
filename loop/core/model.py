"""The results of a loop as values: cases, counts, rates, comparisons, judgements.

Nothing here decides: rules live in verdict.py, compare.py, signatures.py, stopping.py and decide.py.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    UNFINISHED = "unfinished"
    """Began and never ended."""
    NOT_RUN = "not run"
    """Expected and never began."""


PASSING = frozenset({Outcome.PASSED, Outcome.XPASSED})
UNCOUNTED = frozenset({Outcome.SKIPPED, Outcome.XFAILED})


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    INVALID = "invalid"


class ChangeKind(StrEnum):
    PRODUCT = "product"
    TESTS = "tests"
    CONFIG = "config"
    INFRA = "infra"
    DOCS = "docs"


class Credit(StrEnum):
    """What a case that came to pass is credited to (design section 5)."""

    PRODUCT = "product"
    TESTS = "tests"
    BOTH = "both"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAttempt:
    """One earlier attempt of a case (a rerun plugin's, Surefire's); the case itself holds the last one."""

    outcome: Outcome
    seconds: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of one suite attempt, as its runner reported it. Text is redacted before it gets here."""

    id: str
    """`<suite>::<runner's id>`."""
    outcome: Outcome
    seconds: float | None = None
    """Set-up, call and teardown together; None when the runner did not say."""
    message: str = ""
    """The failure's own message, first lines only; empty for a plain pass. For a skip, its reason."""
    detail: str = ""
    """Traceback and captured output, head and tail, at most some 10,000 characters."""
    signature: str = ""
    """The normalised message, for failed and error; see core.signatures."""
    attempts: tuple[CaseAttempt, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    file: str = ""
    """Source file, relative to the root, where the runner names it."""
    source: str = ""
    """Digest of that file's content, where known."""
    trace: str = ""
    """W3C trace id (32 hex digits) that its requests carried."""
    started: datetime | None = None

    @property
    def flaky(self) -> bool:
        return self.outcome in PASSING and any(a.outcome not in PASSING for a in self.attempts)


class ProblemKind(StrEnum):
    """Why a suite's results can not carry a verdict."""

    COLLECTED_NOTHING = "collected nothing"
    FEWER_THAN_EXPECTED = "fewer cases than expected"
    RESULT_FILE_MISSING = "result file missing"
    RESULT_FILE_TRUNCATED = "result file truncated"
    RESULT_FILE_STALE = "result file stale"
    RESULT_FILE_UNREADABLE = "result file unreadable"
    RUNNER_MISSING = "runner missing"
    RUNNER_DIED = "runner died"
    TIMED_OUT = "timed out"
    EXIT_STATUS = "exit status contradicts results"
    COLLECTION_ERROR = "collection error"
    SETUP_FAILED = "set-up failed"
    CONTAMINATED = "contaminated"
    NOT_VERIFIED = "revision not verified"
    DEPENDENCY = "dependency not reachable"
    OPERATION_OPEN = "operation open"
    NO_EVIDENCE = "no evidence of a request"
    NOTHING_COUNTED = "nothing counted"
    SUITE_NOT_RUN = "suite not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    kind: ProblemKind
    sentence: str
    """What, where, and what to do; redacted."""
    output: str = ""
    """The last lines of the runner's own output, where they help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A file below the iteration's evidence folder, named by its content."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """What one run of one suite gave, beside its case rows."""

    command: str
    exit_status: int | None
    """As the shell would give it; None when it never started; negative for a signal."""
    seconds: float
    expected: int | None
    """Cases that the runner collected, or the `list:` command named; None where nobody could say."""
    counts: dict[Outcome, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    """Each one makes the iteration invalid."""
    marks: tuple[str, ...] = ()
    """What a reader should know but does not invalidate, e.g. `exit status 0 with a failing case`."""
    cases_digest: str = ""
    """Digest of the expected case ids."""
    sources_digest: str = ""
    """Digest of the test sources."""
    versions: dict[str, str] = field(default_factory=dict)
    """Runner and interpreter, e.g. {"pytest": "9.2.0", "python": "3.11.7"}."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A fraction of integers, compared as such. Printed rounded down, so that 100% means all."""

    passed: int
    counted: int

    @property
    def fraction(self) -> Fraction:
        return Fraction(self.passed, self.counted)

    @property
    def percent(self) -> int:
        return self.passed * 100 // self.counted

    def __str__(self) -> str:
        return f"{self.passed}/{self.counted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A case whose own outcome counts and is no pass; a weakened case is not here but in `Judgement.weakened`."""

    id: str
    outcome: Outcome
    signature: str
    message: str
    since: int = 0
    """The iteration of this run in which its present streak of not passing began."""
    known: str = ""
    """Owner and reason of the known issue that covers it, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    id: str
    credit: Credit


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Iteration n against n-1 (`against`: "iteration 2"), or against an earlier run's baseline. Case ids throughout."""

    against: str
    fixed: tuple[Fixed, ...] = ()
    broken: tuple[str, ...] = ()
    """Failing now and not failing before, whatever they were then."""
    still_same: tuple[str, ...] = ()
    """Still failing with the same signature."""
    still_changed: tuple[str, ...] = ()
    """Still failing with another signature."""
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    case_set_changed: str = ""
    """`cases 25 -> 27` where the sets differ."""
    tests_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteJudged:
    suite: str
    raw: Rate | None
    adjusted: Rate | None
    counts: dict[Outcome, int]
    gate: str = ""
    """The rule as text, e.g. `pass rate >= 100%`; empty without a gate."""
    gate_met: bool = True
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityJudged:
    name: str
    passed: int
    counted: int
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFigure:
    """One service's share of a measured target."""

    service: str
    n: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One target and what was measured of it in an iteration, as a nearest-rank percentile of `n` values."""

    target: str
    n: int
    """0 where every recorded value was `unread`."""
    percentile: int
    value: float | None
    """In `unit`; three significant digits, rounded up. None is above every limit, or nothing where `n` is 0."""
    limit: float
    unit: str
    """`s` for requests; for properties the one they are recorded in."""
    met: bool
    source: str
    """`request log` or `property`."""
    services: tuple[ServiceFigure, ...] = ()
    """By service, of requests."""
    unread: int = 0
    """Recorded values that are no number, or less than no time; they are no part of `n`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What may be said of one iteration. Recorded once; a newer program never judges again."""

    verdict: Verdict
    rule: str
    """The rule from which the verdict follows, as a sentence."""
    reasons: tuple[str, ...] = ()
    """Why invalid, or which gates failed: each a sentence."""
    problems: tuple[Problem, ...] = ()
    raw: Rate | None = None
    adjusted: Rate | None = None
    counts: dict[Outcome, int] = field(default_factory=dict)
    flaky: tuple[str, ...] = ()
    xpassed: tuple[str, ...] = ()
    weakened: tuple[str, ...] = ()
    failing: tuple[Failing, ...] = ()
    suites: tuple[SuiteJudged, ...] = ()
    capabilities: tuple[CapabilityJudged, ...] = ()
    comparison: Comparison | None = None
    baseline: Comparison | None = None
    baseline_note: str = ""
    """What earlier runs covered and is not held against this one: there is no baseline, or one in part."""
    goal: str = ""
    """The goal as text, e.g. `pass rate >= 96%`."""
    goal_met: bool = False
    """Goal and every gate: the same as a passed verdict."""
    progress: bool = True
    """A case was fixed, or a failing case changed its signature, since the last valid iteration."""
    cases_digest: str = ""
    sources_digest: str = ""
    deployed: bool = True
    """False when the product did not build or start, so that no suite could run."""
    notes: tuple[str, ...] = ()
    """What a reader should know and changes no verdict: known issues that passed, expired or failed otherwise."""
    targets: tuple[Measured, ...] = ()
    """Those that were measured. A missed one changes no verdict either: a target is no gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRow:
    """The last judged iteration of an earlier run, for the table's first rows."""

    run: str
    """`staging-41`"""
    iteration: int
    at: datetime
    verdict: Verdict
    rate: Rate | None
    ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    path: str
    status: str
    """git's letter: A, M, D, R, ..."""
    kind: ChangeKind
    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    sha: str
    subject: str
    author: str = ""
    trailers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """`Root-cause`, `Fixes-case`, `Learned`: the fixer's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What lies between the commits of two iterations."""

    kinds: tuple[ChangeKind, ...] = ()
    files: tuple[ChangedFile, ...] = ()
    commits: tuple[Commit, ...] = ()
    frozen: tuple[str, ...] = ()
    """Files of the frozen part of the configuration that were touched; they take effect with the next run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One entry of a service's traffic."""

    revision: str
    percent: int
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A service as its platform describes it, read back."""

    service: str
    url: str
    traffic: tuple[Split, ...]
    revision: str
    """The revision that takes all traffic (of a candidate: the one behind its tag); empty where it is split."""
    image: str = ""
    digest: str = ""
    """Our label: content digest of the source, cut to 40 hex digits; empty where the revision is not ours."""
    run: str = ""
    iteration: str = ""
    commit: str = ""
    created: datetime | None = None
    generation: int = 0
    """Counts up with every change that somebody asks for; 0 in journals of earlier programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for a service whatever revision serves: as much of it as a configuration can name. No secrets."""

    settings: dict[str, str] = field(default_factory=dict)
    """Path in the API's JSON -> value; what is missing was not set."""
    everyone: bool | None = None
    """allUsers is among its invokers; None where that was not asked (`access: keep`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    at: datetime
    status: int | None
    """HTTP status; None when no answer came."""
    seconds: float
    detail: str = ""
