"""The user's repository: where it is, what is checked out, and a commit of what is not committed yet.

Reads only, but for objects: a snapshot adds blobs, trees and a commit that nothing refers to until `refs.keep`.
"""

import contextlib
import os
import posixpath
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from loop.errors import UsageError
from loop.source.git import Answer, Repository, encode, fields, run, start

STATE = ".loop"
"""The folder of a clone that holds journal, worktrees and the emulator's state; never part of a commit of ours."""
OURS = (STATE, "reports/.gitignore")
"""What a run makes in a clone without being asked: it makes no tree dirty and belongs to no snapshot."""

UNCOMMITTED = "Uncommitted changes"
"""The subject of a snapshot of a dirty tree."""
LOOP = ("loop", "loop@loop.invalid")
FETCH_TIMEOUT = 600.0
LINKS = 8
NO_REPOSITORY = "go to a folder of your repository, or make one: git init && git add -A && git commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingPoint:
    commit: str
    uncommitted: bool
    """The commit is a snapshot of a dirty tree."""


def find(start_at: Path) -> Repository:
    """The repository whose work tree holds that folder."""
    top = start(["rev-parse", "--show-toplevel"], cwd=start_at, hint=NO_REPOSITORY).text
    git_dir = start(["rev-parse", "--absolute-git-dir"], cwd=start_at, hint=NO_REPOSITORY).text
    return Repository(root=Path(top), git_dir=Path(git_dir))


def find_head(repo: Repository) -> str | None:
    """The commit that is checked out; None in a repository without one."""
    return run(repo, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1)).text or None


def head(repo: Repository) -> str:
    commit = find_head(repo)
    if commit is None:
        raise UsageError("the repository has no commit yet", where=str(repo.root), hint="git add -A && git commit")
    return commit


def resolve(repo: Repository, ref: str) -> str:
    """The commit that a branch, tag or (short) object name stands for."""
    question = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    found = run(repo, *question, accept=(0, 1, 128)).text
    if not found:
        raise UsageError(f"no commit is called {ref}", where=str(repo.root), hint="git fetch, or add --fetch")
    return found


def fetch(repo: Repository, ref: str | None = None) -> None:
    """Bring remote branches up to date: those of the remote that `ref` begins with, else of the default remote."""
    remotes = run(repo, "remote").text.splitlines()
    if not remotes:
        raise UsageError("there is no remote to fetch from", where=str(repo.root), hint="git remote add origin URL")
    named = [name for name in remotes if ref is not None and ref.startswith(name + "/")]
    run(repo, "fetch", "--quiet", "--no-recurse-submodules", *named[:1], timeout=FETCH_TIMEOUT)


def dirty(repo: Repository) -> bool:
    """Whether anything differs from HEAD, untracked files included; ignored ones, submodules and `OURS` left aside."""
    return bool(pending(repo, "normal"))


def tracked_changes(repo: Repository) -> bool:
    return bool(pending(repo, "no"))


def starting_point(repo: Repository, ref: str | None = None) -> StartingPoint:
    """What the first iteration is made of: `ref`, else HEAD, else a snapshot where the tree is dirty."""
    if ref is not None:
        return StartingPoint(commit=resolve(repo, ref), uncommitted=False)
    if not dirty(repo):
        return StartingPoint(commit=head(repo), uncommitted=False)
    commit = snapshot(repo, UNCOMMITTED)
    return StartingPoint(commit=commit, uncommitted=commit != find_head(repo))


def snapshot(
    repo: Repository,
    message: str,
    *,
    author: tuple[str, str] = LOOP,
    date: str | None = None,
    excluding: Collection[str] = (),
) -> str:
    """A commit of the tree as it lies there, on top of HEAD; HEAD itself where the two are equal.

    The index and the tree stay untouched. Dated as HEAD is unless told, so that equal content gives an equal commit.
    """
    with _index_copy(repo) as index:
        if repo.excludes is not None:
            see_all(repo, env=index)
        _stage(repo, index, excluding)
        tree = run(repo, "write-tree", env=index).text
    parent = find_head(repo)
    if parent is not None and run(repo, "rev-parse", f"{parent}^{{tree}}").text == tree:
        return parent
    return commit_tree(repo, tree, parent, message, author=author, date=date or date_of(repo, parent))


def commit_tree(
    repo: Repository, tree: str, parent: str | None, message: str, *, author: tuple[str, str], date: str
) -> str:
    """A commit object that no ref knows yet; needs no identity of the user's and runs no hook."""
    name, email = author
    identity = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
                for part, value in (("NAME", name), ("EMAIL", email), ("DATE", date))}  # fmt: skip
    parents = () if parent is None else ("-p", parent)
    signing = ("-c", "commit.gpgSign=false", "-c", "i18n.commitEncoding=UTF-8")
    return run(repo, *signing, "commit-tree", tree, *parents, stdin=encode(message + "\n"), env=identity).text


def date_of(repo: Repository, commit: str | None) -> str:
    if commit is None:
        return "@0 +0000"
    return f"@{run(repo, 'log', '-1', '--format=%ct', commit).text} +0000"


def read_file(repo: Repository, commit: str, path: str) -> str | None:
    """A text file as committed, symbolic links inside the repository followed; None where there is none."""
    for _ in range(LINKS):
        path = posixpath.normpath(path)
        entry = _entry(repo, commit, path)
        if entry is None or entry[0] not in ("100644", "100755", "120000"):
            return None
        content = run(repo, "cat-file", "blob", entry[1]).out.decode("utf-8", "replace")
        if entry[0] != "120000":
            return content
        path = posixpath.join(posixpath.dirname(path), content)
    return None


def state_folder(repo: Repository) -> Path:
    """`.loop` below the root, made so that it never shows up in the user's `git status`."""
    folder = repo.root / STATE
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return folder


def _entry(repo: Repository, commit: str, path: str) -> tuple[str, str] | None:
    if path.startswith(("/", "../")):
        return None
    listing = fields(run(repo, "--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", path).out)
    if not listing:
        return None
    mode, _, oid = listing[0].partition("\t")[0].split(" ")
    return mode, oid


def pending(repo: Repository, untracked: str) -> list[str]:
    """Paths that `git status` names."""
    ask = ("status", "--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=all")
    others = [f":(exclude,top,literal){path}" for path in OURS]
    return [entry[3:] for entry in fields(run(repo, *ask, f"--untracked-files={untracked}", "--", ".", *others).out)]


def see_all(tree: Repository, *, env: Mapping[str, str] | None = None, absent: bool = False) -> None:
    """Take the flags off a worktree of ours by which git would pass over a changed file.

    A file that is left out by a sparse checkout was not deleted: such a flag only goes where it is asked for.
    """
    listed = fields(run(tree, "ls-files", "-v", "-z", env=env).out)
    assumed = [entry[2:] for entry in listed if entry[0].islower()]
    skipped = [e[2:] for e in listed if e[0] in "Ss" and (absent or os.path.lexists(tree.root / e[2:]))]
    for flag, paths in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if paths:
            stdin = b"".join(encode(path) + b"\0" for path in paths)
            run(tree, "update-index", flag, "-z", "--stdin", stdin=stdin, env=env)


@contextlib.contextmanager
def _index_copy(repo: Repository) -> Iterator[Mapping[str, str]]:
    """The environment that makes git work on a copy of the index: its cached stats spare a read of every file."""
    # A killed process leaves the copy: in `.loop`, or in what goes away with a worktree of ours, it is in nobody's way.
    place = state_folder(repo) if repo.excludes is None else repo.git_dir
    with tempfile.TemporaryDirectory(prefix="index-", dir=place) as folder:
        copy = Path(folder) / "index"
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(repo.git_dir / "index", copy)  # its time tells git which stats may be too old to trust
        yield {"GIT_INDEX_FILE": str(copy)}


def _stage(repo: Repository, index: Mapping[str, str], excluding: Collection[str]) -> None:
    run(repo, "add", "--update", "--", ".", env=index)
    listed: Answer = run(repo, "ls-files", "--others", "--exclude-standard", "-z", env=index)
    wanted = [path for path in fields(listed.out) if not _within(path, (*OURS, *excluding))]
    # Unlike `git add`, this passes over a repository inside this one (`path/`), whether it has a commit or not.
    paths = b"".join(encode(path) + b"\0" for path in wanted)
    run(repo, "update-index", "--add", "--remove", "-z", "--stdin", stdin=paths, env=index)


def _within(path: str, folders: Collection[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)
