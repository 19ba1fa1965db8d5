"""`loop prune`: take away what loop made and nobody goes back to, service by service."""

from collections.abc import Iterator, Sequence

from loop.cloud import Platform
from loop.core.environment import Service
from loop.core.pruning import Pruning, pruning
from loop.core.state import RunState
from loop.core.traffic import found_first, shares
from loop.errors import Wait

Chosen = tuple[Service, Pruning, int]
"""A service, what of it goes, and how many revisions it has."""


def chosen(services: Sequence[Service], runs: Sequence[RunState], platform: Platform, keep: int) -> Iterator[Chosen]:
    """`runs`: the environment's, newest first; those that are kept may still be rolled back. Reads only."""
    for service in services:
        seen = platform.revisions(service)
        needed = {revision for run in runs[:keep] for revision in _found(run, service.name)}
        yield service, pruning(seen, keep=keep, needed=needed), len(seen)


def prune(service: Service, what: Pruning, platform: Platform, *, fence: str, wait: Wait) -> None:
    """Tags first: a revision that has one can not be deleted."""
    if what.tags:
        platform.drop_tags(service, frozenset(what.tags), fence=fence, wait=wait)
    for revision in what.revisions:
        platform.delete_revision(service, revision, wait=wait)


def _found(run: RunState, service: str) -> set[str]:
    serving = found_first(run).get(service)
    return set(shares(serving.traffic)) if serving else set()
