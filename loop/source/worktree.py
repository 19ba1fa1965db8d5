"""Worktrees below `.loop/worktrees`: what an iteration runs from, put back to exactly one commit every time.

Git's own folder of a worktree is always named explicitly and never looked for: a fixer may have removed or changed the
`.git` file, and a search would then find the user's repository around it.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loop.errors import UsageError
from loop.source import plain, refs
from loop.source.git import Repository, run
from loop.source.repository import find_head, see_all, snapshot, state_folder, tracked_changes

MARK = "loop-attempt"
"""In the worktree's git folder while a fixer is at work: untracked files are then work, else left-overs of suites."""
EXCLUDES = "loop-excludes"
UNFINISHED = (
    "index.lock", "HEAD.lock", "MERGE_HEAD", "MERGE_MODE", "MERGE_MSG", "SQUASH_MSG", "AUTO_MERGE", "CHERRY_PICK_HEAD",
    "REVERT_HEAD", "REBASE_HEAD", "BISECT_LOG", "BISECT_START", "rebase-merge", "rebase-apply", "sequencer",
)  # fmt: skip
"""What git leaves in a worktree's folder when it, or what drives it, is stopped halfway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktree:
    user: Repository
    tree: Repository
    uid: str
    branch: str
    links: tuple[str, ...] = ()
    """Paths of the user's tree that are linked here; never part of a commit."""

    @property
    def path(self) -> Path:
        return self.tree.root


def worktree(repo: Repository, path: Path, commit: str, *, uid: str, branch: str, link: Sequence[str] = ()) -> Worktree:
    """Make the worktree, or put it back: afterwards it holds `commit`, the links, and nothing else.

    It stands on `branch`, which is made for this run. Work that a killed run left there, committed or not, is first
    kept under refs/loop/<uid>/abandoned-<k>.
    """
    state_folder(repo)
    refs.claim(repo, uid, branch, commit)
    path = Path(os.path.realpath(path))
    tree = _opened(repo, path) or _added(repo, path, commit)
    place = Worktree(user=repo, tree=tree, uid=uid, branch=branch)
    _clear_unfinished(tree)
    see_all(tree)
    _rescue(place, commit)
    put_back(place, commit)
    return _linked(place, commit, link)


def put_back(place: Worktree, commit: str) -> None:
    """Branch, index and files as `commit` has them; everything else, ignored files too, is removed."""
    _clear_unfinished(place.tree)
    (place.path / ".git").write_text(f"gitdir: {place.tree.git_dir}\n")
    if _elsewhere(place, commit):
        run(place.tree, "update-ref", "--no-deref", "HEAD", commit)
    else:
        run(place.user, "update-ref", f"refs/heads/{place.branch}", commit)
        run(place.tree, "symbolic-ref", "HEAD", f"refs/heads/{place.branch}")
    see_all(place.tree, absent=True)
    run(place.tree, "reset", "--hard", "--quiet", "--no-recurse-submodules")
    _clean(place.tree)
    plain.put_right(place.tree, commit)
    with contextlib.suppress(FileNotFoundError):
        (place.tree.git_dir / MARK).unlink()


def remove_worktree(repo: Repository, path: Path) -> None:
    """Take the worktree away, its git folder too; its commits stay. Nothing to remove is fine."""
    path = Path(os.path.realpath(path))
    _within_state(repo, path)
    git_dir = _git_dir(repo, path)
    if path.exists():
        _open_up(path)
        shutil.rmtree(path)
    if git_dir is not None:
        shutil.rmtree(git_dir)


def find_worktree(repo: Repository, path: Path) -> Repository | None:
    """The worktree at `path` if git knows it and it is whole."""
    path = Path(os.path.realpath(path))
    git_dir = _git_dir(repo, path)
    if git_dir is None or not path.is_dir():
        return None
    whole = (git_dir / "HEAD").exists() and (git_dir / "commondir").exists()
    return Repository(root=path, git_dir=git_dir, excludes=git_dir / EXCLUDES) if whole else None


def _opened(repo: Repository, path: Path) -> Repository | None:
    """The worktree if it is whole; what a killed `git worktree add` left is removed."""
    found = find_worktree(repo, path)
    if found is None:
        remove_worktree(repo, path)
    return found


def _added(repo: Repository, path: Path, commit: str) -> Repository:
    path.parent.mkdir(parents=True, exist_ok=True)
    run(repo, "worktree", "add", "--quiet", "--force", "--force", "--no-checkout", "--detach", str(path), commit)
    git_dir = _git_dir(repo, path)
    assert git_dir is not None, "git worktree add ended well and left no folder"
    return Repository(root=path, git_dir=git_dir, excludes=git_dir / EXCLUDES)


def _git_dir(repo: Repository, path: Path) -> Path | None:
    """Git's folder of the worktree at `path`, by the pointers in git's own folders (gitrepository-layout(5))."""
    for pointer in sorted(repo.common.glob("worktrees/*/gitdir")):
        with contextlib.suppress(FileNotFoundError):
            place = os.path.join(pointer.parent, os.fsdecode(pointer.read_bytes()).removesuffix("\n"))
            if os.path.realpath(os.path.dirname(place)) == str(path):
                return pointer.parent
    return None


def _within_state(repo: Repository, path: Path) -> None:
    if not path.is_relative_to(os.path.realpath(state_folder(repo))):
        raise UsageError("a worktree of a run lies below .loop", where=str(path))


def _rescue(place: Worktree, commit: str) -> None:
    """Keep what is neither in `commit` nor under a ref of this run."""
    tree = place.tree
    # Without an index and a mark the worktree is half made: every file would count as deleted.
    if (tree.git_dir / MARK).exists() or ((tree.git_dir / "index").exists() and tracked_changes(tree)):
        left = captured(tree, "Abandoned work, not committed")
        _keep_loose(place, left, commit)
    for loose in (find_head(tree), _tip(place)):
        if loose is not None:
            _keep_loose(place, loose, commit)


def _keep_loose(place: Worktree, loose: str, commit: str) -> None:
    if not refs.kept(place.user, place.uid, loose, commit):
        refs.keep_abandoned(place.user, place.uid, loose)


def _tip(place: Worktree) -> str | None:
    ref = f"refs/heads/{place.branch}"
    return run(place.user, "rev-parse", "--verify", "--quiet", ref, accept=(0, 1)).text or None


def _elsewhere(place: Worktree, commit: str) -> bool:
    """Whether another tree has the branch checked out: it must be at `commit` already, for it is not ours to move."""
    ask = ("for-each-ref", "--format=%(objectname) %(worktreepath)", f"refs/heads/{place.branch}")
    tip, _, holder = run(place.user, *ask).text.partition(" ")
    if not holder or os.path.realpath(holder) == str(place.path):
        return False
    if tip != commit:
        raise UsageError(
            f"the branch {place.branch} is checked out elsewhere and would have to move",
            where=holder,
            hint="git switch to another branch there, then loop resume",
        )
    return True


def _clear_unfinished(tree: Repository) -> None:
    for name in UNFINISHED:
        left = tree.git_dir / name
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)


def captured(tree: Repository, message: str, **settings: Any) -> str:
    """A snapshot of a worktree of ours, also where what worked in it took permissions away."""
    try:
        return snapshot(tree, message, **settings)
    except UsageError:
        _open_up(tree.root)
        return snapshot(tree, message, **settings)


def _clean(tree: Repository) -> None:
    """Twice `-f`: also repositories that were made inside."""
    if run(tree, "clean", "-ffdxq", accept=(0, 1)).status:
        _open_up(tree.root)
        run(tree, "clean", "-ffdxq")


def _open_up(root: Path) -> None:
    """Give the owner back what git needs; executable bits of files stay as they are."""
    for folder, names, files in os.walk(root):
        wanted = [(name, stat.S_IRWXU) for name in names] + [(name, stat.S_IRUSR | stat.S_IWUSR) for name in files]
        for path, bits in ((os.path.join(folder, name), bits) for name, bits in wanted):
            if not os.path.islink(path):
                os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | bits)


def _linked(place: Worktree, commit: str, link: Sequence[str]) -> Worktree:
    links = []
    for name in map(os.path.normpath, link):
        if _linkable(place, commit, name):
            there = place.path / name
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(place.user.root / name)
            links.append(name)
    _write_excludes(place, links)
    return replace(place, links=tuple(links))


def _linkable(place: Worktree, commit: str, name: str) -> bool:
    """It exists in the user's tree, is tracked neither there nor in `commit`, and stays inside the worktree."""
    source, there = place.user.root / name, place.path / name
    if os.path.isabs(name) or name.split("/")[0] in ("..", ".", ".git") or not source.exists():
        return False
    if not Path(os.path.realpath(there.parent)).is_relative_to(place.path) or os.path.lexists(there):
        return False
    tracked = run(place.user, "--literal-pathspecs", "ls-files", "-z", "--", name).out
    committed = run(place.user, "--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", name).out
    return not tracked and not committed


def _write_excludes(place: Worktree, links: Sequence[str]) -> None:
    """The user's own excludes and the links: git's `info/exclude` would be shared with the user's tree."""
    assert place.tree.excludes is not None
    own = users_excludes(place.user)
    patterns = "".join(f"/{_escaped(name)}\n" for name in links)
    place.tree.excludes.write_bytes(own + b"\n" + os.fsencode(patterns))


def users_excludes(repo: Repository) -> bytes:
    """What `core.excludesFile` holds, or its default."""
    named = run(repo, "config", "--path", "--get", "core.excludesFile", accept=(0, 1)).text
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    file = Path(repo.root, named) if named else Path(settings, "git", "ignore")
    return file.read_bytes() if file.is_file() else b""


def _escaped(name: str) -> str:
    return "".join(f"\\{c}" if c in "\\*?[ " else c for c in name)
