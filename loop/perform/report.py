"""Writes an iteration's report and the index of all runs, both from the journal alone."""

from collections.abc import Iterator
from pathlib import Path

from loop.core.actions import WriteReport
from loop.core.events import ReportWritten
from loop.core.model import PASSING, Case
from loop.core.state import RunState
from loop.core.wording import RunRow, run_row
from loop.journal import Journal, Run
from loop.perform.emit import Emit
from loop.perform.history import cases_of
from loop.perform.setting import Setting
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


def index_rows(journal: Journal) -> Iterator[RunRow]:
    for run in journal.runs():
        yield run_row(journal.state(run))


def _not_passed(cases: dict[str, list[Case]]) -> dict[str, list[Case]]:
    return {suite: [case for case in rows if case.outcome not in PASSING] for suite, rows in cases.items()}
