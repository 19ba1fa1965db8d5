"""What of our own may go: tags and revisions of runs that nobody goes back to. Pure.

Cloud Run takes 2,000 tags per project and region, then the oldest without traffic vanish without a word, and 1,000
revisions per service (https://cloud.google.com/run/quotas). What somebody else made is never touched.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionSeen:
    """A revision as the platform lists it."""

    name: str
    created: datetime
    run: str = ""
    """uid of the run that made it; empty where loop did not."""
    serving: bool = False
    latest: bool = False
    """Cloud Run refuses to delete the one that was created last."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    tags: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    """Oldest first."""


def pruning(seen: Sequence[RevisionSeen], *, keep: int, needed: Collection[str]) -> Pruning:
    """Keeps the newest `keep` runs and the newest `keep` revisions of ours, what serves, and what is `needed`.

    `needed`: revisions that a roll back of a kept run would give traffic to.
    """
    ours = sorted((r for r in seen if r.run), key=lambda r: r.created, reverse=True)
    kept_runs = list(dict.fromkeys(r.run for r in ours))[:keep]
    kept = {r.name for r in ours[:keep]} | set(needed)
    old = [r for r in ours if r.run not in kept_runs and r.name not in kept]
    tags = tuple(sorted(tag for r in old for tag in r.tags if _made_by(tag, r.run)))
    gone = [r for r in reversed(old) if not r.serving and not r.latest and set(r.tags) <= set(tags)]
    return Pruning(tags=tags, revisions=tuple(r.name for r in gone))


def _made_by(tag: str, run: str) -> bool:
    """`l<uid>-<k>`, on a revision of that run."""
    head, _, number = tag.rpartition("-")
    return head == f"l{run}" and number.isdecimal()
