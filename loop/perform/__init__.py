"""The only floor with side effects: what each action does. Decides nothing; emits what happened.

An outcome that a fixer could repair is emitted as an event; what only the operator can mend is raised as a LoopError.
Every function may be repeated after a crash: it finds its own earlier work and goes on from there.
"""

import re
from collections.abc import Callable
from typing import assert_never

from loop.core.actions import (
    Action,
    AwaitUntil,
    BuildImage,
    CheckServing,
    DeployRevision,
    EndRun,
    JudgeIteration,
    ObserveService,
    PrepareWorktree,
    ProbeDependency,
    ProbeService,
    PromoteServices,
    ResolveSource,
    RestoreServices,
    RunFixer,
    RunHook,
    RunSuite,
    WriteReport,
)
from loop.core.state import RunState
from loop.core.wording import resume_command
from loop.errors import LoopError
from loop.perform import dependencies, deploy, end, evidence, hooks, judge, report, sources, suites, traffic
from loop.perform.emit import Emit
from loop.perform.fix import fix
from loop.perform.setting import Setting


def performer(setting: Setting) -> Callable[[Action, Emit], None]:
    """The function that the engine's workers call."""

    def perform(action: Action, emit: Emit) -> None:
        try:
            _performed(action, setting, emit)
        except LoopError as error:  # it goes into the journal, and Google's own words may repeat what we sent
            _lead_on(error, emit.state)
            error.message, error.where, error.hint = map(setting.redact, (error.message, error.where, error.hint))
            raise

    return perform


def _lead_on(error: LoopError, state: RunState) -> None:
    """Most hints name the command that goes on with a run, or starts one; with a roll back another one goes on."""
    if state.asked_back:
        there = r"\bloop run\b" if error.anew else r"\bloop resume\b( \S+-\d+)?"
        error.hint, error.anew = re.sub(there, resume_command(state), error.hint), False


def _performed(action: Action, setting: Setting, emit: Emit) -> None:
    match action:
        case ResolveSource() | PrepareWorktree() | RunFixer():
            _with_the_source(action, setting, emit)
        case ObserveService() | BuildImage() | DeployRevision() | ProbeService():
            _on_the_platform(action, setting, emit)
        case ProbeDependency() | RunSuite() | CheckServing() | RunHook():
            _against_the_stack(action, setting, emit)
        case PromoteServices():
            traffic.promote(action, setting, emit)
        case RestoreServices():
            traffic.restore(action, setting, emit)
        case JudgeIteration():
            judge.judge(action, setting, emit)
        case WriteReport():
            report.write(action, setting, emit)
        case AwaitUntil():
            end.await_until(action, setting, emit)
        case EndRun():
            end.end(action, setting, emit)
        case _:
            assert_never(action)


def _with_the_source(action: ResolveSource | PrepareWorktree | RunFixer, setting: Setting, emit: Emit) -> None:
    match action:
        case ResolveSource():
            sources.resolve(action, setting, emit)
        case PrepareWorktree():
            sources.prepare(action, setting, emit)
        case RunFixer():
            fix(action, setting, emit)


def _on_the_platform(
    action: ObserveService | BuildImage | DeployRevision | ProbeService, setting: Setting, emit: Emit
) -> None:
    match action:
        case ObserveService():
            deploy.observe(action, setting, emit)
        case BuildImage():
            deploy.build(action, setting, emit)
        case DeployRevision():
            deploy.deploy(action, setting, emit)
        case ProbeService():
            deploy.probe(action, setting, emit)


def _against_the_stack(
    action: ProbeDependency | RunSuite | CheckServing | RunHook, setting: Setting, emit: Emit
) -> None:
    match action:
        case RunHook():
            hooks.run(action, setting, emit)
        case ProbeDependency():
            dependencies.probe(action, setting, emit)
        case RunSuite():
            suites.run(action, setting, emit)
        case CheckServing():
            evidence.check_serving(action, setting, emit)
