"""Who takes traffic, and what a run does about it: candidates, promotion as one unit, confirmation, restoration. Pure.

A candidate calls the *serving* revisions of what it depends on, because the revision that was tested must be the one
that is promoted. Where such a one changed too, the two were not tested together: that is what a confirmation is for.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from loop.core import evidence
from loop.core.environment import Charter, OnFailure, Promotion, Service, Strategy
from loop.core.events import RevisionFailed
from loop.core.model import Serving, Split, Standing, Verdict
from loop.core.names import revision_name
from loop.core.state import IterationState, RunState, ServiceState

_URL_OF = re.compile(r"\$\{services\.([A-Za-z0-9_-]+)\.url\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`caller` was tested while it called the revision of `called` that serves, and not the one that is to come."""

    caller: str
    called: str


def candidates(it: IterationState) -> tuple[Service, ...]:
    """The services that an iteration tested behind a tag; what others depend on comes first."""
    return tuple(s for s in in_order(it.definitions) if it.services[s.name].tag)


def unasked(it: IterationState) -> tuple[str, ...]:
    """The candidates that no suite sent a request: its verdict says nothing of them."""
    found = [suite.evidence for suite in it.suites.values()]
    return tuple(s.name for s in candidates(it) if evidence.unasked(s.name, found))


def unasked_words(it: IterationState) -> str:
    """`no request reached the candidate of a`; empty where each was asked, or that is not known."""
    names = unasked(it)
    return f"no request reached the {evidence.of_candidates(names)}" if names else ""


def in_order(services: Iterable[Service]) -> tuple[Service, ...]:
    """By `after:`, else as the file has them; circles are refused by the configuration."""
    waiting, ordered = list(services), list[Service]()
    while waiting:
        names = {s.name for s in waiting}
        ready = [s for s in waiting if not names & set(s.after) - {s.name}] or waiting
        ordered += ready
        waiting = [s for s in waiting if s not in ready]
    return tuple(ordered)


def calls(service: Service) -> frozenset[str]:
    """The services whose address its environment names."""
    return frozenset(name for text in service.env.values() for name in _URL_OF.findall(text)) - {service.name}


def pairs(it: IterationState) -> tuple[Pair, ...]:
    changed = {s.name for s in candidates(it)}
    return tuple(
        Pair(caller=s.name, called=called) for s in it.definitions for called in sorted(calls(s) & changed)
    )  # fmt: skip


def shares(splits: Iterable[Split]) -> dict[str, int]:
    """Revision -> percent, tags left aside."""
    found: dict[str, int] = {}
    for split in splits:
        if split.percent:
            found[split.revision] = found.get(split.revision, 0) + split.percent
    return found


def found_first(state: RunState) -> Mapping[str, Serving | None]:
    """Every service as the run found it when it first looked; None for one that did not exist. Not those of others."""
    found: dict[str, Serving | None] = {}
    for it in state.iterations:
        for service in it.services.values():
            if service.observed and not it.definition(service.name).existing:
                found.setdefault(service.name, service.found)
    return found


def wanted_back(state: RunState, it: IterationState) -> Mapping[str, Serving | None]:
    """The split to put back: what a promotion that is not confirmed took the place of, else what the run found."""
    promoted = state.iteration(it.confirms) if it.confirms is not None else it
    chosen = candidates(promoted)
    if chosen and not state.rollback and unconfirmed(state, it):
        return {s.name: promoted.services[s.name].found for s in chosen}
    return found_first(state)


def standing_first(state: RunState, name: str) -> Standing | None:
    """What held for the whole service before the run changed any of it; None where the journal does not say.

    Who may call it is asked from the iteration on whose configuration has `access:`, and changed by none before.
    """
    seen = [s.standing for it in state.iterations if (s := it.services.get(name)) and s.standing]
    everyone = next((standing.everyone for standing in seen if standing.everyone is not None), None)
    return replace(seen[0], everyone=everyone) if seen else None


def defined(state: RunState, name: str) -> tuple[Service, ...]:
    """The service as each iteration defines it."""
    return tuple(s for it in state.iterations for s in it.definitions if s.name == name)


def why_back(state: RunState) -> str:
    """Why the split is wanted back."""
    if state.rollback:
        return "asked for with loop rollback"
    it = state.current
    if it is not None and state.deadline_passed and unconfirmed(state, it):
        return "the promotion was not confirmed in time"
    if it is not None and it.confirms is not None:
        return "the promotion was not confirmed"
    return "the run did not meet its goal (on_failure: restore)"


def definition(state: RunState, name: str) -> Service:
    """As the newest iteration that has the service defines it."""
    return next(s for it in reversed(state.iterations) for s in it.definitions if s.name == name)


def made(state: RunState, service: Service) -> frozenset[str]:
    """Names of all revisions of the service that this run may have made."""
    return frozenset(revision_name(service.service, state.uid, it.number) for it in state.iterations)


def takes_over(state: RunState) -> bool:
    """A revision of this run takes, or may take, the place of one that it found."""
    found = found_first(state)
    made_here = [s for it in state.iterations for s in it.services.values() if s.created and not s.unchanged]
    return any(found.get(s.name) for s in made_here)


# what decide asks


def promotion_due(state: RunState, it: IterationState) -> bool:
    """A passed verdict opens it; with `promote: manual` somebody has to ask as well."""
    allowed = state.charter.traffic.promote is Promotion.AUTOMATIC or state.promote
    return allowed and promotable(it)


def promotable(it: IterationState) -> bool:
    """It tested candidates, they passed, and they neither serve nor did so once."""
    passed = it.judgement is not None and it.judgement.verdict is Verdict.PASSED
    moved = it.promotion is not None or it.restoration is not None
    return passed and it.confirms is None and not moved and bool(candidates(it))


def confirmation(charter: Charter) -> tuple[str, ...] | None:
    """The suites that confirm a promotion, None for all; an empty tuple where none is wanted."""
    return charter.traffic.confirm


def confirmation_due(state: RunState, it: IterationState) -> bool:
    return it.promotion is not None and it.restoration is None and confirmation(state.charter) != ()


def unconfirmed(state: RunState, it: IterationState) -> bool:
    """Candidates serve, all or some, and nothing says yet that they do so well: a run must not end like that."""
    if it.restoration is not None:
        return False
    if it.confirms is not None:
        return it.judgement is None or it.judgement.verdict is not Verdict.PASSED
    serving = it.promotion is not None or any(s.promoted for s in it.services.values())
    return serving and not (it.promotion is not None and confirmation(state.charter) == ())


def restoration_due(state: RunState, it: IterationState) -> bool:
    """At the end of a run that did not meet its goal."""
    if unconfirmed(state, it):
        return True
    if not restores(state.charter) or it.restoration is not None:
        return False
    return any(_deployed(s) for i in state.iterations for s in i.services.values())


def _deployed(service: ServiceState) -> bool:
    """A revision that failed counts: it took no traffic, but what holds for the whole service came with it."""
    return bool(service.created or isinstance(service.failure, RevisionFailed)) and not service.unchanged


def restores(charter: Charter) -> bool:
    """A run that deployed directly puts back what it found when it ends without having met its goal."""
    return charter.traffic.strategy is Strategy.DIRECT and charter.traffic.on_failure is OnFailure.RESTORE
