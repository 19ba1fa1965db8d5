"""The commands that only look: plan, status, history, show, report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loop.errors import UsageError

if TYPE_CHECKING:
    from loop.journal import Journal, Run

Env = Annotated[str | None, typer.Option("--env", "-e", help="Environment; default: all.")]
RunName = Annotated[str | None, typer.Argument(help="The run, e.g. staging-42; default: the newest.")]
Number = Annotated[int | None, typer.Argument(min=0, help="The iteration; 0 is Initial. Default: the last judged.")]


def plan(
    env: Annotated[
        str, typer.Option("--env", "-e", help="Environment: the name of a file in configs/, without .yaml.")
    ],
    ref: Annotated[
        str | None, typer.Option(help="Commit, branch or tag; default HEAD, or your uncommitted tree.")
    ] = None,
) -> None:
    """What the first iteration of a run would do now, and how long it would take. Changes nothing."""
    from loop.cli.planning import planned

    sys.stdout.write(planned(env, ref, width=_width()))


def status(env: Env = None) -> None:
    """Where the newest run of each environment stands, and who works at it."""
    from loop.console.listing import status as shown
    from loop.engine import utc_now
    from loop.journal.lease import held_by

    journal = _journal()
    _known(journal, env)
    names = [env] if env else sorted({run.environment for run in journal.runs()})
    runs = [run for name in names for run in journal.runs(name)[-1:]]
    if not runs:
        sys.stdout.write("No run yet.\n")
    for run in runs:
        holder = held_by(journal, run.environment)
        sys.stdout.write(shown(journal.state(run), now=utc_now(), holder=holder, width=_width()))


def history(env: Env = None) -> None:
    """All runs, newest first."""
    from loop.console.listing import history as shown
    from loop.core.wording import run_row

    journal = _journal()
    _known(journal, env)
    sys.stdout.write(shown([run_row(journal.state(run)) for run in journal.runs(env)], width=_width()))


def show(run: RunName = None, iteration: Number = None) -> None:
    """A run, or one of its iterations, with the signature of every failure for copying."""
    from loop.console.listing import show as shown

    journal = _journal()
    state = journal.state(_found(journal, run))
    _exists(len(state.iterations), iteration, state.name)
    sys.stdout.write(shown(state, iteration, width=_width()))


def report(run: RunName = None) -> None:
    """Render a run's reports again from the journal: the same bytes, or an older run in today's layout."""
    from loop.core.wording import run_row
    from loop.perform.report import rendered
    from loop.reports.write import write_index

    journal, folder = _journal(), _root() / "reports"
    chosen = _found(journal, run)
    state = journal.state(chosen)
    paths = [rendered(state, it.number, folder, journal, chosen) for it in state.iterations]
    if not paths:
        raise UsageError(f"{state.name} has no iteration to report", hint=f"loop resume {state.name}")
    write_index(folder, [run_row(journal.state(each)) for each in journal.runs()])
    for path in paths:
        sys.stdout.write(f"{path.relative_to(_root())}\n")


def _root() -> Path:
    from loop.source import find

    return find(Path.cwd()).root


def _journal() -> "Journal":
    from loop.cli.here import journal_of, repository

    return journal_of(repository())


def _known(journal: "Journal", environment: str | None) -> None:
    """An environment without a run yet is told from a name that is mistyped; one whose file is gone keeps its runs."""
    from loop.cli.here import known_environment

    if environment and not journal.runs(environment):
        known_environment(environment, _root())


def _found(journal: "Journal", name: str | None) -> "Run":
    run = journal.find(name) if name else next(iter(reversed(journal.runs())), None)
    if run is None:
        raise UsageError(f"there is no run {name}" if name else "there is no run yet", hint="loop history")
    return run


def _exists(iterations: int, number: int | None, name: str) -> None:
    if number is not None and number >= iterations:
        raise UsageError(f"{name} has no iteration {number}", hint=f"loop show {name}")


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
