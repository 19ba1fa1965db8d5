"""Events as sentences for people: one for those that matter, none for the rest. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from loop.core.events import (
    ActionStarted,
    BuildFailed,
    DeadlinePassed,
    DependencyProbed,
    Event,
    FixCommitted,
    FixGaveUp,
    FixRejected,
    HookFinished,
    ImageBuilt,
    InterruptRequested,
    IterationJudged,
    IterationStarted,
    PromotionUndone,
    ReportWritten,
    RevisionCreated,
    RevisionFailed,
    RevisionReady,
    RollbackRequested,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    ServiceObserved,
    ServicePromoted,
    ServiceRestored,
    ServicesPromoted,
    ServicesRestored,
    ServiceUnhealthy,
    ServiceUnverified,
    ServingChecked,
    SuiteFinished,
)
from loop.core.model import PASSING, Judgement, Outcome, SuiteResult, Verdict
from loop.core.state import RunState
from loop.core.wording import (
    count,
    duration,
    moved,
    percent,
    printable,
    reason,
    resume_command,
    short_commit,
    short_image,
    split_words,
    standing_words,
)

LOG_LINES = 12


class Tone(StrEnum):
    """How much a sentence matters to who looks on."""

    STEP = "step"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    tone: Tone = Tone.STEP
    below: tuple[str, ...] = ()
    """Lines of a program's own log."""


def said(event: Event, state: RunState) -> Said | None:
    match event:
        case RunStarted() | RunResumed() | InterruptRequested() | DeadlinePassed() | RunPaused() | RunEnded():
            return _of_run(event, state)
        case ServiceObserved() | ActionStarted() | ImageBuilt() | RevisionCreated() | RevisionReady():
            return _of_service(event, state)
        case BuildFailed() | RevisionFailed() | ServiceUnhealthy() | ServiceUnverified():
            return _of_failure(event)
        case IterationStarted() | DependencyProbed() | SuiteFinished() | ServingChecked() | IterationJudged():
            return _of_results(event, state)
        case ServicePromoted() | ServicesPromoted() | PromotionUndone():
            return _of_traffic(event, state)
        case ServiceRestored() | ServicesRestored() | RollbackRequested():
            return _of_traffic(event, state)
        case ReportWritten() | FixCommitted() | FixRejected() | FixGaveUp():
            return _of_turn(event)
        case HookFinished():
            return _of_hook(event)
        case _:
            return None


def _of_run(
    event: RunStarted | RunResumed | InterruptRequested | DeadlinePassed | RunPaused | RunEnded, state: RunState
) -> Said:
    match event:
        case RunStarted():
            where = " on the embedded emulator" if state.charter.platform.emulated else ""
            return Said(f"{state.name} ({state.uid}) started{where}: {state.charter.mission or state.charter.title}")
        case RunResumed():
            return Said(f"{state.name} resumed")
        case InterruptRequested():
            return Said(f"interrupted by signal {event.signal}: stopping what runs", Tone.BAD)
        case DeadlinePassed():
            return Said("the time limit has passed", Tone.BAD)
        case RunPaused():
            where = f" ({event.where})" if event.where else ""
            going_on = resume_command(state)
            hint = re.sub(r"\bloop resume\b(?! \S+-\d)", going_on, f"; {event.hint}" if event.hint else "")
            then = "" if event.anew or going_on in hint else f"; then {going_on}"
            return Said(f"paused: {event.message}{where}{hint}{then}", Tone.BAD)
        case RunEnded():
            tone = Tone.GOOD if event.verdict is Verdict.PASSED else Tone.BAD
            return Said(f"{state.name} ended, {reason(event.ending, event.sentence)}", tone)


def _of_service(
    event: ServiceObserved | ActionStarted | ImageBuilt | RevisionCreated | RevisionReady, state: RunState
) -> Said | None:
    match event:
        case ServiceObserved():
            return Said(f"{event.service}: {'unchanged' if event.unchanged else 'to be deployed'}, {event.reason}")
        case ActionStarted():
            return _begun(event)
        case ImageBuilt():
            took = _since(state.iteration(event.iteration).services[event.service].building_since, event.at)
            if "@" not in event.image:
                return Said(f"{event.service}: image {event.image} as given, for its digest is not known")
            word = "reused" if event.reused else "built"
            return Said(f"{event.service}: image {word}, {short_image(event.image)}{took}")
        case RevisionCreated():
            took = _since(state.iteration(event.iteration).services[event.service].deploying_since, event.at)
            return Said(f"{event.service}: {event.revision} created{took}")
        case RevisionReady():
            tag = state.iteration(event.iteration).services[event.service].tag
            how = f"answers as candidate {tag}" if tag else "serves"
            return Said(f"{event.service}: {event.revision} {how} ({event.level})", Tone.GOOD)


def _begun(event: ActionStarted) -> Said | None:
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    match event.action:
        case "BuildImage":
            return Said(f"{event.subject}: building{again}")
        case "DeployRevision":
            return Said(f"{event.subject}: deploying{again}")
        case "RunSuite":
            return Said(f"{event.subject}: running{again}")
        case "RunHook":
            return Said(f"hook {event.subject}: running{again}")
        case "RunFixer":
            return Said(f"fixer: working on what iteration {event.iteration} found{again}")
        case _:
            return None


def _of_failure(event: BuildFailed | RevisionFailed | ServiceUnhealthy | ServiceUnverified) -> Said:
    match event:
        case BuildFailed():
            what, log = "build failed", event.log
        case RevisionFailed():
            what, log = f"{event.revision} did not start", event.log
        case ServiceUnhealthy():
            what, log = f"{event.revision} is unhealthy", event.log
        case ServiceUnverified():
            what, log = f"{event.revision} is not verified", ()
    return Said(f"{event.service}: {what}, {event.reason}", Tone.BAD, _last(log))


def _of_results(
    event: IterationStarted | DependencyProbed | SuiteFinished | ServingChecked | IterationJudged, state: RunState
) -> Said | None:
    match event:
        case IterationStarted():
            mark = " (uncommitted changes)" if event.uncommitted else ""
            title = state.iteration(event.iteration).title
            return Said(f"{title}: commit {short_commit(event.commit)} {event.subject}{mark}")
        case DependencyProbed():
            word = "reachable" if event.reachable else "not reachable"
            detail = f", {event.detail}" if event.detail else ""
            return Said(f"{event.dependency}: {word}{detail}", Tone.STEP if event.reachable else Tone.BAD)
        case SuiteFinished():
            return _suite(event.suite, event.result)
        case ServingChecked():
            return Said("; ".join(event.moved), Tone.BAD) if event.moved else None
        case IterationJudged():
            title = state.iteration(event.iteration).title
            return Said(f"{title}: {judged(event.judgement)}", _tone(event.judgement))


def _suite(name: str, result: SuiteResult) -> Said:
    counts = ", ".join(f"{n} {outcome}" for outcome, n in result.counts.items() if n) or "no case"
    problems = "".join(f"; {p.sentence}" for p in result.problems)
    fine = not problems and all(o in PASSING or o in _QUIET or not n for o, n in result.counts.items())
    return Said(f"{name}: {counts} in {duration(result.seconds)}{problems}", Tone.GOOD if fine else Tone.BAD)


_QUIET = (Outcome.SKIPPED, Outcome.XFAILED)


def judged(judgement: Judgement) -> str:
    """`passed, 96% (24/25); 1 fixed (tests)` or the reason why there is no rate."""
    if judgement.verdict is Verdict.INVALID or judgement.raw is None:
        return f"{judgement.verdict}, {'; '.join(judgement.reasons) or judgement.rule}"
    rate = f"{judgement.verdict}, {percent(judgement.raw)} ({judgement.raw})"
    return "; ".join([rate, *(moved(judgement) if judgement.comparison else [])])


def _tone(judgement: Judgement) -> Tone:
    return Tone.GOOD if judgement.verdict is Verdict.PASSED else Tone.BAD


def _of_turn(event: ReportWritten | FixCommitted | FixRejected | FixGaveUp) -> Said:
    match event:
        case ReportWritten():
            return Said(f"report: {event.path}")
        case FixCommitted():
            commits = count(len(event.commits), "commit")
            subject = f", {event.commits[-1].subject}" if event.commits else ""
            return Said(f"fixer: {commits} on {event.branch}, {short_commit(event.commit)}{subject}")
        case FixRejected():
            return Said(f"fixer: attempt {event.attempt} rejected, {event.guard}", Tone.BAD, _last(event.log))
        case FixGaveUp():
            return Said(f"fixer: gave up, {event.reason}", Tone.BAD, _last(event.log))


def _of_traffic(
    event: ServicePromoted
    | ServicesPromoted
    | PromotionUndone
    | ServiceRestored
    | ServicesRestored
    | RollbackRequested,
    state: RunState,
) -> Said:
    match event:
        case ServicePromoted():
            own = f"; {'; '.join(event.settings)}" if event.settings else ""
            return Said(f"{event.service}: {event.serving.revision} takes all traffic{own}")
        case ServicesPromoted():
            return Said(f"promoted as one unit: {', '.join(event.services)}", Tone.GOOD)
        case PromotionUndone():
            back = f"; put back: {', '.join(event.restored)}" if event.restored else ""
            left = "".join(f"; {name} could not be put back: {why}" for name, why in event.left.items())
            return Said(f"promotion failed at {event.service}: {event.reason}{back}{left}{_standing(event)}", Tone.BAD)
        case ServiceRestored():
            return Said(f"{event.service}: put back to {split_words(event.traffic)}")
        case ServicesRestored():
            return _restored(event)
        case RollbackRequested():
            return Said(f"{state.name}: putting back the split that it found")


def _restored(event: ServicesRestored) -> Said:
    back = [f"{name} to {split_words(split)}" for name, split in event.restored.items()]
    same = [f"{', '.join(event.untouched)} had it still"] if event.untouched else []
    left = [f"{name} left alone: {why}" for name, why in event.left.items()]
    head = f"put back ({event.why})" if back or event.settings else "nothing to put back"
    said = ": ".join([head, "; ".join([*back, *same, *left])]) + _standing(event)
    return Said(said, Tone.BAD if event.left or event.kept else Tone.STEP)


def _standing(event: PromotionUndone | ServicesRestored) -> str:
    return "".join(f"; {name}: {words}" for name, words in standing_words(event))


def _of_hook(event: HookFinished) -> Said:
    if event.reason:
        return Said(f"hook {event.hook}: {event.reason} ({event.command})", Tone.BAD, _last(event.log))
    return Said(f"hook {event.hook}: done in {duration(event.seconds)}", Tone.GOOD)


def _since(begun: datetime | None, at: datetime) -> str:
    return f" in {duration((at - begun).total_seconds())}" if begun else ""


def _last(log: tuple[str, ...]) -> tuple[str, ...]:
    """What came as one entry may have several lines."""
    return tuple(printable(line) for entry in log for line in entry.splitlines())[-LOG_LINES:]
