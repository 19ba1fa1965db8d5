"""What stands outside the platform and a run needs: source folders, hooks' programs, dependencies. Looked at for
`loop doctor` in the user's own tree, and asked as a run would.
"""

import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from loop import config, source
from loop.config.substitute import REFERENCE
from loop.core.environment import BuildMode, Charter, Dependency, Environment, Hook, Service
from loop.core.findings import Finding, Topic, fix, ok, skip
from loop.emulator.pack import StepFailed, web_command
from loop.errors import ConfigError, UsageError
from loop.perform.dependencies import answered, drivers, filled
from loop.perform.patient import Patient
from loop.perform.testside import source_folder
from loop.suites.collect import missing_program

_DEPLOY_FAILING = 1
"""Exit code of a run whose build or `before_` hook fails (design section 10)."""
_INVALID = 4
"""That of one whose dependency can not be reached."""


# sources


def sources(patient: Patient, environment: Environment) -> Iterator[Finding]:
    """One line where all is well, else one for each service whose build is bound to fail."""
    built = [service for service in environment.services if service.source is not None and not service.existing]
    files = source.tracked_files(patient.repository)
    wrong = [found for service in built for found in _source(service, environment.charter, files, patient.root)]
    yield from wrong
    if built and not wrong:
        folders = sorted({source_folder(service, environment.charter) for service in built})
        yield ok(Topic.SERVICES, "source", f"{', '.join(folders)}: there to be built", names=folders)


def _source(service: Service, charter: Charter, files: tuple[str, ...], root: Path) -> Iterator[Finding]:
    folder = source_folder(service, charter)
    if not any(folder == "." or file.startswith(f"{folder}/") for file in files):
        there = "is ignored by git or empty" if (root / folder).is_dir() else "is not in the tree"
        said = f"the source folder {folder} of {service.name} {there}"
        yield fix(Topic.SERVICES, "source", said, "correct `source:`, or commit the folder", code=ConfigError.exit_code)
    elif charter.platform.emulated and service.build is not BuildMode.CLOUDBUILD:
        why = _unbuildable(service, root / folder)
        if why:
            mend = f"give {folder} a Procfile (`web: COMMAND`){_WITHOUT.get(service.build, '')}, {_ELSEWHERE}"
            yield fix(Topic.SERVICES, "source", f"{service.name}: {why}", mend, code=_DEPLOY_FAILING)


_WITHOUT = {BuildMode.DOCKERFILE: " and leave out `build: dockerfile`"}
_ELSEWHERE = "or deploy to Google: endpoint: google"


def _unbuildable(service: Service, folder: Path) -> str:
    """Why the emulator will refuse to build it."""
    if service.build is BuildMode.DOCKERFILE:
        return "the emulator builds from a Procfile only, and not from a Dockerfile"
    try:
        web_command(folder)
    except StepFailed as refused:
        return str(refused)
    return ""


# hooks


def hooks(patient: Patient, charter: Charter) -> Iterator[Finding]:
    commands = [(hook, command) for hook in Hook if (command := charter.hooks.command(hook))]
    with tempfile.TemporaryDirectory(prefix="loop-doctor-") as scratch:
        for hook, command in commands:
            yield _hook(hook, command, charter, Path(scratch), patient)


def _hook(hook: Hook, command: str, charter: Charter, scratch: Path, patient: Patient) -> Finding:
    absent = missing_program(command, cwd=patient.root / charter.root, env=patient.variables, scratch=scratch)
    if absent:
        mend = f"install it, make it executable (chmod +x {shlex.quote(absent)}), or correct hooks.{hook.value}"
        return fix(Topic.HOOKS, hook.value, f"the shell finds no program {absent}", mend, code=_DEPLOY_FAILING)
    return ok(Topic.HOOKS, hook.value, f"{command} (not called)")


# dependencies


def dependencies(patient: Patient, environment: Environment) -> Iterator[Finding]:
    for dependency in environment.dependencies:
        yield _dependency(dependency, environment, patient)


def _dependency(dependency: Dependency, environment: Environment, patient: Patient) -> Finding:
    ours = _asks_a_service(dependency, environment)
    if ours:
        said = f"not asked: it needs the address of {ours}, which a run deploys first"
        return skip(Topic.DEPENDENCIES, dependency.name, said)
    try:
        drivers([dependency])
    except UsageError as error:
        return fix(Topic.DEPENDENCIES, dependency.name, error.message, error.hint, code=error.exit_code)
    found = answered(filled(dependency, partial(_revealed, patient)), dict, time.sleep)
    if found.good:
        return ok(Topic.DEPENDENCIES, dependency.name, found.detail)
    mend = f"start it, or correct dependencies.{dependency.name}"
    said = f"does not answer within {dependency.within:g} s: {found.detail}"
    return fix(Topic.DEPENDENCIES, dependency.name, said, mend, code=_INVALID)


def _revealed(patient: Patient, text: str, encode: Callable[[str], str] = str) -> str:
    return config.reveal(text, secrets=patient.variables, urls={}, encode=encode)


def _asks_a_service(dependency: Dependency, environment: Environment) -> str:
    """The service that an address names, by reference or by the `url:` that it is given."""
    texts = [dependency.http, dependency.tcp, dependency.postgres, dependency.redis, *dependency.expect.values()]
    for text in filter(None, texts):
        for found in REFERENCE.finditer(text):
            if found["service"]:
                return found["service"]
        for service in environment.services:
            if service.url and f"{text}/".startswith(f"{service.url.rstrip('/')}/"):
                return service.name
    return ""
