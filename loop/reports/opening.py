"""The first screen of a report: what it is about, where it stands, what was achieved, the table of iterations."""

from collections.abc import Iterator

from loop.core.back import rolled_back, words
from loop.core.events import RunEnded
from loop.core.model import Commit, Judgement, Problem, SuiteResult, Verdict
from loop.core.state import RunState, SuiteState
from loop.core.wording import (
    count,
    credit_sum,
    deployed_now,
    duration,
    how_ended,
    known_count,
    moment,
    next_command,
    open_operations,
    percent,
    reason,
    resume_command,
    rows,
    sentence,
    short_image,
    stopped,
)
from loop.reports.document import (
    Block,
    Bullet,
    Bullets,
    Code,
    Heading,
    Line,
    Output,
    Paragraph,
    Row,
    Strong,
    Table,
    bullets,
    joined,
    line,
)
from loop.reports.evidence import logs_read
from loop.reports.subject import Subject, commit_mark, commits, evidence_link


def opening(subject: Subject) -> Iterator[Block]:
    yield from _title(subject)
    yield from _status(subject)
    yield from _achievements(subject)
    yield from _table(subject)


def _title(subject: Subject) -> Iterator[Block]:
    state, iteration = subject.state, subject.iteration
    yield Heading(1, line(f"{state.charter.title or state.environment} loop - {iteration.title} Summary"))
    program = f", loop {state.program}" if state.program else ""
    facts = [
        line(Strong("Date"), f": {moment(subject.at)}", _took(subject)),
        line(Strong("Environment"), f": {state.environment} (project ", Code(state.charter.platform.project),
             ", region ", Code(state.charter.platform.region), ")"),
        line(Strong("Mission"), f": {state.charter.mission}" if state.charter.mission else ": none is stated"),
        line(Strong("Run"), f": {state.name} (", Code(state.uid), ")", program),
        line(Strong("Commit"), ": ", *_commit(subject)),
    ]  # fmt: skip
    yield bullets(*facts)
    if state.charter.platform.emulated:
        yield Paragraph(line("This run was served by the embedded emulator on this machine, not by Google Cloud."))
    if state.selected:
        chosen = joined(tuple(Code(name) for name in state.selected))
        yield Paragraph(line("Partial run: only ", *chosen, ". It neither sets the baseline nor meets the goal."))


def _took(subject: Subject) -> str:
    iteration = subject.iteration
    if not iteration.judged:
        took = (subject.at - iteration.started).total_seconds()
        return f" (stopped after {duration(took)})" if took else ""
    return f" (took {duration((iteration.judged - iteration.started).total_seconds())})"


def _commit(subject: Subject) -> Line:
    iteration = subject.iteration
    by = f" by {iteration.author}" if iteration.author else ""
    note = line(", a snapshot of ", Strong("uncommitted changes")) if iteration.uncommitted else ()
    return (commit_mark(iteration.commit), f" {iteration.subject}{by}", *note)


def headline(subject: Subject) -> str:
    """The one sentence that also stands in the index and in notifications."""
    judgement = subject.judgement
    if judgement is None:
        return f"not judged ({stopped(subject.state).partition(':')[0]})"
    if judgement.verdict is Verdict.INVALID:
        return "invalid, no pass rate"
    if not judgement.deployed:
        failed = next((f.hook for f in subject.iteration.hook_failures if f.hook.opens), None)
        return f"not run, the hook {failed} failed" if failed else "not run, the product did not come up"
    return _rates(judgement)


def _rates(judgement: Judgement) -> str:
    raw, adjusted = judgement.raw, judgement.adjusted
    if raw is None:
        return "no pass rate"
    text = f"{percent(raw)} pass rate ({raw} cases passed)"
    if adjusted and adjusted != raw:
        text += f", adjusted {percent(adjusted)} ({adjusted})"
    return text + (f", {len(judgement.weakened)} weakened" if judgement.weakened else "")


def _status(subject: Subject) -> Iterator[Block]:
    yield Heading(2, line(f"Current status: {headline(subject)}"))
    if subject.judgement:
        yield from _judged(subject.judgement)
    else:
        yield Paragraph(line("The run stopped before this iteration could be judged."))
        yield from _open(subject)
    yield from _run_stopped(subject)


def _judged(judgement: Judgement) -> Iterator[Block]:
    items = [line(Strong("Verdict"), ": ", *verdict(judgement))]
    if judgement.goal:
        items.append(line(Strong("Goal"), f": {judgement.goal} - {'met' if judgement.goal_met else 'not met'}"))
    if judgement.counts:
        items.append(line(Strong("Cases"), f": {_counts(judgement)}"))
    if judgement.baseline_note:
        about, _, why = judgement.baseline_note.partition(":")
        items.append(line(Strong(about), f":{why}"))
    yield bullets(*items)
    further = [each for each in judgement.reasons if each not in judgement.rule]
    if further:
        yield bullets(*map(line, further))
    for problem in judgement.problems:
        yield from _problem(problem, judgement)


def verdict(judgement: Judgement) -> Line:
    """With the rule it follows from, which may begin with the verdict's own name."""
    word = judgement.verdict.value
    return line(Strong(word), reason(word, judgement.rule).removeprefix(word))


def _counts(judgement: Judgement) -> str:
    counts = ", ".join(f"{n} {outcome}" for outcome, n in judgement.counts.items() if n)
    marks = f"{len(judgement.flaky)} flaky, {known_count(judgement)} known"
    skipped = "" if any(o == "skipped" and n for o, n in judgement.counts.items()) else ", 0 skipped"
    return f"{counts}{skipped}; of these {marks}"


def _problem(problem: Problem, judgement: Judgement) -> Iterator[Block]:
    if problem.sentence not in judgement.reasons:
        yield bullets(line(Strong(problem.kind), f": {problem.sentence}"))
    if problem.output:
        yield Output(line(f"The runner's last lines ({problem.kind}):"), problem.output)


def _run_stopped(subject: Subject) -> Iterator[Block]:
    state = subject.state
    if not subject.last:
        return
    if state.paused:
        where = line(" (", Code(state.paused.where), ")") if state.paused.where else ()
        hint = line(" To mend it: ", Code(state.paused.hint), ".") if state.paused.hint else ()
        yield Paragraph(line(Strong("Paused"), f": {state.paused.message}", *where, ".", *hint))
    if state.asked_back:
        yield _asked_back(state)
    elif state.paused or (state.interrupted and not state.ended):
        word = "paused" if state.paused else "interrupted"
        anew = state.paused and state.paused.anew
        how = "is paused; a new one reads what was corrected:" if anew else f"is {word} and goes on with"
        yield Paragraph(line(f"The run {how} ", Code(next_command(state) if anew else resume_command(state)), "."))
    if state.ended:
        yield Paragraph(line(Strong("The run ended"), f": {_ending(state.ended, subject)}"))


def _asked_back(state: RunState) -> Paragraph:
    told = words(state)
    head = Strong(told[0].upper() + told[1:])
    if rolled_back(state):
        return Paragraph(line(head, ": what served before the run serves again, and nothing goes on from the run."))
    return Paragraph(line(head, ". It goes on with ", Code(resume_command(state)), "."))


def _ending(ended: RunEnded, subject: Subject) -> str:
    """Not a second time what the verdict's rule says three lines above."""
    rule = subject.judgement.rule if subject.judgement else ""
    return sentence(ended.ending) if ended.sentence == rule else how_ended(subject.state)


def _open(subject: Subject) -> Iterator[Block]:
    pending = open_operations(subject.iteration)
    if pending:
        yield Paragraph(line("Still open on the platform when the run stopped:"))
        yield bullets(*(line(f"{service}: ", Code(name)) for service, name in pending))


def _achievements(subject: Subject) -> Iterator[Block]:
    yield Heading(3, line(f"Achievements of {subject.iteration.title}"))
    items = [*_fixed(subject), *_between(subject), *_deployed(subject)]
    if items:
        yield Bullets(tuple(items))
    else:
        yield Paragraph(line("None: no case was fixed and no service was deployed."))


def _fixed(subject: Subject) -> Iterator[Bullet]:
    judgement = subject.judgement
    comparison = (judgement.comparison or judgement.baseline) if judgement else None
    if judgement is None or judgement.verdict is Verdict.INVALID or comparison is None:
        return
    if not comparison.fixed:
        yield Bullet(line(f"No case was fixed against {comparison.against}."))
        return
    cases = tuple(line(Code(f.id), f" - {f.credit}") for f in comparison.fixed)
    head = f"{count(len(cases), 'case')} fixed against {comparison.against} ({credit_sum(comparison.fixed)}):"
    yield Bullet(line(head), cases[:30] + ((line(f"and {len(cases) - 30} more"),) if len(cases) > 30 else ()))


def _between(subject: Subject) -> Iterator[Bullet]:
    between = commits(subject)
    if between:
        yield Bullet(line(f"{count(len(between), 'commit')} came between:"), tuple(map(_between_line, between)))


def _between_line(commit: Commit) -> Line:
    return (commit_mark(commit.sha), f" {commit.subject}", f" ({commit.author})" if commit.author else "")


def _deployed(subject: Subject) -> Iterator[Bullet]:
    for service in subject.iteration.services.values():
        if deployed_now(service):
            image = line(", image ", Code(short_image(service.image))) if service.image else ()
            how = " deployed as a candidate: revision " if service.tag else " deployed: revision "
            yield Bullet(line(Strong(service.name), how, Code(service.revision), *image))


def _table(subject: Subject) -> Iterator[Block]:
    yield Heading(3, line("Test results by iteration"))
    cells = [(r.title, r.rate, r.passed, r.change, r.came) for r in rows(subject.state)]
    last = len(cells) - 1
    table = tuple(Row(tuple(line(c) for c in row), strong=n == last) for n, row in enumerate(cells))
    yield Table(("Iteration", "Pass rate", "Cases passed", "Change", "What came to pass"), table)


def measured(subject: Subject) -> Iterator[Block]:
    """How the figures came about: the commands, their exit statuses, and the files that prove it."""
    results = [(s, s.result) for s in subject.iteration.suites.values() if s.result]
    if not results:
        return
    yield Heading(3, line("How it was measured"))
    yield Bullets(tuple(_measured(subject, suite, result) for suite, result in results))


def _measured(subject: Subject, suite: SuiteState, result: SuiteResult) -> Bullet:
    versions = ", ".join(f"{k} {v}" for k, v in sorted(result.versions.items()))
    status = "did not start" if result.exit_status is None else f"exit status {result.exit_status}"
    head = line(Strong(suite.name), ": ", Code(result.command), f" - {status}, {duration(result.seconds)}",
                f", {versions}" if versions else "")  # fmt: skip
    files = tuple(
        line(evidence_link(subject.iteration, e), f" ({e.size} bytes, sha256 ", Code(e.sha256[:12]), ")")
        for e in (*result.evidence, *(suite.evidence.logs if suite.evidence else ()))
    )
    return Bullet(head, (*logs_read(suite.evidence), *files))
