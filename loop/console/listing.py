"""Text of the commands that only look: status, history, show, plan. Values in, text out; ends with a newline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from loop.console.phases import phase
from loop.console.summary import iterations, last_judged
from loop.console.text import cut, table, wrapped
from loop.core.model import Failing, Judgement
from loop.core.state import IterationState, RunState
from loop.core.wording import (
    RunRow,
    duration,
    moment,
    one_line,
    percent,
    resume_command,
    rows,
    short_commit,
    short_image,
    standing,
    traffic,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedService:
    name: str
    wanted: str
    """Content digest or image that the commit asks for."""
    serving: str
    """Revision that serves now; empty for none."""
    serving_commit: str = ""
    serving_digest: str = ""
    """Content digest, cut, of what serves; empty where it carries none of ours."""
    deploy: bool
    build: bool
    reason: str
    """What differs, or why it is unchanged."""
    differs: tuple[str, ...] = ()
    """Every difference, where there are several."""
    seconds: float | None = None
    """Forecast until it serves; None where there is no history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSuite:
    name: str
    cases: int | None = None
    """As many as it had when it last ran; None where it never did."""
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHook:
    name: str
    command: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    environment: str
    commit: str
    subject: str
    uncommitted: bool = False
    emulated: bool = False
    services: tuple[PlannedService, ...] = ()
    suites: tuple[PlannedSuite, ...] = ()
    hooks: tuple[PlannedHook, ...] = ()
    seconds: float | None = None
    """Forecast of the whole iteration."""
    notes: tuple[str, ...] = ()


_SERVICES = ("Service", "Serving", "Wanted", "What will be done", "Forecast")


def plan(planned: Plan, *, width: int = 80) -> str:
    mark = ", uncommitted changes" if planned.uncommitted else ""
    where = " on the embedded emulator" if planned.emulated else ""
    head = f"{planned.environment}{where}: {short_commit(planned.commit)} {planned.subject}{mark}"
    return _text(
        list(wrapped(head, width)),
        table(_SERVICES, [_planned(s) for s in planned.services], width),
        [row for s in planned.services for row in _why(s, planned.commit, width)],
        table(("Suite", "Cases", "Forecast"), [_tested(s) for s in planned.suites], width),
        table(("Hook", "Command", "Forecast"), [_called(h) for h in planned.hooks], width) if planned.hooks else [],
        [row for note in planned.notes for row in wrapped(note, width)],
        [f"One iteration: {_forecast(planned.seconds)}. Nothing was changed by looking."],
    )


def _tested(suite: PlannedSuite) -> tuple[str, str, str]:
    return suite.name, "not known" if suite.cases is None else str(suite.cases), _forecast(suite.seconds)


def _called(hook: PlannedHook) -> tuple[str, str, str]:
    return hook.name, one_line(hook.command), _forecast(hook.seconds)


def _planned(service: PlannedService) -> tuple[str, ...]:
    done = "build and deploy" if service.build else "deploy"
    return (
        service.name, service.serving or "none", _content(service.wanted) or "as found",
        done if service.deploy else "nothing", _forecast(service.seconds) if service.deploy else "",
    )  # fmt: skip


def _why(service: PlannedService, commit: str, width: int) -> Iterator[str]:
    """What is there against what is wanted, then every difference between them."""
    serving = f"; commit {short_commit(service.serving_commit)} serves" if service.serving_commit else ""
    if len(service.differs) < 2:
        yield from wrapped(f"{service.name}: {service.reason}{serving}", width)
        return
    there = f"commit {short_commit(service.serving_commit)}" if service.serving_commit else "no commit of ours"
    there += f", digest {_content(service.serving_digest)}" if service.serving_digest else ""
    yield from wrapped(f"{service.name}: serves {there}", width)
    yield from wrapped(f"wanted commit {short_commit(commit)}, {_content_word(service.wanted)}", width, "  ")
    for difference in service.differs:
        yield from wrapped(f"- {difference}", width, "  ")


def _content(wanted: str) -> str:
    """A digest, short; an image by its digest, short, and one by its tag whole."""
    if "@" in wanted:
        return short_image(wanted)
    return wanted if "/" in wanted or ":" in wanted else wanted[:12]


def _content_word(wanted: str) -> str:
    return f"image {_content(wanted)}" if "/" in wanted or "@" in wanted else f"digest {_content(wanted)}"


def _forecast(seconds: float | None) -> str:
    return "no history" if seconds is None else f"about {duration(seconds)}"


def history(runs: Sequence[RunRow], *, width: int = 80) -> str:
    """Newest first."""
    if not runs:
        return "No run yet.\n"
    ordered = sorted(runs, key=lambda run: run.started, reverse=True)
    head = ("Run", "Begun (UTC)", "Took", "Iter.", "Verdict", "Passed", "Standing")
    return _text(table(head, [_run(run) for run in ordered], width))


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
        return _text(list(wrapped(head, width)), list(_way_on(state, holder)))
    services = [_service(state.current, name, now) for name in state.current.services]
    suites = [_suite(state.current, name, now) for name in state.current.suites]
    return _text(
        list(wrapped(head, width)),
        [cut(f"{state.current.title}: {short_commit(state.current.commit)} {state.current.subject}", width)],
        table(("Service", "State", "", "Traffic"), services, width),
        table(("Suite", "State"), suites, width),
        iterations(rows(state), width),
        list(_way_on(state, holder)),
    )


def _service(iteration: IterationState, name: str, now: datetime) -> tuple[str, ...]:
    service = iteration.services[name]
    where = phase(service, iteration)
    took = duration((now - where.since).total_seconds()) if where.since else ""
    return name, where.text, took, traffic(service)


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
    if (not state.ended or state.owes) and not holder:
        yield f"Next: {resume_command(state)}"


def show(state: RunState, number: int | None = None, *, width: int = 80) -> str:
    """A run, or one of its iterations. Signatures are printed whole: they are there to be copied."""
    iteration = state.iteration(number) if number is not None else last_judged(state) or state.current
    head = list(wrapped(f"{state.name} ({state.uid}), begun {moment(state.started)}: {standing(state)}", width))
    if iteration is None:
        return _text(head)
    shown = state.up_to(iteration.number) if number is not None else state
    return _text(head, iterations(rows(shown), width), *_iteration(iteration, width), _report(iteration))


def _iteration(iteration: IterationState, width: int) -> Iterator[list[str]]:
    yield [cut(f"{iteration.title}: {short_commit(iteration.commit)} {iteration.subject}", width)]
    judgement = iteration.judgement
    if judgement is None:
        return
    yield list(wrapped(f"Verdict {judgement.verdict}: {judgement.rule}", width))
    said = [reason for reason in judgement.reasons if reason != judgement.rule]
    yield [row for reason in said for row in wrapped(reason, width, "  ")]
    yield [row for failing in judgement.failing for row in _failing(failing)]
    yield list(_named(judgement))


def _failing(failing: Failing) -> Iterator[str]:
    yield f"{failing.outcome}: {one_line(failing.id, 2_000)}"
    yield f"  signature: {one_line(failing.signature or failing.message or 'none', 2_000)}"
    if failing.known:
        yield f"  known issue: {one_line(failing.known)}"


def _named(judgement: Judgement) -> Iterator[str]:
    for word, ids in (("flaky", judgement.flaky), ("xpassed", judgement.xpassed), ("weakened", judgement.weakened)):
        yield from (f"{word}: {one_line(each, 2_000)}" for each in ids)


def _report(iteration: IterationState) -> list[str]:
    return [iteration.report] if iteration.report else []


def _text(*blocks: Sequence[str]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
