"""The whole policy: which actions should be running now, given what happened so far.

Pure: needs no clock (a deadline is the action AwaitUntil) and no result but those in the state. Read top to bottom, it
is the loop: source, build, deploy, prove, test, judge, report, then turn or end.
"""

from datetime import timedelta

from loop.core.actions import (
    Action,
    AwaitUntil,
    BuildImage,
    CheckServing,
    DeployRevision,
    Ending,
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
from loop.core.environment import Hook, Service
from loop.core.model import Judgement, ProblemKind, Verdict
from loop.core.state import IterationState, RunState
from loop.core.stopping import invalid_in_a_row, no_progress, oscillating, undeployed_in_a_row
from loop.core.traffic import (
    confirmation_due,
    pairs,
    promotable,
    promotion_due,
    restoration_due,
    unasked_words,
    unconfirmed,
)
from loop.core.wording import duration


def decide(state: RunState) -> tuple[Action, ...]:
    """The actions that should be running now; empty when this process has nothing left to do."""
    if state.rollback and not state.interrupted and state.current:
        return (RestoreServices(iteration=state.current.number),)
    if state.ended or state.paused or state.interrupted or state.asked_back:
        return _last_report(state) or _on_end(state)
    if state.deadline_passed:
        return _out_of_time(state)
    return (*_turn(state), *_deadline(state))


def _last_report(state: RunState) -> tuple[Action, ...]:
    writing_failed = state.paused is not None and state.paused.during == "WriteReport"
    if not state.report_stale or writing_failed or state.current is None:
        return ()
    return (WriteReport(iteration=state.current.number),)


def _out_of_time(state: RunState) -> tuple[Action, ...]:
    if state.current and restoration_due(state, state.current):
        return (RestoreServices(iteration=state.current.number),)
    return (EndRun(ending=Ending.TIME, sentence=f"the limit of {_limit(state)} for the run has passed"),)


def _on_end(state: RunState) -> tuple[Action, ...]:
    """After the report, which the hook may publish; one more report then tells of the hook."""
    if not state.owes or state.paused or state.interrupted or state.current is None:
        return ()
    return _hook(state, state.current, Hook.ON_END)


def _deadline(state: RunState) -> tuple[Action, ...]:
    limit = state.charter.limits.time
    return () if limit is None else (AwaitUntil(at=state.started + timedelta(seconds=limit)),)


def _turn(state: RunState) -> tuple[Action, ...]:
    current = state.current
    if current is None or state.next_commit:
        return (ResolveSource(iteration=len(state.iterations)),)
    if current.judgement is None:
        return _iterate(state, current)
    moving = _traffic(state, current)
    if moving:
        return (moving,)
    if not current.report:
        return (WriteReport(iteration=current.number),)
    if confirmation_due(state, current):
        return (ResolveSource(iteration=len(state.iterations)),)
    ended = ending(state, current)
    return (ended,) if ended else (RunFixer(iteration=current.number),)


def _traffic(state: RunState, it: IterationState) -> Action | None:
    """What a judged iteration means for who takes traffic: a passed one promotes, what is not confirmed is put back."""
    if promotion_due(state, it):
        return PromoteServices(iteration=it.number)
    if it.confirms is not None and unconfirmed(state, it):
        return RestoreServices(iteration=it.number)
    if confirmation_due(state, it) or not restoration_due(state, it):
        return None
    ended = ending(state, it)
    failed = ended is not None and ended.ending not in _FINE
    return RestoreServices(iteration=it.number) if failed else None


_FINE = frozenset({Ending.GOAL_MET, Ending.GOAL_MET_KNOWN, Ending.PARTIAL, Ending.UNPROMOTED})


# one iteration: deploy, prove, test, judge


def _iterate(state: RunState, it: IterationState) -> tuple[Action, ...]:
    if _stopped_short(it):
        return (JudgeIteration(iteration=it.number),)
    deploying = tuple(a for s in it.definitions if (a := _service(it, s)) is not None)
    worktree = () if it.worktree else (PrepareWorktree(iteration=it.number),)
    if deploying or worktree:
        return _in_order(state, it, (*deploying, *worktree))
    deployed = any(not s.unchanged for s in it.services.values())
    if deployed and (hook := _hook(state, it, Hook.AFTER_DEPLOY)):
        return hook
    unknown = [d for d in it.dependencies if d.name not in it.probes]
    if unknown:
        return tuple(ProbeDependency(iteration=it.number, dependency=d.name) for d in unknown)
    return _test(state, it)


def _in_order(state: RunState, it: IterationState, wanted: tuple[Action, ...]) -> tuple[Action, ...]:
    """The hook before the first deployment comes after all else, so that no failure beside it stops it halfway."""
    hook = _hook(state, it, Hook.BEFORE_DEPLOY)
    if not hook or not any(isinstance(action, DeployRevision) for action in wanted):
        return wanted
    return tuple(action for action in wanted if not isinstance(action, DeployRevision)) or hook


def _hook(state: RunState, it: IterationState, hook: Hook) -> tuple[Action, ...]:
    """The hook where there is one that has not ended yet."""
    due = state.charter.hooks.command(hook) is not None and hook not in it.hooks
    return (RunHook(iteration=it.number, hook=hook),) if due else ()


def _stopped_short(it: IterationState) -> bool:
    """The product did not come up, or the results could not be believed: no suite is worth its time."""
    broken = any(s.failure or s.unverified for s in it.services.values())
    broken = broken or any(failed.hook.opens for failed in it.hook_failures)
    return broken or it.setup_problem is not None or _dependency_missing(it)


def _dependency_missing(it: IterationState) -> bool:
    """Once all are known, so that whoever mends one hears of the others."""
    return all(d.name in it.probes for d in it.dependencies) and any(not p.reachable for p in it.probes.values())


def _service(it: IterationState, service: Service) -> Action | None:
    s, k = it.services[service.name], it.number
    if s.settled:
        return None
    if not s.observed:
        return ObserveService(iteration=k, service=s.name)
    if s.created:
        return ProbeService(iteration=k, service=s.name)
    if not s.image:
        return BuildImage(iteration=k, service=s.name)
    return DeployRevision(iteration=k, service=s.name) if _may_deploy(it, service) else None


def _may_deploy(it: IterationState, service: Service) -> bool:
    """Builds never wait for `after:`; deployments do."""
    return all(it.services[name].ready for name in service.after)


def _test(state: RunState, it: IterationState) -> tuple[Action, ...]:
    if hook := _hook(state, it, Hook.BEFORE_SUITES):
        return hook
    for suite in state.suites_of(it):
        seen = it.suites[suite.name]
        if seen.result is None:
            return (RunSuite(iteration=it.number, suite=suite.name),)
        if not seen.checked:
            return (CheckServing(iteration=it.number, suite=suite.name),)
        if seen.moved or seen.result.problems:
            break
    return _hook(state, it, Hook.AFTER_SUITES) or (JudgeIteration(iteration=it.number),)


# between two iterations: an honest reason to stop, or the fixer


def ending(state: RunState, it: IterationState) -> EndRun | None:
    """Why the run should end after this judged iteration; None when the fixer should act."""
    return _met(state, it) or _operator_needed(it) or _exhausted(state, it) or _nobody_fixes(state, it)


def _met(state: RunState, it: IterationState) -> EndRun | None:
    judgement = it.judgement
    assert judgement is not None
    if judgement.goal_met and promotable(it):
        return EndRun(ending=Ending.UNPROMOTED, sentence=_unpromoted(state, it))
    if judgement.goal_met:
        promoted = state.iteration(it.confirms).judgement if it.confirms is not None else None
        known = len({f.id for each in (judgement, promoted) if each for f in each.failing if f.known})
        if known:
            return EndRun(ending=Ending.GOAL_MET_KNOWN, sentence=f"met but for {_count(known, 'known issue')}")
        return EndRun(ending=Ending.GOAL_MET, sentence=judgement.rule)
    if state.selected and _all_passed(judgement):
        only = ", ".join(state.selected)
        return EndRun(
            ending=Ending.PARTIAL, sentence=f"{only} passed; the goal needs a run of all suites (leave out --suite)"
        )
    return None


def _unpromoted(state: RunState, it: IterationState) -> str:
    apart = ", ".join(f"{p.caller} with {p.called}" for p in pairs(it))
    untested = f"; not tested together: {apart}" if apart else ""
    unasked = f"; {words}" if (words := unasked_words(it)) else ""
    return f"the candidates passed{untested}{unasked}; they take traffic with: loop promote {state.name}"


def _all_passed(judgement: Judgement) -> bool:
    """As green as a partial run can be: its verdict is never passed, for it can not meet the goal."""
    green = judgement.deployed and judgement.verdict is not Verdict.INVALID
    return green and not judgement.failing and not judgement.weakened


_OPERATOR = frozenset({ProblemKind.RUNNER_MISSING, ProblemKind.DEPENDENCY})


def _operator_needed(it: IterationState) -> EndRun | None:
    """No commit installs an interpreter or brings a database back: asking the fixer would waste its attempts."""
    assert it.judgement is not None
    problem = next((p for p in it.judgement.problems if p.kind in _OPERATOR), None)
    return EndRun(ending=Ending.INVALID, sentence=problem.sentence) if problem else None


def _exhausted(state: RunState, it: IterationState) -> EndRun | None:
    limits = state.charter.limits
    judged = tuple(i.judgement for i in state.iterations if i.judgement)
    if it.fix.gave_up:
        return EndRun(ending=Ending.FIXER_GAVE_UP, sentence=it.fix.gave_up.reason)
    if len(it.fix.rejections) >= limits.rejected:
        last = it.fix.rejections[-1].guard
        return EndRun(ending=Ending.FIXES_REJECTED, sentence=f"{limits.rejected} attempts in a row; the last: {last}")
    if invalid_in_a_row(judged) >= limits.invalid:
        return EndRun(ending=Ending.INVALID, sentence=f"{limits.invalid} iterations in a row: {judged[-1].rule}")
    if undeployed_in_a_row(judged) >= limits.no_progress:
        return EndRun(ending=Ending.DEPLOY_FAILING, sentence=judged[-1].rule)
    if oscillating(judged):
        sentence = "the cases that did not pass are those of two iterations before"
        return EndRun(ending=Ending.OSCILLATION, sentence=sentence)
    if no_progress(judged) >= limits.no_progress:
        sentence = f"{limits.no_progress} iterations in a row fixed no case and changed no failing case's signature"
        return EndRun(ending=Ending.NO_PROGRESS, sentence=sentence)
    return _budget(state, it)


def _budget(state: RunState, it: IterationState) -> EndRun | None:
    turns = sum(1 for i in state.iterations if i.confirms is None) - 1  # a confirmation fixes nothing and costs none
    spent = turns + sum(len(i.fix.rejections) for i in state.iterations)
    if state.charter.fix and spent >= state.charter.limits.iterations:
        return EndRun(ending=Ending.ITERATIONS, sentence=f"{_count(spent, 'iteration')} after Initial were allowed")
    limit = state.charter.limits.time
    if limit is None:
        return None
    left = timedelta(seconds=limit) - (state.last - state.started)
    needed = state.last - it.started
    if state.charter.fix and left < needed:
        sentence = f"{_minutes(left)} are left and the last iteration took {_minutes(needed)}"
        return EndRun(ending=Ending.TIME, sentence=sentence)
    return None


def _nobody_fixes(state: RunState, it: IterationState) -> EndRun | None:
    if state.charter.fix:
        return None
    assert it.judgement is not None
    if it.judgement.verdict is Verdict.INVALID:
        return EndRun(ending=Ending.INVALID, sentence=it.judgement.rule)
    if not it.judgement.deployed:
        return EndRun(ending=Ending.DEPLOY_FAILING, sentence=it.judgement.rule)
    return EndRun(ending=Ending.WAITING, sentence=f"{it.judgement.rule}; commit a fix, then: loop resume {state.name}")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _limit(state: RunState) -> str:
    return duration(state.charter.limits.time or 0)


def _minutes(delta: timedelta) -> str:
    return f"{delta.total_seconds() / 60:.1f} minutes"
