"""How values are said in a few words: the same in report, display, summary and status.

Pure, and plain text only: whoever prints escapes, aligns and colours.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from loop.core import back
from loop.core.actions import Ending
from loop.core.events import PromotionUndone, ServicesRestored
from loop.core.goal import meeting
from loop.core.model import Fixed, Judgement, Outcome, Rate, Serving, Split, TrendRow, Verdict
from loop.core.state import IterationState, RunState, ServiceState
from loop.core.traffic import candidates

UNPRINTABLE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""Terminal sequences, control characters and those that turn the direction of text; tab and newline stay."""


ACCEPT = "loop baseline accept CASE... --reason TEXT"
"""The way out where a weakened case is to stay away."""


def printable(text: str) -> str:
    """Text from outside without what could steer a terminal or hide text in a page."""
    return UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, limit: int = 300) -> str:
    """At most `limit` characters on one line, for table cells and sentences."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= limit else flat[: limit - 3].rstrip() + "..."


def duration(seconds: float) -> str:
    """`40 ms`, `0.4 s`, `42 s`, `9 m 12 s`, `1 h 05 m`."""
    if seconds < 0.095:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def moment(at: datetime) -> str:
    """Minutes are enough for people; always UTC, as every time in the journal is."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def percent(rate: Rate) -> str:
    return f"{rate.percent}%"


def sentence(text: str) -> str:
    """With its full stop, whether its writer gave one or not."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


_ALREADY_SAID: dict[str, str] = {Ending.INVALID: "invalid", Ending.DEPLOY_FAILING: "deploy failed"}


def reason(said: str, why: str) -> str:
    """`goal met - 24/25 meets ...`: a word and its reason, which may begin with that word itself."""
    if said == Ending.GOAL_MET_KNOWN:
        return sentence(why)  # how many they are makes it the same words
    words = (said, _ALREADY_SAID.get(said, said))
    found = next((word for word in words if why.startswith(f"{word}: ")), None)
    return f"{said} - {sentence(why[len(found) + 2 :] if found else why)}"


def next_command(state: RunState) -> str:
    """The command that goes on from here; empty where the goal is met."""
    if back.rolled_back(state):
        return f"loop run --env {state.environment}"
    if state.asked_back:
        return resume_command(state)
    if state.paused and state.paused.anew:
        return f"loop run --env {state.environment}"
    if state.ended is None or state.ended.ending is Ending.WAITING:
        return f"loop resume {state.name}"
    if state.ended.ending is Ending.UNPROMOTED:
        return f"loop promote {state.name}"
    return "" if state.ended.exit_code == 0 else f"loop run --env {state.environment}"


def count(number: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short_commit(sha: str) -> str:
    return sha[:10]


def short_image(image: str) -> str:
    """`sha256:0123456789ab` of an image named by digest; else its name as it stands."""
    _, found, digest = image.rpartition("@sha256:")
    return f"sha256:{digest[:12]}" if found else image


def credit_sum(fixed: Iterable[Fixed]) -> str:
    """Whom gains are credited to: `product` where it is one alone, else `2 product, 1 tests`."""
    counted = sorted(Counter(f.credit for f in fixed).items())
    return counted[0][0] if len(counted) == 1 else ", ".join(f"{n} {credit}" for credit, n in counted)


def known_count(judgement: Judgement) -> int:
    return sum(1 for f in judgement.failing if f.known)


def traffic(service: ServiceState) -> str:
    """The split as it was read back last: `100% auth-labc-3`; empty when nobody read it."""
    if service.restored:
        return split_words(service.restored)
    serving = read_last(service)
    return split_words(serving.traffic) if serving else ""


def serves(service: ServiceState) -> str:
    """As `traffic`, without what has a tag and nobody's requests."""
    read = read_last(service)
    splits = service.restored or (read.traffic if read else ())
    return split_words(split for split in splits if split.percent)


def standing_words(told: PromotionUndone | ServicesRestored) -> tuple[tuple[str, str], ...]:
    """(service, what became of the settings that hold for all its revisions)."""
    back = [(name, f"its own settings went back too: {'; '.join(said)}") for name, said in told.settings.items()]
    kept = [(name, f"somebody else changed since, and it stays: {'; '.join(said)}") for name, said in told.kept.items()]
    return (*back, *kept)


def serves_last(state: RunState, name: str) -> str:
    """What it served when it was read last; an iteration that was stopped may not have looked."""
    seen = (serves(it.services[name]) for it in reversed(state.iterations) if name in it.services)
    return next((words for words in seen if words), "")


def split_words(splits: Iterable[Split]) -> str:
    """Each revision once, with all its traffic and tags; one that takes no traffic is there for its tag."""
    shares: dict[str, int] = {}
    tags: dict[str, list[str]] = {}
    for split in splits:
        shares[split.revision] = shares.get(split.revision, 0) + split.percent
        tags.setdefault(split.revision, []).extend([split.tag] if split.tag else [])
    named = {revision: f" ({', '.join(found)})" if found else "" for revision, found in tags.items()}
    return ", ".join(f"{percent}% {revision}{named[revision]}" for revision, percent in shares.items())


def read_last(service: ServiceState) -> Serving | None:
    return service.promoted or (service.ready.serving if service.ready else service.created or service.found)


def deployed_now(service: ServiceState) -> bool:
    """A revision of this iteration serves, or answers under its tag, and that is proven."""
    return service.ready is not None and not service.unchanged


def moves(iteration: IterationState) -> list[str]:
    """What became of the traffic after the verdict."""
    said = ["promoted"] if iteration.promotion else []
    said += ["promotion failed"] if iteration.undone else []
    said += ["traffic put back"] if any(each.restored for each in iteration.restorations) else []
    return said


def open_operations(iteration: IterationState) -> list[tuple[str, str]]:
    """Service and name of what the platform may still be doing for us."""
    pending = []
    for service in iteration.services.values():
        if service.settled or service.unchanged:
            continue
        if service.operation and not service.created:
            pending.append((service.name, service.operation))
        elif service.build and not service.image:
            pending.append((service.name, f"build {service.build}"))
    return pending


def under_way(state: RunState, iteration: IterationState) -> list[tuple[str, str]]:
    """As `open_operations`, and what had no name yet when the run was stopped: it may have been sent all the same."""
    pending = open_operations(iteration)
    if state.paused:  # what was sent was answered
        return pending
    sent = [s for s in iteration.services.values() if s.deploying_since and not (s.settled or s.revision or s.created)]
    pending += [(s.name, "an update may have been sent") for s in sent]
    if state.attempt("PromoteServices", iteration.number) and not (iteration.promotion or iteration.undone):
        waiting = [s.name for s in candidates(iteration) if not iteration.services[s.name].promoted]
        pending += [(name, "its promotion may have been sent") for name in waiting[:1]]
    if state.rollback:
        pending.append(("the roll back", "one more service may have been put back"))
    return pending


def resume_command(state: RunState) -> str:
    """Goes on with what was stopped: the run, or its roll back."""
    return f"loop {'rollback' if state.asked_back else 'resume'} {state.name}"


def how_ended(state: RunState) -> str:
    """Why the run ended. What its sentence advises is over where it was to be put back."""
    if state.ended is None:
        return ""
    if state.asked_back and state.ended.ending in (Ending.WAITING, Ending.UNPROMOTED):
        return sentence(state.ended.ending)
    return reason(state.ended.ending, state.ended.sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run in a list of runs."""

    environment: str
    number: int
    started: datetime
    iterations: int
    """How many there are, Initial included."""
    verdict: Verdict | None
    """Of the last judged iteration, or the one that it confirms (`goal.meeting`); None when none was judged."""
    rate: Rate | None
    """None where none may be said."""
    standing: str
    """The ending, or `paused`, `interrupted`, `not ended`."""
    report: str = ""
    """Of the last iteration that has one."""
    last: datetime | None = None
    """When its last event happened."""

    @property
    def name(self) -> str:
        return f"{self.environment}-{self.number}"


def run_row(state: RunState) -> RunRow:
    judged = [i.judgement for i in state.iterations if i.judgement]
    last = meeting(judged) if judged else None
    written = [i.report for i in state.iterations if i.report]
    return RunRow(
        environment=state.environment,
        number=state.number,
        started=state.started,
        last=state.last,
        iterations=len(state.iterations),
        verdict=last.verdict if last else None,
        rate=last.raw if last and last.verdict is not Verdict.INVALID else None,
        standing=standing(state),
        report=written[-1] if written else "",
    )


def standing(state: RunState) -> str:
    """Where the run stands, in a few words. Whether a process still works at it, only the lease knows."""
    if state.asked_back:
        return f"{state.ended.ending}, {back.words(state)}" if state.ended else back.words(state)
    if state.ended:
        return state.ended.ending
    if state.paused:
        return "paused"
    return "interrupted" if state.interrupted else "not ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table of iterations."""

    title: str
    rate: str
    """`96%`, `invalid`, `not run`, `not judged`."""
    passed: str
    """`24/25`; empty where nothing may be said."""
    change: str
    """What was changed before it, by kind, and what makes it hard to compare with the row above."""
    came: str


def rows(state: RunState) -> tuple[Row, ...]:
    """The table: the last runs of the environment, then the iterations of this one."""
    return (*map(_earlier, state.trend), *(_row(state, i) for i in state.iterations))


def _earlier(row: TrendRow) -> Row:
    when = f"{row.at:%Y-%m-%d}, {'Initial' if row.iteration == 0 else f'iteration {row.iteration}'}"
    shown = row.rate if row.verdict is not Verdict.INVALID else None
    came = f"{row.ending}; {when}" if row.ending else when
    return Row(title=row.run, rate=_rate(row.verdict, row.rate), passed=str(shown or ""), change="", came=came)


def _rate(verdict: Verdict, rate: Rate | None) -> str:
    if verdict is Verdict.INVALID:
        return "invalid"
    return percent(rate) if rate else "not run"


def _row(state: RunState, iteration: IterationState) -> Row:
    judgement = iteration.judgement
    if judgement is None:
        return Row(title=iteration.title, rate="not judged", passed="", change=change(iteration), came=stopped(state))
    shown = judgement.raw if judgement.verdict is not Verdict.INVALID else None
    return Row(
        title=iteration.title,
        rate=_rate(judgement.verdict, judgement.raw),
        passed=f"{shown}{_beside(judgement)}" if shown else "",
        change=change(iteration),
        came=came(iteration, judgement),
    )


def _beside(judgement: Judgement) -> str:
    known = known_count(judgement)
    marks = [f"{judgement.adjusted}, {known} known" if judgement.adjusted else f"{known} known"] if known else []
    skipped = judgement.counts.get(Outcome.SKIPPED, 0)
    marks += [f"{skipped} skipped"] if skipped else []
    marks += [f"{len(judgement.flaky)} flaky"] if judgement.flaky else []
    marks += [f"{len(judgement.weakened)} weakened"] if judgement.weakened else []
    return f" ({', '.join(marks)})" if marks else ""


def change(iteration: IterationState) -> str:
    """`product, tests; cases 25 -> 27; tests changed`."""
    parts = [", ".join(iteration.change.kinds)] if iteration.change and iteration.change.kinds else []
    comparison = iteration.judgement.comparison if iteration.judgement else None
    if comparison and comparison.case_set_changed:
        parts.append(comparison.case_set_changed)
    if comparison and comparison.tests_changed:
        parts.append("tests changed")
    return "; ".join(parts)


def came(iteration: IterationState, judgement: Judgement) -> str:
    """What an iteration brought, in one cell: what was fixed and broken by which commit, or why there is no rate."""
    if judgement.verdict is Verdict.INVALID:
        return "; ".join([*(judgement.reasons or [judgement.rule]), *moves(iteration)])
    if not judgement.deployed:
        return "; ".join([*(_failures(iteration) or judgement.reasons or [judgement.rule]), *moves(iteration)])
    subject = _what_changed(iteration) if judgement.comparison else ""
    brought = "; ".join(moved(judgement)) + (f": {subject}" if subject else "")
    return "; ".join([brought, *moves(iteration)])


def moved(judgement: Judgement) -> list[str]:
    """Phrases on what came to pass and what no longer passes, against the iteration before."""
    comparison = judgement.comparison
    if comparison is None:
        return ["first iteration"]
    phrases = [f"{len(comparison.fixed)} fixed ({credit_sum(comparison.fixed)})"] if comparison.fixed else []
    phrases += [f"{len(comparison.broken)} broken"] if comparison.broken else []
    changed = len(comparison.still_changed)
    phrases += [f"{count(changed, 'failure')} changed"] if changed else []
    phrases += [f"{len(comparison.new)} new"] if comparison.new else []
    phrases += [f"{len(comparison.gone)} gone"] if comparison.gone else []
    return phrases or ["nothing fixed, nothing broken"]


def _what_changed(iteration: IterationState) -> str:
    commits = iteration.change.commits if iteration.change else ()
    return ", ".join(one_line(c.subject, 60) for c in commits[:2]) + (", ..." if len(commits) > 2 else "")


def _failures(iteration: IterationState) -> list[str]:
    return [f"{s.name}: {one_line(s.failure.reason, 80)}" for s in iteration.services.values() if s.failure]


def stopped(state: RunState) -> str:
    """Why the last iteration has no judgement."""
    if state.asked_back:
        return back.words(state)
    if state.paused:
        return f"paused: {one_line(state.paused.message, 80)}"
    return "interrupted" if state.interrupted else "unfinished"


def weak_evidence(iteration: IterationState) -> str:
    """How much a report says under "Weak evidence"; empty where there is none."""
    suites = iteration.suites.values()
    marks = sum(len(suite.result.marks) for suite in suites if suite.result)
    bare = sum(suite.evidence.bare for suite in suites if suite.evidence)
    told = [count(marks, "mark")] if marks else []
    told += [f"{count(bare, 'case')} passed without evidence"] if bare else []
    told += [f"hook {f.hook} failed" for f in iteration.hook_failures if f.hook.closes]
    return ", ".join(told)
