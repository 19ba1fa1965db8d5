"""What the platform is asked for and what it answers, as values without any type of Google's clients."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from loop.core.environment import Access, Proof, Service
from loop.core.model import Probe, Serving, Standing

Json = dict[str, object]
"""A message in the API's own JSON names."""


def mapping(value: object) -> Mapping[str, object]:
    """A part of such a message that should be one itself; empty where it is not."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where an emulator listens; absent for Google. `grpc` is `host:port`, the others are http URLs or `host:port`."""

    grpc: str
    storage: str
    admin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One wanted revision. Never printed and never stored: the resolved `env` may hold secrets."""

    service: Service
    revision: str
    image: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    fence: str = ""
    """The lease's fencing number (design section 7); 0 writes and checks none."""
    tag: str = ""
    """Of a candidate: it gets this tag and no traffic, and what holds for the whole service stays as it is."""
    superseded: frozenset[str] = frozenset()
    """Tags of the run's own earlier candidates, which are taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A change of traffic alone; no revision is made."""

    service: Service
    to: Mapping[str, int]
    """Revision -> percent."""
    ours: frozenset[str]
    """Revisions of which one must take all traffic now; another split is somebody else's, and stays."""
    expected: Mapping[str, int] = field(default_factory=dict)
    """A split that may be there as well."""
    fence: str = ""
    apply: bool = False
    """The service's own settings become what `service` says, in the same update."""
    back: Standing | None = None
    """What the service's own settings were: where they are what one of `definitions` says, they become that again."""
    definitions: tuple[Service, ...] = ()
    """The service as the run's iterations define it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """A change of traffic, read back, and what changed with it."""

    serving: Serving
    settings: tuple[str, ...] = ()
    """The service's own settings that changed, a sentence each."""
    kept: tuple[str, ...] = ()
    """Those that were not put back: somebody else changed them since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A service as found: what serves, and the settings of the revision that does."""

    serving: Serving
    settings: Json = field(default_factory=dict, repr=False)
    """The serving revision's template; empty where the split has several. May hold secrets."""
    service: Json = field(default_factory=dict, repr=False)
    """What holds for all its revisions: the service itself without its template."""
    meant: str = ""
    """The revision that the specification gives all traffic to; empty where it follows the latest one or splits."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Where several revisions take traffic: each with its content digest, empty where it is not ours."""
    access: Access | None = None
    """`public` or `private`; None where the configuration does not say who may call it."""
    standing: Standing = field(default_factory=Standing)
    """What of `service` and its access a later roll back puts back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    image: str
    """`repository/name@sha256:...`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFailure:
    """The source does not build: for a fixer to repair."""

    reason: str
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The platform calls the revision ready and reads back the traffic that was asked for."""

    serving: Serving


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailure:
    """The revision did not become ready: for a fixer to repair."""

    reason: str
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    level: Proof
    probe: Probe
    """The last one."""
    probes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhealthy:
    """The health stayed red: for a fixer to repair."""

    reason: str
    probe: Probe | None = None
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """It answers, but nothing proves that the wanted revision does."""

    reason: str
    probe: Probe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A request of ours that is to be found again in the request log, and what its answer said."""

    agent: str
    """Its User-Agent, which no other request has."""
    probe: Probe
    named: str
    """The revision that the answer named; empty where it named none, or was not asked to."""
    good: bool
    """The health was as it should be, a redirect included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a service's own process wrote at once, usually a line."""

    at: datetime
    text: str
    stream: str
    """`stdout`, `stderr`, or `system` for what the platform says of the container."""
    severity: str = ""
    """Cloud Logging's name of it, e.g. `ERROR`; empty where the entry has none."""
    trace: str = ""
    """32 hex digits; empty where the service named none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One entry of a service's request log."""

    at: datetime
    service: str
    revision: str
    method: str
    url: str
    status: int
    seconds: float | None
    agent: str = ""
    trace: str = ""
    """32 hex digits; empty where the request carried none."""
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One entry of a service's logs, for people to read."""

    at: datetime
    id: str
    """With the time, unlike any other entry's of the log."""
    revision: str
    severity: str
    """Cloud Logging's name of it; `DEFAULT` where the entry has none."""
    text: str
    """What was written, or the request in a line: method, path, status, time."""
