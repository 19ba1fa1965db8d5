"""`loop doctor`: everything that a run of an environment needs, looked at once, and nothing changed by looking.

Each check stands for itself: one that fails hides no other, and what depends on a failed one says so. What is asked of
the platform is in loop.cloud.checks.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from loop import config, source
from loop.core.environment import Environment
from loop.core.findings import Finding, Topic, fix, ok, skip
from loop.errors import ConfigError, JournalError, PlatformError
from loop.journal import opened
from loop.journal.lease import held_by
from loop.perform import prerequisites
from loop.perform.patient import Patient
from loop.perform.rehearse import rehearsed

ROOM = 500_000_000
"""Bytes that should be free: worktrees, archives and evidence are written below the repository."""


def examine(patient: Patient) -> Iterator[Finding]:
    """What is found, each as soon as it is known; texts are redacted."""
    for found in _all(patient):
        yield replace(found, said=patient.redact(found.said), mend=patient.redact(found.mend))


def _all(patient: Patient) -> Iterator[Finding]:
    try:
        loaded = _loaded(patient)
    except ConfigError as error:
        yield from _mistakes(error, patient.environment)
        yield from _of_the_repository(patient)
        yield from _unasked()
        return
    yield _read(loaded)
    yield from (skip(Topic.CONFIGURATION, "warning", warning) for warning in loaded.warnings)
    yield from _of_the_repository(patient)
    yield from _of_the_platform(patient, loaded.environment)
    yield from prerequisites.sources(patient, loaded.environment)
    yield from prerequisites.dependencies(patient, loaded.environment)
    yield from prerequisites.hooks(patient, loaded.environment.charter)
    yield from rehearsed(patient, loaded.environment)


def _of_the_repository(patient: Patient) -> Iterator[Finding]:
    yield from _git(patient)
    yield _disk(patient.root)
    yield from _journal(patient)


def _unasked() -> Iterator[Finding]:
    for topic in (Topic.PLATFORM, Topic.SERVICES, Topic.SUITES, Topic.FIXER):
        yield skip(topic, "all", "not asked: it needs a valid configuration")


# configuration


def _loaded(patient: Patient) -> config.Loaded:
    """Secrets are known from here on, and masked in whatever is said."""
    loaded = config.load(patient.environment, read=config.tree(patient.root), variables=patient.variables)
    patient.redact.learn(config.secrets(loaded.environment, patient.variables))
    return loaded


def _mistakes(error: ConfigError, environment: str) -> Iterator[Finding]:
    command = f"correct the file, then: loop config check --env {environment}"
    for number, problem in enumerate(error.problems, 1):
        mend = command if number == len(error.problems) else ""
        yield fix(Topic.CONFIGURATION, "configuration", problem, mend, code=error.exit_code)


def _read(loaded: config.Loaded) -> Finding:
    environment = loaded.environment
    counts = _counted(len(environment.services), "service"), _counted(len(environment.charter.suites), "suite")
    return ok(Topic.CONFIGURATION, "configuration", f"{', '.join(loaded.files)}: {', '.join(counts)}")


# repository, journal, lease


def _git(patient: Patient) -> Iterator[Finding]:
    found = source.checkout(patient.repository)
    where = f"{found.branch or 'no branch'} at {found.commit[:12] or 'no commit'}"
    if found.dirty:
        yield ok(Topic.REPOSITORY, "tree", f"{where}, uncommitted changes: a run starts from a snapshot of them")
    elif not found.commit:
        command = "git add -A && git commit"
        yield fix(Topic.REPOSITORY, "tree", "there is no commit and nothing to commit", command, code=2)
    else:
        yield ok(Topic.REPOSITORY, "tree", f"{where}, clean")
    if found.remotes:
        yield ok(Topic.REPOSITORY, "remote", f"{', '.join(found.remotes)}, for --fetch")
    else:
        yield skip(Topic.REPOSITORY, "remote", "none: --fetch has nothing to fetch from")


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    said = f"{free / 1e9:.1f} GB free"
    if free < ROOM:
        command = "free some space; git worktree list names the worktrees of old runs"
        return fix(Topic.REPOSITORY, "disk", f"{said}, less than {ROOM / 1e9:g} GB", command, code=2)
    return ok(Topic.REPOSITORY, "disk", said)


def _journal(patient: Patient) -> Iterator[Finding]:
    """Not opened where it is not there: that would make it."""
    yield _reports(patient.root / "reports")
    file = patient.root / patient.journal.removeprefix("sqlite:///")
    if not file.exists():
        yield _place("journal", file.parent, "none yet: the first run makes it", code=JournalError.exit_code)
        yield ok(Topic.JOURNAL, "lease", "free")
        return
    try:
        journal = opened(patient.journal, patient.root)
    except JournalError as error:
        yield fix(Topic.JOURNAL, "journal", error.message, error.hint, code=error.exit_code)
        yield skip(Topic.JOURNAL, "lease", "not asked: it needs the journal")
        return
    try:
        yield ok(
            Topic.JOURNAL, "journal", f"{_counted(len(journal.runs()), 'run')} in {file.relative_to(patient.root)}"
        )
        yield _lease(held_by(journal, patient.environment), patient.environment)
    finally:
        journal.close()


def _lease(holder: str, environment: str) -> Finding:
    if holder:
        command = f"wait for it: loop run --env {environment} --wait"
        return fix(Topic.JOURNAL, "lease", f"held by {holder}", command, code=JournalError.exit_code)
    return ok(Topic.JOURNAL, "lease", "free")


def _reports(folder: Path) -> Finding:
    return _place("reports", folder, "can be written", code=2)


def _place(about: str, folder: Path, said: str, *, code: int) -> Finding:
    """Whether the folder can be written, or made; asked without writing."""
    there = folder if folder.exists() else folder.parent
    if os.access(there, os.W_OK | os.X_OK) and there.is_dir():
        return ok(Topic.JOURNAL, about, said)
    return fix(Topic.JOURNAL, about, f"{there} can not be written", "make it a folder that you may write to", code=code)


# platform


def _of_the_platform(patient: Patient, environment: Environment) -> Iterator[Finding]:
    try:
        platform = patient.connect(environment.charter.platform)
    except PlatformError as error:
        mend = re.sub(
            "loop (resume|run)", f"loop doctor --env {patient.environment}", error.hint
        )  # nothing is under way
        yield from _unconnected(error.message, mend)
    except OSError as error:  # the folder of the emulator
        yield from _unconnected(f"{error.filename}: {error.strerror}", "make it a folder that you may write to")
    else:
        yield from platform.checks(environment)


def _unconnected(said: str, mend: str) -> Iterator[Finding]:
    yield fix(Topic.PLATFORM, "connection", said, mend, code=PlatformError.exit_code)
    yield skip(Topic.SERVICES, "all", "not asked: it needs the platform")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
