"""A fixer's attempt as git sees it: begun on one commit, gathered into one commit, then taken or put aside.

Whether an answer is taken is not decided here (core.guards); nor is anything started here but git.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loop.core.model import Commit
from loop.source.git import FOREIGN, Repository, encode, fields, run
from loop.source.history import Redact, between, changed_paths
from loop.source.repository import commit_tree, date_of
from loop.source.worktree import MARK, Worktree, captured, put_back, worktree

LEFT = "Changes that the fixer left uncommitted"
FIXER = ("loop fixer", "fixer@loop.invalid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a fixer's worktree comes to, as one commit; not graded unless `accept` is called with it."""

    commit: str
    commits: tuple[Commit, ...] = ()
    files: tuple[str, ...] = ()
    """Paths that differ from the base once the protected ones are put back."""
    restored: tuple[str, ...] = ()
    descends: bool = True
    """False where the base is no ancestor any more: nothing else is filled in then."""


def begin(place: Worktree) -> None:
    """From now on everything in the worktree is the fixer's work, and worth keeping if it is killed."""
    (place.tree.git_dir / MARK).touch()


def environment(place: Worktree, env: Mapping[str, str]) -> dict[str, str]:
    """For a child that may use git in the worktree: links are ignored, an identity is there, the user's tree is not.

    Settings travel by GIT_CONFIG_COUNT (git 2.31 and later), so that no configuration file is written.
    """
    clean = {name: value for name, value in env.items() if name not in FOREIGN}
    settings = {"core.excludesFile": str(place.tree.excludes)} | _identity(place.user)
    first = int(clean.get("GIT_CONFIG_COUNT") or 0)
    for number, (key, value) in enumerate(settings.items(), first):
        clean |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    clean["GIT_CONFIG_COUNT"] = str(first + len(settings))
    clean["GIT_CEILING_DIRECTORIES"] = str(place.path.parent)
    return clean


def gather(
    place: Worktree,
    base: str,
    *,
    protect: Sequence[str] = (),
    leave: Sequence[str] = (),
    date: str | None = None,
    redact: Redact = str,
) -> Gathered:
    """Commit what was left uncommitted, then put protected files and links back by a further commit.

    `protect`: git's globs from the repository's root; `leave`: paths that are never committed for the fixer (its
    notes). `date` is what the first of these commits says, the time of day when it is None.
    """
    tree = place.tree
    tip = captured(tree, LEFT, author=FIXER, date=date or _now(), excluding=leave)
    if run(tree, "merge-base", "--is-ancestor", base, tip, accept=(0, 1)).status:
        return Gathered(commit=tip, descends=False)
    restored = _protected(place, base, tip, protect)
    commit = _restored(tree, base, tip, restored) if restored else tip
    return Gathered(
        commit=commit,
        commits=between(tree, base, commit, redact),
        files=changed_paths(tree, base, commit),
        restored=restored,
    )


def accept(place: Worktree, gathered: Gathered) -> None:
    """The run's branch and worktree stand at the answer; the attempt is over."""
    put_back(place, gathered.commit)


def abandon(place: Worktree, base: str) -> Worktree:
    """Back to `base`; whatever the attempt left, committed or not, is kept under refs/loop/<uid>/abandoned-<k>."""
    return worktree(place.user, place.path, base, uid=place.uid, branch=place.branch, link=place.links)


def _now() -> str:
    return f"@{int(time.time())} +0000"


def _protected(place: Worktree, base: str, tip: str, protect: Sequence[str]) -> tuple[str, ...]:
    globs = [pattern if pattern.startswith(":") else f":(top,glob){pattern}" for pattern in protect]
    links = [f":(top,literal){name}" for name in place.links]
    return changed_paths(place.tree, base, tip, *globs, *links) if globs or links else ()


def _restored(tree: Repository, base: str, tip: str, paths: Sequence[str]) -> str:
    """A commit on `tip` in which those paths are as in `base`, made in an index of its own."""
    index = {"GIT_INDEX_FILE": str(tree.git_dir / "loop-index")}
    run(tree, "read-tree", tip, env=index)
    listed = fields(run(tree, "ls-tree", "-r", "-z", "--full-tree", base).out)
    before = {path: meta for meta, _, path in (line.partition("\t") for line in listed)}
    gone = [path for path in paths if path not in before]
    there = [f"{before[path]}\t{path}" for path in paths if path in before]
    removals = b"".join(encode(path) + b"\0" for path in gone)
    run(tree, "update-index", "--force-remove", "-z", "--stdin", stdin=removals, env=index)
    run(tree, "update-index", "-z", "--index-info", stdin=b"".join(encode(e) + b"\0" for e in there), env=index)
    made = run(tree, "write-tree", env=index).text
    os.unlink(index["GIT_INDEX_FILE"])
    message = "Put protected files back\n\n" + "\n".join(paths)
    return commit_tree(tree, made, tip, message, author=FIXER, date=date_of(tree, tip))


def _identity(repo: Repository) -> dict[str, str]:
    """For whom git would refuse to commit: a user who never told it a name."""
    known = {key: run(repo, "config", "--get", key, accept=(0, 1)).text for key in ("user.name", "user.email")}
    return dict(zip(known, FIXER, strict=True)) if not all(known.values()) else {}
