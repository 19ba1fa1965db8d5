"""Let the fixer act on what an iteration found, guard what it may touch, and record its answer as a commit."""

import shutil
from pathlib import PurePosixPath

from loop import fixers, source
from loop.core import guards
from loop.core.actions import RunFixer
from loop.core.environment import Fix
from loop.core.events import FixCommitted, FixGaveUp, FixRejected
from loop.core.model import PASSING, Case
from loop.core.state import IterationState
from loop.errors import ConfigError, PlatformError
from loop.perform.emit import Emit
from loop.perform.history import cases_of
from loop.perform.setting import Setting
from loop.perform.sources import environment_at
from loop.perform.suites import child_started, ended

LOOK_EVERY = 2.0
"""Seconds between two looks for a person's commit."""
LOG_LINES = 50


def fix(action: RunFixer, setting: Setting, emit: Emit) -> None:
    settings = emit.state.charter.fix
    assert settings is not None
    it = emit.state.iteration(action.iteration)
    if settings.await_commit:
        _await_commit(it, setting, emit)
    else:
        _attempt(settings, it, setting, emit)


def _await_commit(it: IterationState, setting: Setting, emit: Emit) -> None:
    repo = setting.repository
    begun = source.head(repo)
    while (commit := source.head(repo)) in (begun, it.commit):
        emit.wait(LOOK_EVERY)
    commits = source.change(repo, it.commit, commit, redact=setting.redact).commits
    emit(FixCommitted(iteration=it.number, commit=commit, branch="", commits=commits))


def _attempt(settings: Fix, it: IterationState, setting: Setting, emit: Emit) -> None:
    state = emit.state
    ended("RunFixer", it.number, "", emit)
    place = setting.worktree(state, it.commit)
    source.begin(place)
    scratch = setting.scratch(state, f"fix-{it.number}-{emit.attempt}")
    outcome = fixers.run(
        settings,
        _brief(it, setting, emit),
        cwd=place.path / state.charter.root,
        scratch=scratch,
        env=source.environment(place, setting.variables),
        output=lambda line: emit.output("fixer", line),
        on_child=lambda child: emit(child_started("RunFixer", it.number, "", child)),
        wait=emit.wait,
        redact=setting.redact,
    )
    shutil.rmtree(scratch)
    match outcome:
        case fixers.GaveUp():
            source.abandon(place, it.commit)
            emit(FixGaveUp(iteration=it.number, reason=outcome.reason, log=outcome.log))
        case fixers.Failed():
            source.abandon(place, it.commit)
            emit(_rejected(it, outcome.guard, outcome.log, emit))
        case fixers.Done():
            _take(settings, place, outcome, it, setting, emit)


def _take(
    settings: Fix, place: source.Worktree, done: fixers.Done, it: IterationState, setting: Setting, emit: Emit
) -> None:
    """Grade the answer if no guard trips; else put it aside where it can be found."""
    state = emit.state
    notes = [str(PurePosixPath(state.charter.root, settings.notes))] if settings.notes else []
    gathered = source.gather(place, it.commit, protect=settings.protect, leave=notes, redact=setting.redact)
    why = guards.refusal(
        descends=gathered.descends,
        files=gathered.files,
        restored=gathered.restored,
        max_files=settings.max_files,
    ) or _misconfigured(state.environment, gathered.commit, setting)
    if why:
        source.abandon(place, it.commit)
        emit(_rejected(it, why, done.log, emit))
        return
    source.accept(place, gathered)
    source.keep(setting.repository, state.uid, it.number + 1, gathered.commit)
    emit(
        FixCommitted(
            iteration=it.number,
            commit=gathered.commit,
            branch=place.branch,
            commits=gathered.commits,
            restored=gathered.restored,
            notes=done.notes,
        )
    )


def _misconfigured(environment: str, commit: str, setting: Setting) -> str:
    """A fix may change the configuration; one that breaks it is the fixer's to repair, not the operator's."""
    try:
        environment_at(environment, commit, setting)
    except ConfigError as error:
        return setting.redact(f"the configuration became invalid: {error.problems[0]}")
    return ""


def _rejected(it: IterationState, guard: str, log: tuple[str, ...], emit: Emit) -> FixRejected:
    return FixRejected(iteration=it.number, attempt=emit.attempt, guard=guard, log=log)


def _brief(it: IterationState, setting: Setting, emit: Emit) -> fixers.Json:
    rows = cases_of(it, emit.journal, emit.run)
    cases: dict[str, Case] = {c.id: c for suite in rows.values() for c in suite if c.outcome not in PASSING}
    logs = {s.name: _log(it, s.name, setting, emit) for s in it.definitions}
    return fixers.brief(emit.state, it.number, cases=cases, logs=logs)


def _log(it: IterationState, service: str, setting: Setting, emit: Emit) -> tuple[str, ...]:
    """The revision's last lines in the iteration's window; a log that can not be read is said to be so."""
    try:
        lines = setting.platform().logs(
            it.definition(service),
            revision=it.services[service].revision,
            since=it.started,
            limit=LOG_LINES,
            wait=emit.wait,
        )
    except PlatformError as error:
        return (f"the log could not be read: {setting.redact(error.message)}",)
    return setting.redact_lines(lines)
