"""What `loop doctor` found, as values: one finding a line, and the exit code that they come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """Sections, in the order in which they are shown."""

    CONFIGURATION = "Configuration"
    REPOSITORY = "Repository"
    JOURNAL = "Journal"
    PLATFORM = "Platform"
    SERVICES = "Services"
    DEPENDENCIES = "Dependencies"
    HOOKS = "Hooks"
    SUITES = "Suites"
    FIXER = "Fixer"


class Standing(StrEnum):
    OK = "ok"
    FIX = "fix"
    """A run would stop at it, or could not be believed."""
    SKIP = "skip"
    """Not checked, or nothing that a run needs; the sentence says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    topic: Topic
    about: str
    """The object, in a word or two: `bucket`, `suite smoke`."""
    standing: Standing
    said: str
    mend: str = ""
    """The command that mends it, or what to do."""
    exit_code: int = 0
    """What a run would end with for it (design section 10); 0 unless it is to be fixed."""
    names: tuple[str, ...] = ()
    """What one line stands for, one by one: permissions, APIs."""


def ok(topic: Topic, about: str, said: str, *, names: Sequence[str] = ()) -> Finding:
    return Finding(topic=topic, about=about, standing=Standing.OK, said=said, names=tuple(names))


def skip(topic: Topic, about: str, said: str, mend: str = "") -> Finding:
    return Finding(topic=topic, about=about, standing=Standing.SKIP, said=said, mend=mend)


def fix(topic: Topic, about: str, said: str, mend: str, *, code: int, names: Sequence[str] = ()) -> Finding:
    return Finding(
        topic=topic, about=about, standing=Standing.FIX, said=said, mend=mend, exit_code=code, names=tuple(names)
    )


def exit_code(findings: Sequence[Finding]) -> int:
    """0, or the code of the first finding that is to be fixed: what is mended first."""
    return next((found.exit_code for found in findings if found.standing is Standing.FIX), 0)
