"""Finds a command's result files and tells those of this run from what an earlier one left in place. Reads only."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loop.core.model import Problem, ProblemKind
from loop.suites import junit
from loop.suites.junit import Document

GRANULARITY = 1.0
"""Seconds by which a file system's clock may lag behind ours."""

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How the result files looked just before the command began."""

    folder: Path
    pattern: str
    at: float
    """Seconds since the epoch."""
    stamps: dict[str, Stamp]


def look(folder: Path, pattern: str, at: float) -> Before:
    return Before(folder=folder, pattern=pattern, at=at, stamps=dict(_stamps(folder, pattern)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    documents: tuple[Document, ...]
    """Of this run, in the order of their names."""
    problems: tuple[Problem, ...]


def read_new(before: Before) -> Found:
    documents: list[Document] = []
    problems: list[Problem] = []
    for name, stamp in _stamps(before.folder, before.pattern):
        if before.stamps.get(name) == stamp or stamp[0] / 1e9 < before.at - GRANULARITY:
            problems.append(_stale(name))
            continue
        document = junit.read(before.folder / name, name=name)
        documents.append(document)
        if document.problem is not None:
            problems.append(Problem(kind=document.problem, sentence=document.sentence))
    if not documents and not problems:
        problems.append(_missing(before.pattern))
    return Found(documents=tuple(documents), problems=tuple(problems))


def _stamps(folder: Path, pattern: str) -> Iterator[tuple[str, Stamp]]:
    for name in sorted(glob.glob(pattern, root_dir=folder, recursive=True)):
        path = folder / name
        if path.is_file():
            stat = path.stat()
            yield name, (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _stale(name: str) -> Problem:
    return Problem(
        kind=ProblemKind.RESULT_FILE_STALE,
        sentence=f"{name} is older than the suite's start: an earlier run left it there. Its results do not count.",
    )


def _missing(pattern: str) -> Problem:
    return Problem(
        kind=ProblemKind.RESULT_FILE_MISSING, sentence=f"The command wrote no result file that matches `{pattern}`."
    )
