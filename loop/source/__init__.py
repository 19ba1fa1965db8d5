"""Git: commits, snapshots, worktrees, content digests, archives, and what kind of change a diff is.

The user's work tree is only read. What is written: objects, refs under `refs/loop/`, the run's branch, and worktrees
below `.loop/`.
"""

from loop.source.archive import Archive, archive, digest
from loop.source.attempt import Gathered, abandon, accept, begin, environment, gather
from loop.source.checkout import Checkout, checkout, ignored, tracked_files
from loop.source.git import Repository
from loop.source.history import Details, blobs, change, changed_paths, details, has
from loop.source.plain import differing, write_back
from loop.source.refs import keep, keep_abandoned, run_numbers
from loop.source.repository import (
    UNCOMMITTED,
    StartingPoint,
    dirty,
    fetch,
    find,
    head,
    read_file,
    resolve,
    snapshot,
    starting_point,
    state_folder,
)
from loop.source.worktree import Worktree, find_worktree, remove_worktree, worktree

__all__ = [
    "UNCOMMITTED",
    "Archive",
    "Checkout",
    "Details",
    "Gathered",
    "Repository",
    "StartingPoint",
    "Worktree",
    "abandon",
    "accept",
    "archive",
    "begin",
    "blobs",
    "change",
    "changed_paths",
    "checkout",
    "details",
    "differing",
    "digest",
    "dirty",
    "environment",
    "fetch",
    "find",
    "find_worktree",
    "gather",
    "has",
    "head",
    "ignored",
    "keep",
    "keep_abandoned",
    "read_file",
    "remove_worktree",
    "resolve",
    "run_numbers",
    "snapshot",
    "starting_point",
    "state_folder",
    "tracked_files",
    "worktree",
    "write_back",
]
