"""Where a service stands within an iteration, in two or three words. Pure."""

from dataclasses import dataclass
from datetime import datetime

from loop.console.phrases import Tone
from loop.core.events import BuildFailed, RevisionFailed
from loop.core.state import IterationState, ServiceState


@dataclass(frozen=True, slots=True)
class Phase:
    text: str
    tone: Tone = Tone.STEP
    since: datetime | None = None
    """When it began, while it lasts."""


def phase(service: ServiceState, iteration: IterationState) -> Phase:
    if service.settled:
        return _settled(service)
    if service.created and not service.unchanged:
        return Phase("proving that it serves", since=service.deploying_since)
    if service.deploying_since:
        return Phase("deploying", since=service.deploying_since)
    if service.image and not service.unchanged:
        return Phase(f"built{_waiting(service, iteration)}")
    if service.building_since:
        return Phase("building", since=service.building_since)
    if not service.observed:
        return Phase("looking")
    return Phase("unchanged, proving" if service.unchanged else f"to be deployed{_waiting(service, iteration)}")


def _settled(service: ServiceState) -> Phase:
    match service.failure:
        case BuildFailed():
            return Phase("build failed", Tone.BAD)
        case RevisionFailed():
            return Phase("did not start", Tone.BAD)
        case None:
            if service.unverified:
                return Phase("not verified", Tone.BAD)
            return Phase(_serving(service), Tone.GOOD)
        case _:
            return Phase("unhealthy", Tone.BAD)


def _serving(service: ServiceState) -> str:
    if service.tag and not service.promoted:
        return "candidate answers"
    return "serving, unchanged" if service.unchanged else "serving"


def _waiting(service: ServiceState, iteration: IterationState) -> str:
    after = iteration.definition(service.name).after
    pending = [name for name in after if name in iteration.services and not iteration.services[name].settled]
    return f", waits for {', '.join(pending)}" if pending else ""
