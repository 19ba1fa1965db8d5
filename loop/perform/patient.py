"""Whom `loop doctor` looks at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loop import source
from loop.cloud import Platform
from loop.core.environment import PlatformTarget
from loop.perform.setting import Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One environment of a repository, and how it is looked at."""

    environment: str
    repository: source.Repository
    variables: Mapping[str, str]
    redact: Mask
    connect: Callable[[PlatformTarget], Platform]
    """Connects to the platform; starts the embedded emulator where it is meant."""
    journal: str
    """The journal's URL; one that is not there is not made."""

    @property
    def root(self) -> Path:
        return self.repository.root
