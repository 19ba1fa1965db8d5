"""The last lines of a run, for stdout: the table, how it ended, what did not pass, what to do next, and the report."""

from collections.abc import Iterator

from loop.console.text import blocks, cut, cut_left, table, wrapped
from loop.core.actions import Ending
from loop.core.back import left_alone, rolled_back
from loop.core.figures import missed
from loop.core.loglines import of_case, words
from loop.core.model import Failing, Verdict
from loop.core.state import IterationState, RunState
from loop.core.traffic import restoration_due, takes_over, unasked_words
from loop.core.wording import (
    ACCEPT,
    Row,
    how_ended,
    next_command,
    one_line,
    printable,
    resume_command,
    rows,
    sentence,
    serves_last,
    split_words,
    standing,
    standing_words,
    under_way,
    weak_evidence,
)

_HEAD = ("Iteration", "Rate", "Passed", "Change", "What came to pass")
_SHOWN = 10
_LOG_LINES = 8
_WRITTEN = 3
"""Lines of the services' logs per case; brief and report have more."""


def summary(state: RunState, report: str | None, *, width: int = 80) -> str:
    """Ends with a newline; its last line is the report's path where there is one."""
    told = (
        _table, _ending, _unasked, _not_passed, _targets, lambda state, width: _weak(state, report, width), _trouble,
        _hooks, _put_back, _left_behind,
    )  # fmt: skip
    paragraphs = [list(tell(state, width)) for tell in told]
    return blocks(*paragraphs, list(_next(state)), [report] if report else [])


def _table(state: RunState, width: int) -> list[str]:
    return iterations(rows(state), width) if state.iterations else []


def iterations(shown: tuple[Row, ...], width: int) -> list[str]:
    return table(_HEAD, [(r.title, r.rate, r.passed, r.change, r.came) for r in shown], width, whole=(2,))


def _ending(state: RunState, width: int) -> Iterator[str]:
    emulated = " (on the embedded emulator)" if state.charter.platform.emulated else ""
    if state.asked_back:
        where = f" ({state.paused.where})" if state.paused and state.paused.where else ""
        why = f" - {state.paused.message}{where}" if state.paused else ""
        yield from wrapped(f"{state.name}{emulated}: {sentence(standing(state) + why)}", width)
    elif state.ended:
        yield from wrapped(f"{state.name}{emulated}: {how_ended(state)}", width)
    elif state.paused:
        where = f" ({state.paused.where})" if state.paused.where else ""
        yield from wrapped(f"{state.name}{emulated}: paused - {sentence(state.paused.message + where)}", width)
    else:
        yield from wrapped(f"{state.name}{emulated}: {'interrupted' if state.interrupted else 'not ended'}.", width)


def _unasked(state: RunState, width: int) -> Iterator[str]:
    """Of a confirmation, of what it confirms: that is what takes the traffic."""
    iteration = last_judged(state)
    if iteration is None or iteration.judgement is None or iteration.judgement.verdict is Verdict.INVALID:
        return
    tested = iteration if iteration.confirms is None else state.iteration(iteration.confirms)
    words = unasked_words(tested)
    if words and not (state.ended and words in state.ended.sentence):
        yield from wrapped(f"{tested.title}: {words}", width)


def last_judged(state: RunState) -> IterationState | None:
    return next((i for i in reversed(state.iterations) if i.judgement), None)


def _not_passed(state: RunState, width: int) -> Iterator[str]:
    iteration = last_judged(state)
    judgement = iteration.judgement if iteration else None
    if iteration is None or judgement is None or not (judgement.failing or judgement.weakened):
        return
    yield f"Not passed in {iteration.title} ({len(judgement.failing) + len(judgement.weakened)}):"
    above: tuple[str, ...] = ()
    for case in judgement.failing[:_SHOWN]:
        yield from _case(case, width)
        written = _written(iteration, case, width)
        yield from ("    | as above",) if written and written == above else written
        above = written or above
    if len(judgement.failing) > _SHOWN:
        yield f"  and {len(judgement.failing) - _SHOWN} more, see the report"
    for weakened in judgement.weakened[:_SHOWN]:
        yield f"  {cut_left(weakened, width - 13)} (weakened)"


def _case(case: Failing, width: int) -> Iterator[str]:
    yield f"  {cut_left(case.id, width - 2)}"
    about = f"{case.outcome}{', known issue' if case.known else ''}: {case.message or case.signature or 'no message'}"
    yield f"    {cut(about, width - 4)}"


def _written(iteration: IterationState, case: Failing, width: int) -> tuple[str, ...]:
    """The end of what its services wrote meanwhile; a line that tells of an error, where there is one, is the last."""
    return tuple(f"    | {cut(words(each), width - 6)}" for each in of_case(iteration, case.id)[-_WRITTEN:])


def _targets(state: RunState, width: int) -> Iterator[str]:
    iteration = last_judged(state)
    told = missed(iteration.judgement.targets) if iteration and iteration.judgement else ""
    if told:
        yield from wrapped(told, width)


def _weak(state: RunState, report: str | None, width: int) -> Iterator[str]:
    iteration = last_judged(state)
    if iteration and iteration.judgement and iteration.judgement.baseline_note:
        yield from wrapped(iteration.judgement.baseline_note, width)
    told = weak_evidence(iteration) if iteration and report else ""
    if told:
        yield from wrapped(f"{told}: see Weak evidence in the report", width)


def _trouble(state: RunState, width: int) -> Iterator[str]:
    if state.current is None:
        return
    for service in state.current.services.values():
        if service.failure:
            yield from wrapped(f"{service.name}: {service.failure.reason}", width)
            yield from (f"  | {cut(printable(line), width - 4)}" for line in service.failure.log[-_LOG_LINES:])
        elif service.unverified:
            yield from wrapped(f"{service.name}: {service.unverified}", width)


def _hooks(state: RunState, width: int) -> Iterator[str]:
    for failed in state.current.hook_failures if state.current else ():
        yield from wrapped(f"hook {failed.hook}: {failed.reason} ({failed.command})", width)
        yield from (f"  | {cut(printable(line), width - 4)}" for line in failed.log[-_LOG_LINES:])


def _put_back(state: RunState, width: int) -> Iterator[str]:
    """Who serves otherwise than while it was tested, and what of it is somebody else's by now."""
    restored = state.current.restoration if state.current else None
    if restored is None:
        return
    for name, split in restored.restored.items():
        yield from wrapped(f"Put back ({restored.why}): {name} to {split_words(s for s in split if s.percent)}", width)
    for name, told in standing_words(restored):
        yield from wrapped(f"{name}: {told}", width)
    for name, why in restored.left.items() if not state.asked_back else ():
        yield from wrapped(f"Left alone: {name}, {one_line(why)}", width)


def _left_behind(state: RunState, width: int) -> Iterator[str]:
    """What a run, or a roll back, that stopped halfway leaves on the platform."""
    if state.current is None or not _halfway(state, state.current):
        return
    for service, operation in under_way(state, state.current):
        yield cut(f"Still open: {service}, {operation}", width)
    left = left_alone(state)
    for name in state.current.services:
        if name not in left and serves_last(state, name):
            yield cut(f"Serving: {name}, {serves_last(state, name)}", width)
    for name, why in left.items():
        yield from wrapped(f"Left alone: {name}, {one_line(why)}", width)
    if not state.asked_back and takes_over(state):
        yield f"Back to what served before: loop rollback {state.name}"


def _halfway(state: RunState, it: IterationState) -> bool:
    """Also between a verdict and the end, where traffic was moved, or was to be."""
    if state.asked_back:
        return not rolled_back(state)
    if state.ended:
        return False
    moved = any(s.promoted for s in it.services.values()) or restoration_due(state, it)
    return it.judgement is None or moved or bool(under_way(state, it))


_FIRST = {
    Ending.WAITING: "commit a fix",
    Ending.DEPLOY_FAILING: "mend it",
    Ending.INVALID: "mend it",
}


def _next(state: RunState) -> Iterator[str]:
    if state.paused and state.paused.hint:
        yield f"To mend it: {one_line(state.paused.hint)}"
    if state.owes:
        yield f"The hook on_end has not ended: {resume_command(state)}"
    elif state.asked_back and not rolled_back(state):
        test = f"to test what serves now: loop run --env {state.environment}"
        again = next_command(state)
        yield f"Next: {again}; {test}" if state.back is None else f"Next: {test}; to try the roll back again: {again}"
    elif next_command(state):
        yield f"Next: {', then '.join([*_first(state), next_command(state)])}"


def _first(state: RunState) -> Iterator[str]:
    """Without which the command would find what the run ended with."""
    if state.ended is None or state.asked_back:
        return
    iteration = last_judged(state)
    judgement = iteration.judgement if iteration else None
    weakened = judgement is not None and bool(judgement.weakened) and state.ended.exit_code != 0
    if weakened:
        yield f"restore the weakened cases or record why they may go ({ACCEPT})"
    if state.ended.ending in _FIRST and not (weakened and judgement and not judgement.failing):
        yield _FIRST[state.ended.ending]
