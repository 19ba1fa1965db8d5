"""Finds a command's result files and tells those of this run from what an earlier one left in place. Reads only."""

import glob
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from loop.core.model import Problem, ProblemKind
from loop.suites import junit
from loop.suites.junit import Document

GRANULARITY = 1.0
"""Seconds by which a file system's clock may lag behind ours."""
NAMED = 5
"""Identical files that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    written: int
    """Nanoseconds since the epoch."""
    size: int
    file: tuple[int, int]
    """Device and inode: the same for all links to one file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How the result files looked just before the command began, after the suite's `setup:`."""

    folder: Path
    pattern: str
    at: float
    """Seconds since the epoch."""
    stamps: dict[str, Stamp]
    contents: dict[str, str]
    """Digests by name."""


def look(folder: Path, pattern: str, at: float) -> Before:
    stamps = dict(_stamps(folder, pattern))
    contents = {name: _digest(folder / name) for name in stamps}
    return Before(folder=folder, pattern=pattern, at=at, stamps=stamps, contents=contents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    documents: tuple[Document, ...]
    """Of this run, in the order of their names; a file that several names lead to is here once."""
    problems: tuple[Problem, ...]
    marks: tuple[str, ...]


def read_new(before: Before) -> Found:
    documents: list[Document] = []
    problems: list[Problem] = []
    read: dict[str, Stamp] = {}
    for name, stamp in _distinct(_stamps(before.folder, before.pattern)):
        if old := _old(before, name, stamp):
            problems.append(old)
            continue
        document = junit.read(before.folder / name, name=name)
        documents.append(document)
        if document.raws:
            read[name] = stamp
        if document.problem is not None:
            problems.append(Problem(kind=document.problem, sentence=document.sentence))
    if not documents and not problems:
        problems.append(_missing(before.pattern))
    return Found(documents=tuple(documents), problems=tuple(problems), marks=tuple(_identical(before.folder, read)))


def _stamps(folder: Path, pattern: str) -> Iterator[tuple[str, Stamp]]:
    for name in sorted(glob.glob(pattern, root_dir=folder, recursive=True)):
        path = folder / name
        if path.is_file():
            stat = path.stat()
            yield name, Stamp(written=stat.st_mtime_ns, size=stat.st_size, file=(stat.st_dev, stat.st_ino))


def _distinct(stamps: Iterable[tuple[str, Stamp]]) -> Iterator[tuple[str, Stamp]]:
    """Links, of files and of folders, lead to a file more than once; its cases ran once."""
    seen: set[tuple[int, int]] = set()
    for name, stamp in stamps:
        if stamp.file not in seen:
            seen.add(stamp.file)
            yield name, stamp


def _old(before: Before, name: str, stamp: Stamp) -> Problem | None:
    then = before.stamps.get(name)
    if then == stamp or stamp.written / 1e9 < before.at - GRANULARITY:
        return _stale(f"{name} is older than the suite's start: an earlier run left it there.")
    # A touch changes the time alone. What was written under a new inode was written, whatever is in it.
    if then and (then.file, then.size) == (stamp.file, stamp.size):
        digest = _digest(before.folder / name)
        if digest and digest == before.contents[name]:
            return _stale(
                f"{name} holds what it held before the suite's start, under a newer time: nothing shows that it was"
                " written anew. Let the suite's `setup:` remove it."
            )
    return None


def _digest(path: Path) -> str:
    """Empty for what can not be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _identical(folder: Path, read: Mapping[str, Stamp]) -> Iterator[str]:
    """Two runners may well write the same bytes; more often one of the files is a copy, and its cases count twice."""
    sizes = Counter(stamp.size for stamp in read.values())
    equal: defaultdict[str, list[str]] = defaultdict(list)
    for name, stamp in read.items():
        if sizes[stamp.size] > 1:
            equal[_digest(folder / name)].append(name)
    for digest, names in equal.items():
        if digest and len(names) > 1:
            number = "two" if len(names) == 2 else str(len(names))
            yield f"{number} result files are identical: {', '.join(names[:NAMED])}{', ...' * (len(names) > NAMED)}"


def _stale(why: str) -> Problem:
    return Problem(kind=ProblemKind.RESULT_FILE_STALE, sentence=f"{why} Its results do not count.")


def _missing(pattern: str) -> Problem:
    return Problem(
        kind=ProblemKind.RESULT_FILE_MISSING, sentence=f"The command wrote no result file that matches `{pattern}`."
    )
