"""Writes an iteration's report and the index of all runs, both from the journal alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from loop.core.actions import WriteReport
from loop.core.events import Event, IterationJudged, ReportWritten, RunEnded, RunPaused, RunStarted
from loop.core.model import PASSING, Case
from loop.core.state import RunState
from loop.journal import Journal, Run
from loop.perform.emit import Emit
from loop.perform.history import cases_of
from loop.perform.setting import Setting
from loop.reports.index import IndexRow
from loop.reports.junit import junit
from loop.reports.render import render
from loop.reports.write import write_index, write_junit, write_report


def write(action: WriteReport, setting: Setting, emit: Emit) -> None:
    path = rendered(emit.state, action.iteration, setting.reports, emit.journal, emit.run)
    emit(ReportWritten(iteration=action.iteration, path=str(path.relative_to(setting.root))))
    write_index(setting.reports, tuple(index_rows(emit.journal)))


def rendered(state: RunState, iteration: int, folder: Path, journal: Journal, run: Run) -> Path:
    """Write the report of one iteration in every format; gives the markdown's path."""
    it = state.iteration(iteration)
    cases = cases_of(it, journal, run)
    path = write_report(folder, render(state, iteration, _not_passed(cases)))
    write_junit(folder, state.environment, state.number, iteration, junit(state, iteration, cases))
    return path


def index_rows(journal: Journal) -> Iterator[IndexRow]:
    for run in journal.runs():
        yield _index_row(journal, run)


_SHOWN = ("RunStarted", "IterationJudged", "ReportWritten", "RunPaused", "RunEnded")


def _index_row(journal: Journal, run: Run) -> IndexRow:
    events = journal.events(run, types=_SHOWN)
    started = next(e for e in events if isinstance(e, RunStarted))
    judged = [e for e in events if isinstance(e, IterationJudged)]
    written = [e for e in events if isinstance(e, ReportWritten)]
    last = judged[-1].judgement if judged else None
    return IndexRow(
        environment=run.environment,
        number=run.number,
        started=started.at,
        iterations=len(judged),
        verdict=last.verdict if last else None,
        rate=last.adjusted if last else None,
        standing=_standing(events),
        report=written[-1].path.removeprefix("reports/") if written else "",
    )


def _standing(events: Sequence[Event]) -> str:
    """A report that was written after the end changes nothing about it."""
    for event in reversed(events):
        match event:
            case RunEnded():
                return event.ending
            case RunPaused():
                return "paused"
            case IterationJudged():
                break
            case _:
                continue
    return "under way"


def _not_passed(cases: dict[str, list[Case]]) -> dict[str, list[Case]]:
    return {suite: [case for case in rows if case.outcome not in PASSING] for suite, rows in cases.items()}
