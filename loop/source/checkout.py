"""What is checked out in the user's repository, as `loop doctor` tells it. Reads only."""

from dataclasses import dataclass

from loop.source.git import Repository, fields, run
from loop.source.repository import dirty, find_head


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    branch: str
    """Empty where HEAD is detached."""
    commit: str
    """Empty in a repository without one."""
    dirty: bool
    remotes: tuple[str, ...]


def checkout(repo: Repository) -> Checkout:
    return Checkout(
        branch=run(repo, "symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1)).text,
        commit=find_head(repo) or "",
        dirty=dirty(repo),
        remotes=tuple(run(repo, "remote").text.splitlines()),
    )


def ignored(repo: Repository, path: str) -> bool:
    """Whether git leaves that path below the root out of every commit."""
    return run(repo, "check-ignore", "--quiet", "--", path, accept=(0, 1)).status == 0


def tracked_files(repo: Repository) -> tuple[str, ...]:
    """All files that a snapshot would hold: tracked ones, and those that are neither tracked nor ignored."""
    listed = run(repo, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--deduplicate")
    return tuple(sorted(path for path in fields(listed.out) if (repo.root / path).is_file()))
