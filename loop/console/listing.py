"""Text of the commands that only look: status, history, show. Values in, text out; ends with a newline."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from loop.console.phases import phase
from loop.console.summary import iterations, last_judged
from loop.console.text import blocks, cut, table, wrapped
from loop.core.back import left_alone
from loop.core.loglines import of_case, words
from loop.core.model import Failing, Judgement
from loop.core.state import IterationState, RunState
from loop.core.wording import (
    RunRow,
    duration,
    moment,
    next_command,
    one_line,
    percent,
    resume_command,
    rows,
    short_commit,
    standing,
    traffic,
)


def history(runs: Sequence[RunRow], *, width: int = 80) -> str:
    """Newest first."""
    if not runs:
        return "No run yet.\n"
    ordered = sorted(runs, key=lambda run: run.started, reverse=True)
    head = ("Run", "Begun (UTC)", "Took", "Iter.", "Verdict", "Passed", "Standing")
    return blocks(table(head, [_run(run) for run in ordered], width))


def _run(run: RunRow) -> tuple[str, ...]:
    passed = f"{run.rate} {percent(run.rate)}" if run.rate else ""
    took = duration((run.last - run.started).total_seconds()) if run.last else ""
    return run.name, moment(run.started)[:16], took, str(run.iterations), run.verdict or "none", passed, run.standing


def status(state: RunState, *, now: datetime, holder: str = "", width: int = 80) -> str:
    """Where a run stands. `holder`: who works at it according to the lease, empty when nobody does."""
    if not holder:
        # what nobody works at takes no longer
        now = state.last
    working = f"{holder} works at it" if holder else "nobody works at it"
    head = f"{state.name} ({state.uid}): {standing(state)}, {working}; begun {moment(state.started)}"
    if state.current is None:
        return blocks(list(wrapped(head, width)), list(_way_on(state, holder)))
    services = [_service(state, state.current, name, now) for name in state.current.services]
    suites = [_suite(state.current, name, now) for name in state.current.suites]
    return blocks(
        list(wrapped(head, width)),
        [cut(f"{state.current.title}: {short_commit(state.current.commit)} {state.current.subject}", width)],
        table(("Service", "State", "", "Traffic"), services, width),
        table(("Suite", "State"), suites, width),
        iterations(rows(state), width),
        list(_way_on(state, holder)),
    )


def _service(state: RunState, iteration: IterationState, name: str, now: datetime) -> tuple[str, ...]:
    service = iteration.services[name]
    where = phase(service, iteration)
    took = duration((now - where.since).total_seconds()) if where.since else ""
    # what somebody else moved serves no longer as it was read
    return name, where.text, took, "left alone" if name in left_alone(state) else traffic(service)


def _suite(iteration: IterationState, name: str, now: datetime) -> tuple[str, str]:
    suite = iteration.suites[name]
    if suite.result:
        counts = ", ".join(f"{n} {outcome}" for outcome, n in suite.result.counts.items() if n)
        return name, f"{counts or 'no case'} in {duration(suite.result.seconds)}"
    return name, f"begun {duration((now - suite.started).total_seconds())} ago" if suite.started else "not run yet"


def _way_on(state: RunState, holder: str) -> Iterator[str]:
    if state.paused:
        yield f"Paused: {one_line(state.paused.message)}"
        if state.paused.hint:
            yield f"To mend it: {one_line(state.paused.hint)}"
    for name, why in left_alone(state).items():
        yield f"Left alone: {name}, {one_line(why)}"
    if state.asked_back and not holder:
        yield f"Next: {next_command(state)}"
    elif (not state.ended or state.owes) and not holder:
        yield f"Next: {next_command(state) if state.paused else resume_command(state)}"


def show(state: RunState, number: int | None = None, *, width: int = 80) -> str:
    """A run, or one of its iterations. Signatures are printed whole: they are there to be copied."""
    iteration = state.iteration(number) if number is not None else last_judged(state) or state.current
    head = list(wrapped(f"{state.name} ({state.uid}), begun {moment(state.started)}: {standing(state)}", width))
    if iteration is None:
        return blocks(head)
    shown = state.up_to(iteration.number) if number is not None else state
    return blocks(head, iterations(rows(shown), width), *_iteration(iteration, width), _report(iteration))


def _iteration(iteration: IterationState, width: int) -> Iterator[list[str]]:
    yield [cut(f"{iteration.title}: {short_commit(iteration.commit)} {iteration.subject}", width)]
    judgement = iteration.judgement
    if judgement is None:
        return
    yield list(wrapped(f"Verdict {judgement.verdict}: {judgement.rule}", width))
    said = [reason for reason in judgement.reasons if reason != judgement.rule]
    yield [row for reason in said for row in wrapped(reason, width, "  ")]
    yield [row for failing in judgement.failing for row in _failing(failing, iteration)]
    yield list(_named(judgement))


def _failing(failing: Failing, iteration: IterationState) -> Iterator[str]:
    yield f"{failing.outcome}: {one_line(failing.id, 2_000)}"
    yield f"  signature: {one_line(failing.signature or failing.message or 'none', 2_000)}"
    if failing.known:
        yield f"  known issue: {one_line(failing.known)}"
    for each in of_case(iteration, failing.id):
        yield f"  | {one_line(words(each), 2_000)}"


def _named(judgement: Judgement) -> Iterator[str]:
    for word, ids in (("flaky", judgement.flaky), ("xpassed", judgement.xpassed), ("weakened", judgement.weakened)):
        yield from (f"{word}: {one_line(each, 2_000)}" for each in ids)


def _report(iteration: IterationState) -> list[str]:
    return [iteration.report] if iteration.report else []
