"""`loop doctor`: everything that a run of an environment needs, looked at once, and nothing changed by looking.

Each check stands for itself: one that fails hides no other, and what depends on a failed one says so. What is asked of
the platform is in loop.cloud.checks.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loop import config, source
from loop.cloud import Platform
from loop.config.checks import url_variable
from loop.core.environment import Environment, Fix, PlatformTarget, Suite
from loop.core.findings import Finding, Topic, fix, ok, skip
from loop.errors import ConfigError, FixerError, JournalError, PlatformError
from loop.journal import opened
from loop.journal.lease import held_by
from loop.perform.setting import Mask
from loop.suites.collect import collect, missing_program

ROOM = 500_000_000
"""Bytes that should be free: worktrees, archives and evidence are written below the repository."""
_INVALID = 4
"""Exit code of a run whose results say nothing (design section 10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One environment of a repository, and how it is looked at."""

    environment: str
    repository: source.Repository
    variables: Mapping[str, str]
    redact: Mask
    connect: Callable[[PlatformTarget], Platform]
    """Connects to the platform; starts the embedded emulator where it is meant."""
    journal: str
    """The journal's URL; one that is not there is not made."""

    @property
    def root(self) -> Path:
        return self.repository.root


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
    yield from _of_the_tree(patient, loaded.environment)


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
        yield fix(Topic.PLATFORM, "connection", error.message, error.hint, code=error.exit_code)
        for topic in (Topic.PLATFORM, Topic.SERVICES):
            yield skip(topic, "all", "not asked: it needs the platform")
        return
    yield from platform.checks(environment)


# suites and fixer


def _of_the_tree(patient: Patient, environment: Environment) -> Iterator[Finding]:
    """In the user's own tree: what is ignored by git there, a worktree will lack unless `workspace:` brings it."""
    tree = patient.root / environment.charter.root
    with tempfile.TemporaryDirectory(prefix="loop-doctor-") as scratch:
        for suite in environment.charter.suites:
            yield _suite(suite, tree, environment, Path(scratch), patient)
        yield _fixer(environment.charter.fix, tree, Path(scratch), patient)


def _suite(suite: Suite, tree: Path, environment: Environment, scratch: Path, patient: Patient) -> Finding:
    revealed, env = _as_run(suite, environment, patient)
    found = collect(revealed, root=tree, env=env, scratch=scratch, redact=patient.redact)
    if found.problem is not None:
        sentence = f"{found.problem.sentence}{_last_words(found.problem.output)}"
        return fix(Topic.SUITES, suite.name, sentence, _by_hand(suite), code=_INVALID)
    if found.count is None:
        said = "its cases are not known before it runs; `list:` or `minimum:` would say how many to expect"
        return skip(Topic.SUITES, suite.name, said)
    by = f"pytest {found.versions['pytest']}, Python {found.versions['python']}" if found.versions else "`list:`"
    return ok(Topic.SUITES, suite.name, f"{_counted(found.count, 'case')} collected ({by})")


def _as_run(suite: Suite, environment: Environment, patient: Patient) -> tuple[Suite, dict[str, str]]:
    """With addresses that answer nobody: a suite that calls a service while it collects is not to change one."""
    urls = {service.name: f"http://{service.name.lower()}.invalid" for service in environment.services}

    def revealed(text: str) -> str:
        return config.reveal(text, secrets=patient.variables, urls=urls)

    told = {url_variable(name): url for name, url in urls.items()}
    told |= {"LOOP_RUN": f"{environment.charter.name}-0", "LOOP_ITERATION": "0"}
    own = {name: revealed(text) for name, text in suite.env.items()}
    arguments = suite.pytest and tuple(map(revealed, suite.pytest))
    return replace(suite, pytest=arguments), {**patient.variables, **told, **own}


def _by_hand(suite: Suite) -> str:
    if suite.pytest is None:
        return f"see for yourself: {suite.list or suite.command}"
    return f"see for yourself: {suite.python or 'python3'} -m pytest --collect-only {' '.join(suite.pytest)}"


def _fixer(settings: Fix | None, tree: Path, scratch: Path, patient: Patient) -> Finding:
    if settings is None:
        return skip(Topic.FIXER, "fixer", "none: a red run ends after Initial and waits for your commit")
    if settings.command is None:
        return ok(Topic.FIXER, "fixer", "a person, whose commit is awaited")
    absent = missing_program(settings.command, cwd=tree, env=patient.variables, scratch=scratch)
    if absent:
        command = f"install it, make it executable (chmod +x {absent}), or correct fix.command"
        return fix(Topic.FIXER, "fixer", f"the shell finds no program {absent}", command, code=FixerError.exit_code)
    return ok(Topic.FIXER, "fixer", settings.command)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _last_words(output: str) -> str:
    """The line that tells most of what a runner wrote: pytest's own `E` lines, else its last one."""
    lines: Sequence[str] = [line.strip() for line in output.splitlines() if line.strip(" =-_")]
    told = [line for line in lines if line.startswith("E ")] or lines
    return f" {told[-1].removeprefix('E').strip()}" if told else ""
