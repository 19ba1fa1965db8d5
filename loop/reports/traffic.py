"""What became of the traffic: which candidates were tested with whom, promoted, or put back, and the way back."""

from collections.abc import Iterator

from loop.core.events import PromotionUndone, ServicesRestored
from loop.core.state import IterationState
from loop.core.traffic import Pair, candidates, made, pairs, shares, unasked_words
from loop.core.wording import sentence, split_words, standing_words
from loop.reports.document import Block, Bullet, Bullets, Code, Line, Paragraph, Strong, line
from loop.reports.subject import Subject


def traffic_told(subject: Subject) -> Iterator[Block]:
    iteration = subject.iteration
    told = tuple(_told(subject, iteration))
    if told:
        yield Paragraph(line("Traffic:"))
        yield Bullets(told)


def _told(subject: Subject, iteration: IterationState) -> Iterator[Bullet]:
    chosen = candidates(iteration)
    if chosen:
        names = ", ".join(s.name for s in chosen)
        yield Bullet(line(f"Tested behind a tag, without traffic: {names}"))
        if words := unasked_words(iteration):
            no = "no request"
            yield Bullet(line(Strong(no.capitalize()), words.removeprefix(no), "; nothing was tested there"))
    if iteration.confirms is not None:
        yield Bullet(
            line(f"Confirms the promotion after iteration {iteration.confirms}: the same commit, where it serves")
        )
    for pair in pairs(iteration):
        yield Bullet(_pair(pair, iteration))
    if iteration.promotion:
        yield _promoted(iteration, iteration.promotion.services)
    if iteration.undone:
        yield from _undone(iteration.undone)
    told = [each for each in iteration.restorations if each.restored or each.left] or iteration.restorations[-1:]
    for each in told:
        yield from _restored(each)
    yield from _way_back(subject, iteration)


def _pair(pair: Pair, iteration: IterationState) -> Line:
    found = iteration.services[pair.called].found
    serving = ", ".join(shares(found.traffic)) if found else "nothing"
    told = f" was tested while it called {pair.called}'s serving revision "
    return line(Strong(pair.caller), told, Code(serving), f", not the candidate of {pair.called}")


def _promoted(iteration: IterationState, names: tuple[str, ...]) -> Bullet:
    applied = {name: iteration.services[name].applied for name in names}
    told = tuple(line(Strong(name), f", with the traffic: {'; '.join(said)}") for name, said in applied.items() if said)
    return Bullet(line(Strong("Promoted"), f" as one unit: {', '.join(names)}"), told)


def _undone(undone: PromotionUndone) -> Iterator[Bullet]:
    back = f" Put back: {', '.join(undone.restored)}." if undone.restored else " No other service had taken traffic."
    yield Bullet(line(Strong("Promotion failed"), f" at {undone.service}: {sentence(undone.reason)}{back}"))
    for service, why in undone.left.items():
        yield Bullet(line(Strong(service), f" could not be put back: {why}"))
    yield from _standing(undone)


def _restored(restored: ServicesRestored) -> Iterator[Bullet]:
    told = tuple(line(Strong(name), f": {split_words(split)}") for name, split in restored.restored.items())
    if told:
        yield Bullet(line(Strong("Put back"), f" to the split that the run found ({restored.why}):"), told)
    if restored.untouched:
        yield Bullet(line(f"Had that split still: {', '.join(restored.untouched)}"))
    for service, why in restored.left.items():
        yield Bullet(line(Strong(service), f" was left alone: {why}"))
    yield from _standing(restored)


def _standing(back: PromotionUndone | ServicesRestored) -> Iterator[Bullet]:
    return (Bullet(line(Strong(service), f": {words}")) for service, words in standing_words(back))


def _way_back(subject: Subject, iteration: IterationState) -> Iterator[Bullet]:
    """Offered where something of this run takes traffic and there was something before it."""
    state = subject.state
    stopped = state.ended or state.interrupted or state.paused
    if not subject.last or not stopped or iteration.restorations or state.asked_back:
        return
    ours = [s for s in iteration.definitions if _serves(iteration, s.name) in made(state, s)]
    if any(iteration.services[s.name].found for s in ours):
        yield Bullet(line("The split that the run found comes back with ", Code(f"loop rollback {state.name}")))


def _serves(iteration: IterationState, name: str) -> str:
    service = iteration.services[name]
    read = service.promoted or (service.ready.serving if service.ready else service.created)
    taking = shares(read.traffic) if read else {}
    return next(iter(taking), "")
