"""Which run a command means: the one named, or the newest of an environment."""

from pathlib import Path

from loop.cli.here import journal_of, known_environment, repository
from loop.core.actions import Ending
from loop.core.back import rolled_back
from loop.core.wording import resume_command, standing
from loop.errors import UsageError
from loop.journal import Journal, Run


def of_journal(name: str | None, environment: str | None) -> tuple[str, str]:
    """Environment and name of the run that a command means: the one named, else the environment's newest."""
    repo = repository()
    journal = journal_of(repo)
    try:
        run = _newest(journal, name, environment, repo.root)
        return run.environment, run.name
    finally:
        journal.close()


def resumable(name: str | None, environment: str | None) -> tuple[str, str]:
    """Environment and name of the run that `loop resume` means: the one named, else the environment's newest."""
    repo = repository()
    journal = journal_of(repo)
    try:
        return _chosen(journal, name, environment, repo.root)
    finally:
        journal.close()


def promotable(name: str | None, environment: str | None) -> tuple[str, str]:
    """As `resumable`, for `loop promote`; whether there is anything to promote, only the session says."""
    repo = repository()
    journal = journal_of(repo)
    try:
        run = _newest(journal, name, environment, repo.root)
        _followed(journal, run)
        return run.environment, run.name
    finally:
        journal.close()


def _chosen(journal: Journal, name: str | None, environment: str | None, root: Path) -> tuple[str, str]:
    run = _newest(journal, name, environment, root)
    state = journal.state(run)
    if rolled_back(state):
        raise UsageError(f"{run.name} was rolled back: nothing can go on from it", hint=_anew(run))
    if state.asked_back:
        sentence = f"{run.name} was to be rolled back ({standing(state)}): nothing can go on from it"
        raise UsageError(sentence, hint=f"{resume_command(state)}, or test what serves: {_anew(run)}")
    _followed(journal, run)
    if state.ended and state.ended.ending is Ending.UNPROMOTED and not state.owes:
        raise UsageError(f"{run.name} waits for promotion", hint=f"loop promote {run.name}")
    if state.ended and state.ended.exit_code == 0 and not state.owes:
        raise UsageError(f"{run.name} met its goal: nothing to resume", hint=_anew(run))
    return run.environment, run.name


def _followed(journal: Journal, run: Run) -> None:
    newest = journal.runs(run.environment)[-1]
    if newest.id != run.id:
        sentence = f"{newest.name} came after {run.name}, which would now work over what that one left"
        raise UsageError(sentence, hint=_anew(run))


def _anew(run: Run) -> str:
    return f"loop run --env {run.environment}"


def _newest(journal: Journal, name: str | None, environment: str | None, root: Path) -> Run:
    if name is None and environment is None:
        raise UsageError("which run?", hint="name it, or give --env NAME for its newest; loop history lists them")
    run = journal.find(name) if name else next(iter(reversed(journal.runs(environment))), None)
    if run and environment and run.environment != environment:
        raise UsageError(f"{run.name} is a run of {run.environment}, not of {environment}", hint="leave out --env")
    if run is None:
        if environment and not name:
            known_environment(environment, root)
        raise UsageError(f"there is no run {name or 'of ' + str(environment)}", hint="loop history")
    return run
