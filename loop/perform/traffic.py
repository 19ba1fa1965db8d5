"""Who takes traffic after the verdict: promote what was tested, or put back what was found. Each as one unit.

Both look at the platform before they change it, so that an attempt that was killed halfway is gone on with.
"""

from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field

from loop import cloud
from loop.core.actions import PromoteServices, RestoreServices
from loop.core.environment import Service
from loop.core.events import PromotionUndone, ServicePromoted, ServiceRestored, ServicesPromoted, ServicesRestored
from loop.core.model import Serving, Split
from loop.core.state import IterationState, RunState, ServiceState
from loop.core.traffic import (
    candidates,
    confirmation,
    defined,
    definition,
    in_order,
    made,
    shares,
    standing_first,
    wanted_back,
    why_back,
)
from loop.core.wording import read_last
from loop.errors import Conflict, Missing, Moved, PlatformError
from loop.perform import identity
from loop.perform.emit import Emit
from loop.perform.setting import Setting

NEW = "it did not serve before the run"


def promote(action: PromoteServices, setting: Setting, emit: Emit) -> None:
    """All or none: where one fails, the others are put back, and the error stops the run, resumable."""
    it = emit.state.iteration(action.iteration)
    chosen = candidates(it)
    current = chosen[0]
    try:
        _check_the_others(it, setting, emit)
        for current in chosen:
            moved = _promoted(current, it, setting, emit)
            _prove(current, it, setting, emit)
            emit(
                ServicePromoted(
                    iteration=it.number,
                    service=current.name,
                    serving=moved.serving,
                    settings=tuple(map(setting.redact, moved.settings)),
                )
            )
    except PlatformError as error:
        found = {s.name: it.services[s.name].found for s in chosen}
        back = _put_back(chosen, found, setting, emit, number=it.number, despite=PlatformError)
        reason = setting.redact(error.message)
        perhaps = _perhaps_moved(it.number, current, back, emit.state)
        left = {name: why for name, why in back.left.items() if name in perhaps}
        emit(
            PromotionUndone(
                iteration=it.number,
                service=current.name,
                reason=reason,
                restored=tuple(back.restored),
                left=left,
                settings=back.settings,
                kept=back.kept,
            )
        )
        raise
    emit(ServicesPromoted(iteration=it.number, services=tuple(s.name for s in chosen)))


def _perhaps_moved(number: int, current: Service, back: "Back", state: RunState) -> Set[str]:
    """The services that the promotion gave traffic to, as far as known: only those can stay where they should not."""
    services = state.iteration(number).services
    moved = {name for name, service in services.items() if service.promoted}
    again = state.attempt("PromoteServices", number) > 1  # a killed attempt may have moved one that it did not tell of
    return moved | ((services.keys() if again else {current.name}) - back.elsewhere)


def restore(action: RestoreServices, setting: Setting, emit: Emit) -> None:
    state = emit.state
    found = wanted_back(state, state.iteration(action.iteration))
    services = [definition(state, name) for name in found]
    back = _put_back(services, found, setting, emit, number=action.iteration, despite=Conflict)
    emit(
        ServicesRestored(
            iteration=action.iteration,
            restored=back.restored,
            untouched=tuple(back.untouched),
            left=back.left,
            why=why_back(state),
            settings=back.settings,
            kept=back.kept,
        )
    )


def ask_back(service: Service, known: ServiceState, setting: Setting, emit: Emit) -> str:
    """A revision that took no traffic, for it did not start, is still asked for, and blocks whoever deploys next:
    ask for what serves. A sentence where that failed.
    """
    serving = _shares(known.found)
    if known.tag or not serving:
        return ""
    shift = cloud.Shift(service=service, to=serving, ours=made(emit.state, service), fence=setting.fence)
    try:
        setting.platform().move_traffic(shift, wait=emit.wait)
    except Moved:
        return ""
    except PlatformError as error:
        return f"the service still asks for it, for that could not be taken back: {setting.redact(error.message)}"
    return ""


def _check_the_others(it: IterationState, setting: Setting, emit: Emit) -> None:
    """What was tested beside the candidates must serve still: the verdict is about the whole set."""
    for service in it.definitions:
        known = it.services[service.name]
        now = "" if known.tag else setting.platform().serving(service, wait=emit.wait).revision
        if not known.tag and now != known.revision:
            raise Conflict(
                f"{service.name} serves {now or 'several revisions'}, the candidates were tested with {known.revision}",
                where=service.service,
                hint=f"test the set again: loop run --env {emit.state.environment}",
            )


def _promoted(service: Service, it: IterationState, setting: Setting, emit: Emit) -> cloud.Shifted:
    known = it.services[service.name]
    shift = cloud.Shift(
        service=service,
        to={known.revision: 100},
        ours=made(emit.state, service),
        expected=_shares(known.found),
        fence=setting.fence,
        apply=True,
    )
    return setting.platform().move_traffic(shift, wait=emit.wait)


def _prove(service: Service, it: IterationState, setting: Setting, emit: Emit) -> None:
    """A confirmation proves it anyway; without one this is the only proof at the service's own address."""
    if confirmation(emit.state.charter) != ():
        return
    platform, revision = setting.platform(), it.services[service.name].revision
    within = emit.state.charter.evidence.wait
    headers = identity.headers(service, setting, emit)
    proof = platform.probe(
        service, platform.url(service), revision, wait=emit.wait, evidence_within=within, headers=headers
    )
    if not isinstance(proof, cloud.Proven):
        raise PlatformError(
            f"{revision} took the traffic, but is not proven to serve: {setting.redact(proof.reason)}",
            where=platform.url(service),
            hint=f"see why, then: loop resume {emit.state.name}",
        )


@dataclass(slots=True)
class Back:
    """What became of services whose earlier split was wanted back."""

    restored: dict[str, tuple[Split, ...]] = field(default_factory=dict)
    untouched: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    """Service -> why it was left as it is."""
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a service's own settings: what went back with the split, and what somebody else changed since."""
    elsewhere: set[str] = field(default_factory=set)
    """Those of `left` that serve what is not of this run."""


def _put_back(
    services: Iterable[Service], found: Mapping[str, Serving | None], setting: Setting, emit: Emit,
    *, number: int, despite: type[PlatformError],
) -> Back:  # fmt: skip
    """What depends on others goes first. A service that fails with `despite`, or is gone, does not hold up the rest."""
    back, earlier = Back(), dict(emit.state.put_back)
    again = emit.state.attempt("RestoreServices", number) > 1
    for service in reversed(in_order(services)):
        wanted = _shares(found[service.name])
        if not wanted:
            back.left[service.name] = NEW
            continue
        # only where the present split is one that this run made: Moved where it is somebody else's
        shift = cloud.Shift(
            service=service,
            to=wanted,
            ours=made(emit.state, service),
            fence=setting.fence,
            back=standing_first(emit.state, service.name),
            definitions=defined(emit.state, service.name),
        )
        before = _last_read(emit.state, service.name)
        try:
            there = setting.platform().in_place(shift, wait=emit.wait)
            moved = setting.platform().move_traffic(shift, wait=emit.wait)
        except PlatformError as trouble:
            _tell_what_moved(service, wanted, before, setting, emit, number=number)
            if not isinstance(trouble, despite | Missing):
                raise
            back.left[service.name] = setting.redact(trouble.message)
            back.elsewhere |= {service.name} if isinstance(trouble, Moved) else set()
            continue
        settings = tuple(map(setting.redact, moved.settings))
        # an attempt that was broken off may have moved it; otherwise somebody else did, and it is no work of ours
        ours = not there or (again and before != wanted)
        if ours:
            back.restored[service.name] = moved.serving.traffic
        else:
            back.untouched.append(service.name)
        if ours or before != wanted:
            emit(
                ServiceRestored(
                    iteration=number, service=service.name, traffic=moved.serving.traffic, settings=settings
                )
            )
        if settings:
            back.settings[service.name] = settings
        if moved.kept:
            back.kept[service.name] = tuple(map(setting.redact, moved.kept))
    return _with_earlier(back, earlier)


def _with_earlier(back: Back, earlier: Mapping[str, ServiceRestored]) -> Back:
    """With what attempts that were broken off had put back."""
    for name, told in earlier.items():
        back.restored.setdefault(name, told.traffic)
        back.settings[name] = tuple(dict.fromkeys((*told.settings, *back.settings.get(name, ()))))
    back.untouched = [name for name in back.untouched if name not in back.restored]
    back.settings = {name: said for name, said in back.settings.items() if said}
    return back


def _tell_what_moved(
    service: Service, wanted: dict[str, int], before: dict[str, int], setting: Setting, emit: Emit, *, number: int
) -> None:
    """The traffic may be back although what came after it failed; what can not be read is not told."""
    with suppress(PlatformError):
        serving = setting.platform().serving(service, wait=emit.wait)
        if shares(serving.traffic) == wanted != before:
            emit(ServiceRestored(iteration=number, service=service.name, traffic=serving.traffic))


def _last_read(state: RunState, name: str) -> dict[str, int]:
    """The split as the journal knows it; an attempt that was killed may have changed it since."""
    for it in reversed(state.iterations):
        service = it.services.get(name)
        read = read_last(service) if service else None
        if service and (service.restored or read):
            return shares(service.restored or (read.traffic if read else ()))
    return {}


def _shares(serving: Serving | None) -> dict[str, int]:
    return shares(serving.traffic) if serving else {}
