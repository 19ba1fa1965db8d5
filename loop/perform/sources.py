"""From a commit to an iteration: what is in it, what changed, and a worktree that holds it."""

import json
import posixpath
import shutil
from functools import partial
from hashlib import sha256

from loop import children, config, source
from loop.core import testside as rules
from loop.core.actions import PrepareWorktree, ResolveSource
from loop.core.environment import BuildMode, Charter, Environment, Service
from loop.core.events import ChildStarted, IterationStarted, WorktreeReady
from loop.core.model import Change, Problem, ProblemKind
from loop.core.state import IterationState, RunState
from loop.core.traffic import confirmation, confirmation_due
from loop.errors import ConfigError
from loop.perform import testside
from loop.perform.dependencies import drivers
from loop.perform.emit import Emit
from loop.perform.setting import Setting
from loop.perform.testside import source_folder, source_folders

SETUP_TIMEOUT = 1800.0


def resolve(action: ResolveSource, setting: Setting, emit: Emit) -> None:
    """Reads only: the commit of a dirty tree is an object that nothing refers to until the worktree is prepared."""
    state, repo = emit.state, setting.repository
    confirmed = state.current if state.current and confirmation_due(state, state.current) else None
    start = _confirming(confirmed) if confirmed else _starting_point(state, repo)
    environment = environment_at(state.environment, start.commit, setting)
    setting.learn_secrets(environment)
    drivers(environment.dependencies)
    details = source.details(repo, start.commit, setting.redact)
    emit(
        IterationStarted(
            iteration=action.iteration,
            commit=start.commit,
            subject=details.commit.subject,
            author=details.commit.author,
            committed=details.committed,
            uncommitted=start.uncommitted,
            services=environment.services,
            dependencies=environment.dependencies,
            digests={s.name: digest(s, state.charter, start.commit, setting) for s in environment.services},
            testside=testside.digest(environment.services, state.charter, start.commit, setting),
            change=_change(state, start.commit, environment, setting),
            confirms=confirmed.number if confirmed else None,
            suites=confirmation(state.charter) if confirmed else None,
        )
    )


def prepare(action: PrepareWorktree, setting: Setting, emit: Emit) -> None:
    state = emit.state
    commit = state.iteration(action.iteration).commit
    source.keep(setting.repository, state.uid, action.iteration, commit)
    place = setting.worktree(state, commit)
    path = str(place.path.relative_to(setting.root))
    emit(WorktreeReady(iteration=action.iteration, path=path, problem=_set_up(place, action, setting, emit)))


def _set_up(place: source.Worktree, action: PrepareWorktree, setting: Setting, emit: Emit) -> Problem | None:
    """Run `workspace.setup:`; what it means that it failed. A commit may mend it, so it is no error."""
    state = emit.state
    command = state.charter.workspace.setup
    if command is None:
        return None
    scratch = setting.scratch(state, f"setup-{action.iteration}-{emit.attempt}")
    output = children.Output(scratch / "setup.log", setting.redact, lambda line: emit.output("setup", line))
    ended = children.run(
        [children.SHELL, "-c", command],
        cwd=place.path / state.charter.root,
        env=source.environment(place, setting.variables),
        output=output,
        timeout=SETUP_TIMEOUT,
        wait=emit.wait,
        on_child=lambda child: emit(
            ChildStarted(
                action="PrepareWorktree", iteration=action.iteration, subject="", pid=child.pid, started=child.started
            )
        ),
    )
    shutil.rmtree(scratch)
    if ended.status == 0 and not ended.timed_out:
        return None
    how = f"did not end within {SETUP_TIMEOUT:g} s" if ended.timed_out else f"ended with exit status {ended.status}"
    sentence = f"workspace.setup: {setting.redact(command)} {how}"
    return Problem(kind=ProblemKind.SETUP_FAILED, sentence=sentence, output=output.last_lines)


def environment_at(name: str, commit: str, setting: Setting) -> Environment:
    """The configuration as that commit has it."""
    read = partial(source.read_file, setting.repository, commit)
    try:
        return config.load(name, read=read, variables=setting.variables).environment
    except ConfigError as error:
        where = f"commit {commit[:12]}"
        raise ConfigError(
            error.problems, where=where, hint="commit a correct configuration, then: loop resume"
        ) from error


def digest(service: Service, charter: Charter, commit: str, setting: Setting) -> str:
    """What names the service's content: its source as committed and how it is built, or the image that is given."""
    if service.source is None or service.build is BuildMode.IMAGE:
        return service.image or ""
    content = source.digest(setting.repository, commit, source_folder(service, charter))
    recipe = _recipe(service, charter, commit, setting)
    return sha256(f"{content}\n{recipe}".encode()).hexdigest() if recipe else content


def _recipe(service: Service, charter: Charter, commit: str, setting: Setting) -> str:
    """What is built of the same source in another way is another image; a buildpack asks the source alone."""
    match service.build:
        case BuildMode.DOCKERFILE:
            return f"dockerfile {service.dockerfile or 'Dockerfile'}"
        case BuildMode.CLOUDBUILD:
            values = json.dumps(service.substitutions, sort_keys=True)
            return f"cloudbuild {values}\n{build_config(service, charter, commit, setting)}"
        case _:
            return ""


def build_config(service: Service, charter: Charter, commit: str, setting: Setting) -> str:
    """The text of the service's own Cloud Build configuration; empty where it has none, or that commit has not."""
    if service.cloudbuild is None or service.build is not BuildMode.CLOUDBUILD:
        return ""
    path = posixpath.normpath(posixpath.join(charter.root, service.cloudbuild))
    return source.read_file(setting.repository, commit, path) or ""


def _confirming(it: IterationState) -> source.StartingPoint:
    return source.StartingPoint(commit=it.commit, uncommitted=it.uncommitted)


def _starting_point(state: RunState, repo: source.Repository) -> source.StartingPoint:
    if state.next_commit:
        return source.StartingPoint(commit=state.next_commit, uncommitted=state.next_uncommitted)
    return source.starting_point(repo, state.ref)


def _change(state: RunState, commit: str, environment: Environment, setting: Setting) -> Change | None:
    if state.current is None:
        return None
    before = state.current.commit
    files = config.files(state.environment, read=partial(source.read_file, setting.repository, commit))
    earlier = environment_at(state.environment, before, setting).charter
    return source.change(
        setting.repository,
        before,
        commit,
        services=source_folders(environment.services, state.charter),
        suites=rules.places(state.charter),
        config_files=files,
        runners=rules.runners(state.charter),
        frozen=config.frozen_changes(earlier, environment.charter),
        redact=setting.redact,
    )
