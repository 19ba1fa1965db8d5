"""What commits say and what lies between two of them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from loop.core.changes import classify, kinds
from loop.core.model import Change, ChangedFile, ChangeKind, Commit
from loop.source.git import Repository, fields, run

Redact = Callable[[str], str]
TRAILERS = ("Root-cause", "Fixes-case", "Learned")
"""The only ones read: the others are about people and tools."""
COMMITS = 200
FORMAT = "%H%x00%s%x00%an%x00%aI%x00%cI%x00%(trailers:only=true,unfold=true,separator=%x1e)%x00"
PARTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    commit: Commit
    authored: datetime
    committed: datetime


def details(repo: Repository, commit: str, redact: Redact = str) -> Details:
    """What one commit says of itself, its text redacted."""
    return _log(repo, redact, "-1", commit)[0]


def between(repo: Repository, before: str, after: str, redact: Redact = str) -> tuple[Commit, ...]:
    """The commits that `after` has and `before` has not, oldest first; of very many the newest 200."""
    found = _log(repo, redact, f"--max-count={COMMITS}", f"{before}..{after}")
    return tuple(entry.commit for entry in reversed(found))


def change(
    repo: Repository,
    before: str,
    after: str,
    *,
    services: Sequence[str] = (),
    suites: Sequence[str] = (),
    config_files: Collection[str] = (),
    runners: Collection[str] = (),
    frozen: Sequence[str] = (),
    redact: Redact = str,
) -> Change:
    """What lies between the commits of two iterations; folders and files are relative to the repository's root.

    `frozen`: files of the frozen part of the configuration that were touched, as the caller found them.
    """

    def kind(path: str) -> ChangeKind:
        return classify(path, services=services, suites=suites, config_files=config_files, runners=runners)

    files: list[ChangedFile] = []
    for status, path, source, added, removed in _diff(repo, before, after):
        files.append(ChangedFile(path=path, status=status, kind=kind(path), added=added, removed=removed))
        if source and kind(source) != kind(path):  # what left the tests must not hide behind where it went
            files.append(ChangedFile(path=source, status="D", kind=kind(source)))
    return Change(
        kinds=kinds(file.kind for file in files),
        files=tuple(files),
        commits=between(repo, before, after, redact),
        frozen=tuple(frozen),
    )


def changed_paths(repo: Repository, before: str, after: str, *pathspecs: str) -> tuple[str, ...]:
    """Paths that differ, a renamed file under both of its names."""
    ask = ("diff-tree", "-r", "-z", "--no-renames", "--name-only", "--ignore-submodules=all", before, after)
    return tuple(fields(run(repo, *ask, "--", *pathspecs).out))


def blobs(repo: Repository, commit: str) -> dict[str, str]:
    """Path -> mode and content id of every file of that commit."""
    found: dict[str, str] = {}
    for entry in fields(run(repo, "ls-tree", "-r", "-z", "--full-tree", commit).out):
        content, _, path = entry.partition("\t")
        found[path] = content
    return found


def has(repo: Repository, commit: str) -> bool:
    """Whether that commit is still there: somebody may have removed the refs that kept it."""
    return run(repo, "cat-file", "-e", f"{commit}^{{commit}}", accept=(0, 1, 128)).status == 0


def _log(repo: Repository, redact: Redact, *what: str) -> list[Details]:
    out = fields(run(repo, "log", "-z", "--no-mailmap", f"--format=tformat:{FORMAT}", *what, "--").out)
    # With -z the end of each entry is a NUL of its own, behind the one of the format.
    return [_parsed(out[i : i + PARTS], redact) for i in range(0, len(out), PARTS + 1)]


def _parsed(parts: Sequence[str], redact: Redact) -> Details:
    sha, subject, author, authored, committed, trailers = parts
    return Details(
        commit=Commit(sha=sha, subject=redact(subject), author=redact(author), trailers=_trailers(redact(trailers))),
        authored=datetime.fromisoformat(authored),
        committed=datetime.fromisoformat(committed),
    )


def _trailers(text: str) -> dict[str, tuple[str, ...]]:
    known = {name.lower(): name for name in TRAILERS}
    found: dict[str, tuple[str, ...]] = {}
    for line in text.split("\x1e"):
        key, _, value = line.partition(":")
        name = known.get(key.strip().lower())
        if name and value.strip():
            found[name] = (*found.get(name, ()), value.strip())
    return found


def _diff(repo: Repository, before: str, after: str) -> list[tuple[str, str, str, int, int]]:
    """(status, path, path before a rename, lines added, lines removed) per file; binary files count no lines."""
    ask = ("diff-tree", "-r", "-z", "-M", "--ignore-submodules=all", "--no-ext-diff", "--no-textconv")
    statuses = iter(fields(run(repo, *ask, "--name-status", before, after).out))
    counts = _numstat(fields(run(repo, *ask, "--numstat", before, after).out))
    files = []
    for status in statuses:
        source = next(statuses) if status[0] in "RC" else ""
        path = next(statuses)
        added, removed = counts.get(path, (0, 0))
        files.append((status[0], path, source if status[0] == "R" else "", added, removed))
    return files


def _numstat(parts: list[str]) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    rest = iter(parts)
    for part in rest:
        added, removed, path = part.split("\t", 2)
        if not path:  # a rename: its two names follow
            next(rest)
            path = next(rest)
        counts[path] = (0, 0) if added == "-" else (int(added), int(removed))
    return counts
