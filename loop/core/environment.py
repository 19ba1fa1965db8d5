"""What a configuration says, as values: one environment, its services, suites, gates, goal and limits.

Made by loop.config only. `${services.X.url}` and `${secret:VAR}` are still text here: the first is filled in when a
service is deployed or a suite starts, the second at the last moment and never written anywhere.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from loop.core.settings import Settings

HOOK_TIMEOUT = 600.0
"""Seconds."""


class BuildMode(StrEnum):
    BUILDPACK = "buildpack"
    DOCKERFILE = "dockerfile"
    CLOUDBUILD = "cloudbuild"
    """The steps of a Cloud Build configuration of the user's own."""
    IMAGE = "image"
    """Nothing is built: `image:` names what to deploy."""


class Access(StrEnum):
    KEEP = "keep"
    PUBLIC = "public"
    PRIVATE = "private"


class Proof(StrEnum):
    """How it is known that a revision serves, strongest first (design section 6)."""

    ANSWERED = "answered"
    LOGGED = "logged"
    ROUTED = "routed"


class KnownIssues(StrEnum):
    ALLOW = "allow"
    FORBID = "forbid"


class Strategy(StrEnum):
    """How a new revision comes to take traffic (design section 8)."""

    DIRECT = "direct"
    """It takes all traffic at once."""
    CANDIDATE = "candidate"
    """It gets a tag and no traffic; suites test the tag's address, and a passed verdict opens promotion."""


class Promotion(StrEnum):
    AUTOMATIC = "automatic"
    MANUAL = "manual"
    """`loop promote RUN`."""


class OnFailure(StrEnum):
    KEEP = "keep"
    RESTORE = "restore"


class RateKind(StrEnum):
    ADJUSTED = "adjusted"
    RAW = "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformTarget:
    project: str
    region: str
    repository: str
    """Artifact Registry path for images, `host/project/repo`."""
    bucket: str
    """Storage bucket for source archives."""
    endpoint: str = "google"
    """`google`, `emulator` (the embedded default), or the `host:port` of a running emulator."""
    build_service_account: str | None = None
    build_timeout: float = 1200.0
    """Seconds."""
    state: str = ".loop/emulator"
    """Folder of the embedded emulator, relative to the user's repository."""
    impersonate: str | None = None
    """Service account that Google is called as, in place of the caller's own identity."""

    @property
    def emulated(self) -> bool:
        return self.endpoint != "google"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Where a service names its own revision: in a response header or in a key of its health answer's JSON."""

    header: str | None = None
    json: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    path: str = "/"
    consecutive: int = 1
    within: float = 120.0
    """Seconds until a service that does not answer counts as unhealthy."""
    identity: Identity | None = None
    proof: Proof = Proof.LOGGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    name: str
    """The key in `services:`; the name people use."""
    service: str
    """Cloud Run's own name."""
    source: str | None = None
    """Folder below the root whose content is built."""
    build: BuildMode = BuildMode.BUILDPACK
    image: str | None = None
    dockerfile: str | None = None
    """Path within the source."""
    cloudbuild: str | None = None
    """Path of a Cloud Build configuration, below the root."""
    substitutions: dict[str, str] = field(default_factory=dict)
    existing: bool = False
    """Others deploy it: nothing is built, deployed or set; what serves is verified and tested."""
    after: tuple[str, ...] = ()
    health: Health = field(default_factory=Health)
    env: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """Environment variable, or (where it begins with /) path of a file -> Secret Manager `name:version`."""
    access: Access = Access.KEEP
    url: str | None = None
    """Replaces the address used by probes, suites and references (load balancer, custom domain)."""
    port: int | None = None
    settings: Settings = field(default_factory=Settings)
    template: dict[str, object] = field(default_factory=dict)
    """Further settings of the revision in the API's own JSON names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Something the services need and loop does not deploy; exactly one of the addresses is given."""

    name: str
    http: str | None = None
    tcp: str | None = None
    postgres: str | None = None
    redis: str | None = None
    expect: dict[str, str] = field(default_factory=dict)
    within: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    pass_rate: Fraction
    of: RateKind = RateKind.ADJUSTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Exactly one of `pytest` (arguments) and `command` (+ `junit` glob) is given."""

    name: str
    pytest: tuple[str, ...] | None = None
    command: str | None = None
    junit: str | None = None
    python: str | None = None
    workdir: str = "."
    env: dict[str, str] = field(default_factory=dict)
    setup: str | None = None
    list: str | None = None
    minimum: int | None = None
    sources: tuple[str, ...] = ()
    timeout: float = 1800.0
    """Seconds."""
    priority: int = 100
    gate: Gate | None = None
    exercises: tuple[str, ...] = ()
    trace: bool = True
    retry_failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    pass_rate: Fraction = Fraction(1)
    of: RateKind = RateKind.ADJUSTED
    known_issues: KnownIssues = KnownIssues.ALLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    iterations: int = 10
    """Iterations after Initial."""
    no_progress: int = 3
    time: float | None = None
    """Seconds for the whole run."""
    invalid: int = 3
    """Invalid iterations in a row."""
    rejected: int = 3
    """Rejected fix attempts in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What acts between two iterations: a command, or (`await_commit`) a person whose commit is awaited."""

    command: str | None = None
    await_commit: bool = False
    timeout: float = 1800.0
    protect: tuple[str, ...] = ()
    """Git globs that the fixer may not touch."""
    max_files: int | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    link: tuple[str, ...] = ()
    """Untracked paths of the user's tree that are linked into every worktree."""
    setup: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    name: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A limit on a measured latency: of requests that match a path (`requests`), or of a recorded `property`."""

    name: str
    below: float
    """Seconds for `requests`; for `property` in the unit that the property is recorded in."""
    requests: str | None = None
    property: str | None = None
    percentile: int = 95
    unit: str = "ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRule:
    wait: float = 120.0
    """Seconds that a marked request may take to show up in the request log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIssue:
    """A case that may fail with a given signature until a last day (UTC, inclusive, ISO date)."""

    pattern: str
    signature: str
    owner: str
    reason: str
    until: str
    link: str = ""


class Hook(StrEnum):
    """When a hook is called; its key in `hooks:`."""

    BEFORE_DEPLOY = "before_deploy"
    AFTER_DEPLOY = "after_deploy"
    BEFORE_SUITES = "before_suites"
    AFTER_SUITES = "after_suites"
    ON_END = "on_end"

    @property
    def opens(self) -> bool:
        """What it prepares can not go on without it: where it fails, the iteration does."""
        return self in (Hook.BEFORE_DEPLOY, Hook.BEFORE_SUITES)

    @property
    def closes(self) -> bool:
        """It follows on a phase: where it fails, a reader is told."""
        return self in (Hook.AFTER_DEPLOY, Hook.AFTER_SUITES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    before_deploy: str | None = None
    after_deploy: str | None = None
    before_suites: str | None = None
    after_suites: str | None = None
    on_end: str | None = None
    timeouts: dict[str, float] = field(default_factory=dict)
    """Seconds, by hook; apart from the commands, so that journals stay readable in which a hook is a text."""

    def command(self, hook: Hook) -> str | None:
        commands = {
            Hook.BEFORE_DEPLOY: self.before_deploy,
            Hook.AFTER_DEPLOY: self.after_deploy,
            Hook.BEFORE_SUITES: self.before_suites,
            Hook.AFTER_SUITES: self.after_suites,
            Hook.ON_END: self.on_end,
        }
        return commands[hook]

    def timeout(self, hook: Hook) -> float:
        return self.timeouts.get(hook, HOOK_TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    strategy: Strategy = Strategy.DIRECT
    promote: Promotion = Promotion.AUTOMATIC
    confirm: tuple[str, ...] | None = None
    """Suites that are run again after a promotion; None means all, an empty tuple none."""
    on_failure: OnFailure = OnFailure.KEEP
    """What becomes of the traffic when a run ends without having met its goal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """The part of an environment that judges: frozen in the journal when a run starts (design section 4)."""

    name: str
    title: str
    mission: str
    platform: PlatformTarget
    suites: tuple[Suite, ...]
    capabilities: tuple[Capability, ...] = ()
    targets: tuple[Target, ...] = ()
    goal: Goal = field(default_factory=Goal)
    limits: Limits = field(default_factory=Limits)
    fix: Fix | None = None
    hooks: Hooks = field(default_factory=Hooks)
    workspace: Workspace = field(default_factory=Workspace)
    known_issues: tuple[KnownIssue, ...] = ()
    evidence: EvidenceRule = field(default_factory=EvidenceRule)
    traffic: Traffic = field(default_factory=Traffic)
    root: str = "."
    """The monorepo folder that paths are relative to, below the repository's root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One configuration: what judges (`charter`), and what is judged and therefore read anew per iteration."""

    charter: Charter
    services: tuple[Service, ...]
    dependencies: tuple[Dependency, ...] = ()
