"""Reads the rows, asks the pure rules, records the judgement. Nothing is decided here."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from loop.core import evidence, targets
from loop.core.actions import JudgeIteration
from loop.core.environment import Suite
from loop.core.events import IterationJudged
from loop.core.model import Judgement, Problem, ProblemKind
from loop.core.state import IterationState
from loop.core.traffic import candidates
from loop.core.verdict import Trial, deploy_failed, hook_failed
from loop.core.verdict import judge as judged
from loop.core.wording import open_operations
from loop.perform.emit import Emit
from loop.perform.history import cases_of, consents, history, unknown_runs
from loop.perform.setting import Setting


def judge(action: JudgeIteration, setting: Setting, emit: Emit) -> None:
    it = emit.state.iteration(action.iteration)
    judgement = _not_deployed(it, emit) or _tested(it, setting, emit)
    emit(IterationJudged(iteration=it.number, judgement=judgement))


def _not_deployed(it: IterationState, emit: Emit) -> Judgement | None:
    reasons = [f"{s.name}: {s.failure.reason}" for s in it.services.values() if s.failure]
    before = [i.judgement for i in emit.state.iterations[: it.number] if i.judgement]
    previous = before[-1] if before else None
    if reasons:
        return deploy_failed(emit.state.charter, reasons, previous=previous)
    hook = next((failed for failed in it.hook_failures if failed.hook.opens), None)
    return hook_failed(emit.state.charter, hook.hook, hook.reason, previous=previous) if hook else None


def _tested(it: IterationState, setting: Setting, emit: Emit) -> Judgement:
    state = emit.state
    trial = Trial(
        iteration=it.number,
        results={name: s.result for name, s in it.suites.items() if s.result is not None},
        cases=cases_of(it, emit.journal, emit.run),
        selected=state.selected,
        problems=tuple(_problems(it, state.suites_of(it))),
        confirming=tuple(it.suites) if it.confirms is not None else (),
        confirms=state.iteration(it.confirms).judgement if it.confirms is not None else None,
    )
    against = history(state, it, trial.cases, setting, emit)
    judgement = judged(state.charter, trial, against, today=setting.clock().date())
    said = consents(against, trial.cases, emit.journal.acceptances(state.environment))
    found = [suite.evidence for suite in it.suites.values() if suite.evidence]
    rows = (case for cases in trial.cases.values() for case in cases)
    measured = targets.measured(state.charter.targets, found, rows)
    notes = (*judgement.notes, *map(setting.redact, said))
    unheld = against.note or unknown_runs(setting.reports, state, emit)
    return replace(judgement, notes=notes, targets=measured, baseline_note=unheld)


def _problems(it: IterationState, suites: Sequence[Suite]) -> Iterator[Problem]:
    yield from _before_the_suites(it)
    for suite in it.suites.values():
        for moved in suite.moved:
            yield Problem(kind=ProblemKind.CONTAMINATED, sentence=f"while {suite.name} ran: {moved}")
    tagged = {service.name for service in candidates(it)}
    for wanted in suites:
        seen = it.suites[wanted.name]
        # what went wrong in the suite itself explains why it asked nothing
        if seen.checked and not (seen.result and seen.result.problems):
            yield from filter(None, [evidence.problem(wanted, seen.evidence, tagged)])


def _before_the_suites(it: IterationState) -> Iterator[Problem]:
    if it.setup_problem:
        yield it.setup_problem
    for service in it.services.values():
        if service.unverified:
            yield Problem(kind=ProblemKind.NOT_VERIFIED, sentence=f"{service.name}: {service.unverified}")
    for probe in it.probes.values():
        if not probe.reachable:
            sentence = f"dependency {probe.dependency} was not reachable: {probe.detail}"
            yield Problem(kind=ProblemKind.DEPENDENCY, sentence=sentence)
    for name, operation in open_operations(it):
        sentence = f"{name}: {operation} had not ended when this was judged"
        yield Problem(kind=ProblemKind.OPERATION_OPEN, sentence=sentence)
