"""Where a mistake stands and how it reads: every problem of a configuration is one sentence with file, line and key."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the merged configuration to a value."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    file: str
    line: int
    """Counts from 1; 0 stands for the whole file."""


@dataclass(frozen=True, slots=True)
class Problem:
    place: Place
    path: Path
    sentence: str

    def __str__(self) -> str:
        where = f"{self.place.file}:{self.place.line}: " if self.place.line else f"{self.place.file}: "
        return where + (f"{dotted(self.path)}: {self.sentence}" if self.path else self.sentence)


def in_order(problems: Iterable[Problem], files: tuple[str, ...]) -> tuple[str, ...]:
    """Sentences without repetition, by file as they were read and then by line."""

    def rank(problem: Problem) -> tuple[int, int]:
        file = problem.place.file
        return (files.index(file) if file in files else len(files), problem.place.line)

    return tuple(dict.fromkeys(str(problem) for problem in sorted(problems, key=rank)))


def dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def matches(path: Path, pattern: tuple[str, ...]) -> bool:
    """Whether the path is what the pattern names or lies below it; `*` stands for any one key."""
    return len(path) >= len(pattern) and all(p in ("*", part) for p, part in zip(pattern, path, strict=False))


def found(value: object) -> str:
    """A value as a person would point at it; long text is cut."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}" if abs(value) < 10**15 else "a huge number"
        case str():
            return f'the text "{value if len(value) <= 40 else value[:37] + "..."}"'
        case dict():
            return "a map"
        case _:
            return "a list"


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`; did you mean "x"?`, or nothing where no known word is near."""
    near = get_close_matches(word, list(words), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
