"""A service that a project has already, as `loop init` needs it to write a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_PORT = 8080


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
    """Values may be secrets: they are compared, never written."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variable -> `name:version`."""
    urls: tuple[str, ...] = ()
