"""What follows from it: next steps and deltas that can be computed, the fixer's own words, and the verdict's rule."""

from collections.abc import Iterator

from loop.core.model import Judgement, Verdict
from loop.core.traffic import confirmation_due
from loop.core.wording import (
    ACCEPT,
    count,
    credit_sum,
    duration,
    next_command,
    one_line,
    open_operations,
    percent,
    short_commit,
)
from loop.reports.document import (
    Block,
    Bullet,
    Bullets,
    Code,
    Heading,
    Line,
    Paragraph,
    Strong,
    line,
)
from loop.reports.opening import verdict
from loop.reports.subject import (
    Subject,
    commits,
    fix_before,
    fixed_in_run,
    groups,
)


def closing(subject: Subject) -> Iterator[Block]:
    yield Heading(3, line("Next steps"))
    steps = tuple(_steps(subject))
    yield Bullets(tuple(map(Bullet, steps)), numbered=True) if steps else Paragraph(line("Nothing is left to do."))
    yield Heading(2, line("Learnings"))
    learnt = (*_words(subject), *_deltas(subject))
    none = line("None were noted, and there is no earlier iteration of this run to compare with.")
    yield Bullets(learnt) if learnt else Paragraph(none)
    yield Heading(2, line("Recommendation"))
    yield from _recommendation(subject)


def _steps(subject: Subject) -> Iterator[Line]:
    state, judgement = subject.state, subject.judgement
    if subject.last and state.paused and state.paused.hint:
        yield line("Mend what paused the run: ", Code(state.paused.hint))
    for service_state in subject.iteration.services.values():
        if service_state.failure:
            yield line("Repair ", Strong(service_state.name), f": {one_line(service_state.failure.reason, 160)}")
    for failed in subject.iteration.hook_failures:
        yield line("Mend the hook ", Strong(failed.hook), ", ", Code(failed.command), f": it {failed.reason}")
    if judgement:
        yield from _mend(judgement)
    if confirmation_due(state, subject.iteration) and not state.asked_back:
        following = f"Iteration {subject.iteration.number + 1}"
        yield line(f"See whether the promotion is confirmed, where it serves: {following}, of the same commit")
    stopped = state.ended or state.interrupted or state.paused or state.asked_back
    if subject.last and stopped and next_command(state):
        attached = "; it attaches to what is still open" if open_operations(subject.iteration) else ""
        yield line("Go on: ", Code(next_command(state)), attached)


def _mend(judgement: Judgement) -> Iterator[Line]:
    for problem in judgement.problems:
        yield line(f"Make the results valid: {problem.sentence}")
    # one that is excused needs no step of its own
    unexcused = [f for f in judgement.failing if not f.known]
    found = groups(unexcused)
    for group in found[:5]:
        about = one_line(group[0].signature or group[0].message, 120)
        also = f" and {count(len(group) - 1, 'other case')}" if len(group) > 1 else ""
        yield line("Fix ", Code(group[0].id), also, f": {about}" if about else "")
    if len(found) > 5:
        yield line(f"Fix {count(len(found) - 5, 'further failure')}")
    if judgement.weakened:
        yield line("Restore the weakened cases, or record why they may go: ", Code(ACCEPT))
    for case in judgement.xpassed:
        yield line("Remove the expected-failure mark of ", Code(case), ": it passes")


def _words(subject: Subject) -> Iterator[Bullet]:
    for commit in commits(subject):
        for learnt in commit.trailers.get("Learned", ()):
            yield Bullet(line("Noted in ", Code(short_commit(commit.sha)), f": {learnt}"))
    fix = fix_before(subject)
    if fix and fix.notes.strip():
        yield Bullet(line(f"The fixer's notes: {one_line(fix.notes, 1_000)}"))
    if fix and fix.restored:
        yield Bullet(line("The fixer touched protected files, which were put back: ", ", ".join(fix.restored)))
    yield from _refused(subject)


def _refused(subject: Subject) -> Iterator[Bullet]:
    """Fix attempts that led to nothing: those before this iteration, and, in the run's last report, those after it."""
    number = subject.iteration.number
    asked = [subject.state.iteration(number - 1).fix] if number else []
    asked += [subject.iteration.fix] if subject.last else []
    for fix in asked:
        for rejected in fix.rejections:
            yield Bullet(line(f"Fix attempt {rejected.attempt} was rejected: {rejected.guard}"))
        if fix.gave_up:
            yield Bullet(line(f"The fixer gave up: {fix.gave_up.reason}"))


def _deltas(subject: Subject) -> Iterator[Bullet]:
    judged = [i for i in subject.state.iterations if i.judgement]
    if len(judged) < 2:
        return
    trail = [_step(i.judgement) for i in judged if i.judgement]
    yield Bullet(line(f"Pass rate over this run: {' -> '.join(trail)}"))
    gains = tuple(fixed_in_run(subject))
    if gains:
        yield Bullet(line(f"{count(len(gains), 'case')} came to pass in this run ({credit_sum(gains)})"))
    now, before = judged[-1], judged[-2]
    if now.judged and before.judged:
        took, took_before = now.judged - now.started, before.judged - before.started
        yield Bullet(line(
            f"This iteration took {duration(took.total_seconds())}, "
            f"the one before {duration(took_before.total_seconds())}"
        ))  # fmt: skip


def _step(judgement: Judgement) -> str:
    if judgement.verdict is Verdict.INVALID:
        return "invalid"
    return percent(judgement.raw) if judgement.raw else "not run"


def _recommendation(subject: Subject) -> Iterator[Block]:
    judgement = subject.judgement
    if judgement is None:
        yield Paragraph(line("None: this iteration was not judged, so nothing may be said of the product."))
        return
    yield Paragraph(line("Verdict: ", *verdict(judgement)))
    gains = judgement.comparison.fixed if judgement.comparison else ()
    if gains:
        gain = f"Gain of this iteration: {count(len(gains), 'case')} ({credit_sum(gains)})."
        yield Paragraph(line(gain, _caution(judgement)))


def _caution(judgement: Judgement) -> str:
    """A gain that does not come from the product is said to be one."""
    fixed = judgement.comparison.fixed if judgement.comparison else ()
    if fixed and all(f.credit == "tests" for f in fixed):
        return " It comes from editing tests alone; no revision changed."
    return ""
