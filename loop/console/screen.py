"""The live display as a picture of the state: a pure function of what happened, what was seen and the time.

Imports rich, so nothing imports this module before a terminal is known to look on.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loop.console.phases import phase
from loop.console.phrases import Tone
from loop.console.progress import Progress, Seen, expected
from loop.console.summary import iterations
from loop.console.text import cut_left
from loop.core.state import IterationState, RunState, SuiteState
from loop.core.wording import Row, duration, one_line, rows, short_commit

COLOURS = {Tone.STEP: "", Tone.GOOD: "green", Tone.BAD: "red"}
_ITERATIONS = 8


def screen(state: RunState, progress: Progress, now: datetime, width: int) -> RenderableType:
    """At most some 25 lines, whatever the number of cases."""
    parts: list[RenderableType] = [Text(), _head(state, now)]
    iteration = state.current
    if iteration:
        parts += [Text(), _services(iteration, now)]
        suites = _suites(state, iteration, progress, now, width)
        for lines in (list(suites), [*_fixer(iteration), *_output(progress, iteration)]):
            parts += [Text(), *lines] if lines else []
        parts += [Text(), *_iterations(state, width)]
    return Group(*parts)


def _head(state: RunState, now: datetime) -> Text:
    head = Text(state.name, style="bold", no_wrap=True, overflow="ellipsis")
    if state.charter.platform.emulated:
        head.append(" on the embedded emulator", style="dim")
    if state.current:
        most = f" of at most {state.charter.limits.iterations}" if state.current.number else ""
        head.append(f"  {state.current.title}{most}", style="not bold")
        head.append(f"  {short_commit(state.current.commit)} {one_line(state.current.subject)}", style="not bold dim")
    if state.interrupted:
        head.append("  stopping", style="red")
    took = Text(f"{duration((now - state.started).total_seconds())}  ", style="bold", no_wrap=True, overflow="ellipsis")
    return took.append_text(head)


def _columns(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim", pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    return table


def _services(iteration: IterationState, now: datetime) -> Table:
    table = _columns("Service", "State", "", "Revision")
    for service in iteration.services.values():
        where = phase(service, iteration)
        took = duration((now - where.since).total_seconds()) if where.since else ""
        table.add_row(Text(service.name), Text(where.text, COLOURS[where.tone]), took, Text(service.revision, "dim"))
    return table


def _suites(
    state: RunState, iteration: IterationState, progress: Progress, now: datetime, width: int
) -> Iterator[RenderableType]:
    for suite in iteration.suites.values():
        if suite.started and not suite.result:
            seen = progress.seen(iteration.number, suite.name)
            yield _running(suite, seen, expected(state, suite.name), now)
            for case in seen.failures:
                # case ids are told apart by their ends
                yield Text(f"  {case.outcome} ", "red").append(cut_left(case.id, width - 12), "default")
        elif suite.result:
            counts = ", ".join(f"{n} {outcome}" for outcome, n in suite.result.counts.items() if n)
            yield Text(f"{suite.name}  {counts or 'no case'} in {duration(suite.result.seconds)}", no_wrap=True)


def _running(suite: SuiteState, seen: Seen, total: int | None, now: datetime) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(4):
        row.add_column(no_wrap=True, overflow="ellipsis")
    bar = ProgressBar(total=float(max(total, seen.total)), completed=float(seen.total), width=20) if total else Text()
    counted = f"{seen.total}/{total}" if total else str(seen.total)
    counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(seen.counts.items()))
    took = duration((now - suite.started).total_seconds()) if suite.started else ""
    row.add_row(Text(suite.name, "bold"), bar, Text(f"{counted}  {took}"), Text(counts, "dim"))
    return row


def _fixer(iteration: IterationState) -> Iterator[Text]:
    fix = iteration.fix
    if fix.attempts > len(fix.rejections) and not fix.committed and not fix.gave_up:
        yield Text(f"fixer  working on what {iteration.title} found", no_wrap=True, overflow="ellipsis")


def _output(progress: Progress, iteration: IterationState) -> Iterator[Text]:
    for subject, line in progress.lines():
        # a suite whose cases are counted above says nothing more by its runner's dots
        if progress.seen(iteration.number, subject).total:
            continue
        yield Text(f"{subject} | {one_line(line)}", "dim", no_wrap=True, overflow="ellipsis")


def _iterations(state: RunState, width: int) -> Iterator[Text]:
    head, *body = iterations(tuple(map(_under_way, rows(state)[-_ITERATIONS:])), width)
    yield Text(head, "dim", no_wrap=True, overflow="ellipsis")
    yield from (Text(row, no_wrap=True, overflow="ellipsis") for row in body)


def _under_way(row: Row) -> Row:
    """An iteration without a judgement is nothing special while the run goes on."""
    return replace(row, rate="...", came="") if row.rate == "not judged" else row
