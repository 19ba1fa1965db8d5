"""A service that a project has already, as `loop init` needs it to write a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from loop.core.settings import Settings

DEFAULT_PORT = 8080


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """What loop set there, as its annotations say: a configuration that leaves it out takes it away."""

    variables: frozenset[str] = frozenset()
    """Names of environment variables, those from Secret Manager among them."""
    port: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """Path of a file -> `name:version` of Secret Manager."""
    settings: Settings = field(default_factory=Settings, repr=False)
    template: dict[str, object] = field(default_factory=dict, repr=False)
    """What no typed key says, in the API's own JSON names; None stands for what is zero. May hold secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What its template says of the container that takes requests."""

    name: str
    image: str
    port: int = DEFAULT_PORT
    health: str = ""
    """Path of its start-up or liveness probe; empty where it has none over HTTP."""
    probe: str = ""
    """Which probe names the path."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values may be secrets."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variable -> `name:version`."""
    urls: tuple[str, ...] = ()
    managed: Managed | None = None
    """None where loop never deployed it: all that the configuration does not name is kept."""
