"""Refs of ours: what keeps every commit that a report names, and which branch belongs to which run.

- refs/loop/<uid>/<k>: the commit of iteration k
- refs/loop/<uid>/abandoned-<k>: work that was left by a killed or rejected attempt
- refs/loop/<uid>/owns/<branch>: the branch was made by this run
"""

import re

from loop.errors import UsageError
from loop.source.git import Repository, run

NOTHING = ""
"""As an old value: the ref must not exist yet."""


def keep(repo: Repository, uid: str, k: int, commit: str) -> str:
    """Name the commit of iteration `k`; one that had the name, and that no event recorded, becomes abandoned work."""
    ref = f"refs/loop/{uid}/{k}"
    before = _refs(repo, ref).get(ref, commit)
    run(repo, "update-ref", ref, commit)
    if not kept(repo, uid, before):
        keep_abandoned(repo, uid, before)
    return ref


def keep_abandoned(repo: Repository, uid: str, commit: str) -> str:
    """Name work that is about to be put aside; the same commit is kept once."""
    names = _refs(repo, f"refs/loop/{uid}/abandoned-*")
    for ref, kept in names.items():
        if kept == commit:
            return ref
    number = 1 + max((int(ref.rpartition("-")[2]) for ref in names), default=0)
    ref = f"refs/loop/{uid}/abandoned-{number}"
    run(repo, "update-ref", ref, commit, NOTHING)
    return ref


def kept(repo: Repository, uid: str, commit: str, *also: str) -> bool:
    """Whether a ref of this run, or one of the commits in `also`, leads to `commit`."""
    loose = run(repo, "rev-list", "--max-count=1", commit, "--not", *also, f"--glob=refs/loop/{uid}/*").text
    return not loose


def run_numbers(repo: Repository, environment: str) -> int:
    """The highest number among the branches `loop/<environment>-<n>`, those last seen at remotes too; 0 without any."""
    name = re.compile(rf"refs/(?:heads|remotes/.+)/loop/{re.escape(environment)}-([0-9]+)")
    found = (name.fullmatch(ref) for ref in _refs(repo, "refs/heads/loop", "refs/remotes"))
    return max((int(match[1]) for match in found if match), default=0)


def claim(repo: Repository, uid: str, branch: str, commit: str) -> None:
    """Make the run's branch, or see that it is ours already; someone else's branch of that name is an error."""
    mark, ref = f"refs/loop/{uid}/owns/{branch}", f"refs/heads/{branch}"
    if not exists(repo, mark):
        if exists(repo, ref):
            raise UsageError(
                f"the branch {branch} exists and is not of this run",
                where=str(repo.root),
                hint=f"git branch -m {branch} NEW-NAME, or git branch -D {branch}",
            )
        run(repo, "update-ref", mark, commit)
    if not exists(repo, ref):
        run(repo, "update-ref", ref, commit, NOTHING)


def exists(repo: Repository, ref: str) -> bool:
    return run(repo, "show-ref", "--verify", "--quiet", ref, accept=(0, 1)).status == 0


def _refs(repo: Repository, *patterns: str) -> dict[str, str]:
    lines = run(repo, "for-each-ref", "--format=%(objectname) %(refname)", *patterns).text.splitlines()
    return {ref: oid for oid, _, ref in (line.partition(" ") for line in lines)}
