"""`loop plan`: composes what a run would, in memory, and turns the foreseen steps into rows."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

from loop import config
from loop.cli.here import connector, journal_of, known_environment, repository
from loop.console.planned import Plan as Shown
from loop.console.planned import PlannedHook, PlannedPromotion, PlannedService, PlannedSuite
from loop.console.planned import plan as as_text
from loop.core.actions import BuildImage, DeployRevision, ProbeService, RunHook, RunSuite, subject
from loop.core.environment import BuildMode, Hook
from loop.core.events import RunStarted
from loop.core.fold import begin
from loop.core.foresee import Durations, durations
from loop.core.state import IterationState
from loop.core.traffic import candidates, pairs, restores, shares
from loop.engine import utc_now
from loop.journal import Journal, Run
from loop.perform import performer
from loop.perform.plan import Plan, plan
from loop.perform.setting import Mask, Setting

_RUNS = 10
"""Runs of the environment that the forecast looks back to."""


def planned(environment: str, ref: str | None, *, width: int) -> str:
    repo = repository()
    known_environment(environment, repo.root)
    loaded = config.load(environment, read=config.tree(repo.root), variables=os.environ)
    charter = loaded.environment.charter
    with ExitStack() as stack:
        journal = journal_of(repo)
        stack.callback(journal.close)
        setting = Setting(
            repository=repo,
            variables=dict(os.environ),
            redact=Mask(),
            platform=connector(charter.platform, repo, stack),
            clock=utc_now,
        )
        start = RunStarted(at=utc_now(), environment=environment, number=0, uid="planned", charter=charter, ref=ref)
        nowhere = Run(id=-1, uid="planned", environment=environment, number=0)
        known = _known(journal, environment)
        foreseen = plan(begin(start), performer(setting), known, journal=journal, run=nowhere)
        return as_text(_shown(foreseen, known, _cases(journal, environment), loaded.warnings), width=width)


def _known(journal: Journal, environment: str) -> Durations:
    events = (event for run in journal.runs(environment)[-_RUNS:] for event in journal.events(run))
    return durations(events)


def _cases(journal: Journal, environment: str) -> dict[str, int]:
    """Suite -> how many cases it had when it last ran."""
    found: dict[str, int] = {}
    for run in journal.runs(environment)[-_RUNS:]:
        for it in journal.state(run).iterations:
            found |= {name: sum(s.result.counts.values()) for name, s in it.suites.items() if s.result}
    return found


def _shown(foreseen: Plan, known: Durations, cases: dict[str, int], warnings: tuple[str, ...]) -> Shown:
    it = foreseen.state.iteration(0)
    return Shown(
        environment=foreseen.state.environment,
        commit=it.commit,
        subject=it.subject,
        uncommitted=it.uncommitted,
        emulated=foreseen.state.charter.platform.emulated,
        services=tuple(_service(name, it, foreseen) for name in it.services),
        suites=tuple(
            PlannedSuite(name=name, cases=cases.get(name), seconds=_seconds(foreseen, RunSuite, name))
            for name in it.suites
        ),
        hooks=tuple(_hooks(foreseen, known)),
        seconds=foreseen.seconds,
        promoted=_promoted(foreseen),
        restores=restores(foreseen.state.charter),
        notes=warnings,
    )


def _promoted(foreseen: Plan) -> PlannedPromotion | None:
    tested = foreseen.state.iteration(0)
    chosen = tuple(service.name for service in candidates(tested))
    if not chosen:
        return None
    if not tested.promotion:
        return PlannedPromotion(services=chosen, manual=True)
    confirming = foreseen.state.suites_of(foreseen.state.iterations[-1]) if foreseen.state.iterations[1:] else ()
    return PlannedPromotion(
        services=chosen,
        confirming=tuple(suite.name for suite in confirming),
        apart=tuple((pair.caller, pair.called) for pair in pairs(tested)),
        seconds=foreseen.seconds_after,
    )


def _hooks(foreseen: Plan, known: Durations) -> Iterator[PlannedHook]:
    """Those that the iteration would call, and the one that follows when the run ends with it."""
    called = {s.action.hook for s in foreseen.steps if isinstance(s.action, RunHook)} | {Hook.ON_END}
    for hook in Hook:
        command = foreseen.state.charter.hooks.command(hook)
        if hook in called and command:
            yield PlannedHook(name=hook.value, command=command, seconds=known.get(("RunHook", hook.value)))


def _service(name: str, it: IterationState, foreseen: Plan) -> PlannedService:
    seen = it.services[name]
    deploy = not seen.unchanged
    return PlannedService(
        name=name,
        wanted=it.digests[name],
        serving=seen.found.revision if seen.found else "",
        split=tuple(shares(seen.found.traffic).items()) if seen.found and not seen.found.revision else (),
        serving_commit=seen.found.commit if seen.found else "",
        serving_digest=seen.found.digest if seen.found else "",
        deploy=deploy,
        candidate=bool(seen.tag),
        build=deploy and it.definition(name).build is not BuildMode.IMAGE and _is_built(name, foreseen),
        reason=seen.reason,
        differs=seen.differs,
        seconds=_until_serving(name, foreseen) if deploy else None,
    )


def _is_built(name: str, foreseen: Plan) -> bool:
    return any(isinstance(s.action, BuildImage) and s.action.service == name for s in foreseen.steps)


def _until_serving(name: str, foreseen: Plan) -> float | None:
    mine = [s for s in foreseen.steps if isinstance(s.action, BuildImage | DeployRevision | ProbeService)]
    mine = [s for s in mine if subject(s.action) == name]
    if any(s.seconds is None for s in mine):
        return None
    return max(s.begins + (s.seconds or 0.0) for s in mine)


def _seconds(foreseen: Plan, kind: type[RunSuite], name: str) -> float | None:
    return next((s.seconds for s in foreseen.steps if isinstance(s.action, kind) and subject(s.action) == name), None)
