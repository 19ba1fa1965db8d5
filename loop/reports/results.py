"""What did not pass, what works, what is known not to, and what was measured against targets."""

from collections.abc import Iterator, Sequence

from loop.core.clusters import Clue, clue
from loop.core.loglines import of_case
from loop.core.model import Case, Comparison, Failing, Judgement, SuiteJudged, Verdict
from loop.core.wording import count, duration, one_line, percent, short_commit
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
    line,
)
from loop.reports.evidence import lines_of, requests_of, targets, weak
from loop.reports.subject import Subject, claims, earlier_commits, groups

_SHOWN_GROUPS = 12
_SHOWN_CASES = 30
_HEAD_LINES, _TAIL_LINES, _LINE_LENGTH = 12, 18, 240


def results(subject: Subject) -> Iterator[Block]:
    judgement = subject.judgement
    if judgement:
        yield from _remaining(subject, judgement)
        yield from _works(judgement)
    yield from weak(subject)
    yield from _known(subject)
    yield from targets(subject)


def _remaining(subject: Subject, judgement: Judgement) -> Iterator[Block]:
    known = judgement.deployed and judgement.verdict is not Verdict.INVALID
    number = f" ({len(judgement.failing) + len(judgement.weakened)})" if known else ""
    yield Heading(3, line(f"Remaining issues{number}"))
    found = groups(judgement.failing)
    for group in found[:_SHOWN_GROUPS]:
        yield from _group(subject, group)
    if len(found) > _SHOWN_GROUPS:
        rest = sum(len(g) for g in found[_SHOWN_GROUPS:])
        yield Paragraph(line(f"{count(rest, 'further case')} with other failures: see the JSON twin of this report."))
    if not found:
        yield Paragraph(line(_none_remaining(judgement)))
    yield from _lists(judgement)


def _none_remaining(judgement: Judgement) -> str:
    if not judgement.deployed:
        return "No suite was run, because the product did not come up: see the deployment status."
    if judgement.verdict is Verdict.INVALID:
        return "Not known: the results of this iteration can not carry a verdict."
    if judgement.weakened:
        return "No case failed, but what was weakened counts as not passed."
    return "None: every counted case passed."


def _group(subject: Subject, group: Sequence[Failing]) -> Iterator[Block]:
    first = group[0]
    if len(group) == 1:
        yield Heading(4, line(Code(first.id)))
    else:
        yield Heading(
            4, line(f"{len(group)} cases: {one_line(first.signature or first.message or first.outcome, 100)}")
        )
    yield Bullets((*_about(subject, group), *_notes(subject, group)))
    yield from requests_of(subject, first.id)
    yield from lines_of(subject, first.id)
    yield from _detail(subject, first)


def _about(subject: Subject, group: Sequence[Failing]) -> Iterator[Bullet]:
    first = group[0]
    if len(group) == 1:
        yield Bullet(line(f"{first.outcome.capitalize()}, {_since(first, subject)}"))
    else:
        ids = tuple(line(Code(f.id), f" - {f.outcome}, {_since(f, subject)}") for f in group[:_SHOWN_CASES])
        yield Bullet(line("The cases:"), (*ids, *_more(len(group), _SHOWN_CASES)))
    if first.message:
        yield Bullet(line("Message: ", Code(one_line(first.message))))
    if first.signature and one_line(first.signature) != one_line(first.message):
        yield Bullet(line("Signature: ", Code(one_line(first.signature))))
    yield Bullet(_layer(clue(first, of_case(subject.iteration, first.id))))
    for known in sorted({f.known for f in group if f.known}):
        yield Bullet(line(Strong("Known issue"), f": {known}"))


def _layer(found: Clue) -> Line:
    if found.quoted:
        return line(f"Probable layer: {found.layer} (from {found.fact}: ", Code(one_line(found.quoted)), ")")
    return line(f"Probable layer: {found}")


def _since(failing: Failing, subject: Subject) -> str:
    streak = subject.iteration.number - failing.since + 1
    if streak == 1:
        return "for the first time in this run" if subject.iteration.number else "since Initial"
    begun = "Initial" if failing.since == 0 else f"iteration {failing.since}"
    return f"since {begun} ({streak} iterations in a row)"


def _notes(subject: Subject, group: Sequence[Failing]) -> Iterator[Bullet]:
    """What commits say of these cases, as a labelled note: loop can not know whether it is so."""
    said = False
    for commit in earlier_commits(subject):
        if not any(claims(commit, f.id) for f in group):
            continue
        said = True
        for cause in commit.trailers.get("Root-cause", ()):
            yield Bullet(line("Root cause (note in ", Code(short_commit(commit.sha)), f"): {cause}"))
        claim = f" {commit.subject} claims to fix it; it still does not pass"
        yield Bullet(line(Code(short_commit(commit.sha)), claim))
    if not said and not all(f.known for f in group):
        yield Bullet(line("Root cause: not known (no commit names this case)"))


def _detail(subject: Subject, failing: Failing) -> Iterator[Block]:
    case = subject.cases.get(failing.id)
    if case is None or not case.detail.strip():
        yield Paragraph(line("The runner gave no further output for it."))
        return
    yield Output(line("Output of ", Code(failing.id), _seconds(case), ":"), trimmed(case.detail))


def _seconds(case: Case) -> str:
    return f" ({duration(case.seconds)})" if case.seconds is not None else ""


def trimmed(text: str) -> str:
    """Head and tail of a program's output, and how much lies between."""
    rows = [r if len(r) <= _LINE_LENGTH else r[:_LINE_LENGTH] + " ..." for r in text.strip("\n").splitlines()]
    left_out = len(rows) - _HEAD_LINES - _TAIL_LINES
    if left_out < 2:
        return "\n".join(rows)
    return "\n".join([*rows[:_HEAD_LINES], f"... {left_out} lines left out ...", *rows[-_TAIL_LINES:]])


def _lists(judgement: Judgement) -> Iterator[Block]:
    """What a pass rate hides: each list is named only where there is something on it."""
    against = judgement.comparison or judgement.baseline
    named: list[tuple[str, Sequence[str]]] = [
        ("Weakened (ran in the baseline, and now skipped, xfailed or gone)", judgement.weakened),
        ("Flaky (passed, but not at the first attempt)", judgement.flaky),
        ("Passed unexpectedly (xpassed)", judgement.xpassed),
    ]
    if against:
        named = [*_compared(against), *named]
    items = tuple(_ids(title, ids) for title, ids in named if ids)
    if items:
        yield Paragraph(line("Also:"))
        yield Bullets(items)


def _ids(title: str, ids: Sequence[str]) -> Bullet:
    under = tuple(line(Code(each)) for each in ids[:_SHOWN_CASES])
    return Bullet(line(Strong(f"{title}: {len(ids)}")), (*under, *_more(len(ids), _SHOWN_CASES)))


def _compared(against: Comparison) -> list[tuple[str, Sequence[str]]]:
    return [
        (f"Broken since {against.against}", against.broken),
        ("Still failing, with another signature", against.still_changed),
        ("New cases", against.new),
        ("Gone cases", against.gone),
    ]


def _more(total: int, shown: int) -> tuple[Line, ...]:
    return (line(f"and {total - shown} more"),) if total > shown else ()


def _works(judgement: Judgement) -> Iterator[Block]:
    if not judgement.capabilities and not judgement.suites:
        return
    yield Heading(3, line("What works"))
    if judgement.capabilities:
        yield Bullets(tuple(_capability(c.name, c.passed, c.counted, c.failing) for c in judgement.capabilities))
    else:
        yield Paragraph(line("No capabilities are declared; by suite:"))
    if judgement.suites:
        yield _suites(judgement.suites)


def _capability(name: str, passed: int, counted: int, failing: Sequence[str]) -> Bullet:
    word = "no case counted" if not counted else f"{passed}/{counted}" + (", all" if passed == counted else "")
    return Bullet(line(Strong(name), f": {word}"), tuple(line("not passed: ", Code(i)) for i in failing[:_SHOWN_CASES]))


def _suites(suites: Sequence[SuiteJudged]) -> Table:
    rows = tuple(Row(tuple(line(cell) for cell in _suite(s))) for s in suites)
    return Table(("Suite", "Cases passed", "Pass rate", "Gate", "Time"), rows)


def _suite(suite: SuiteJudged) -> tuple[str, ...]:
    gate = f"{suite.gate}: {'met' if suite.gate_met else 'not met'}" if suite.gate else "none"
    rate = percent(suite.raw) if suite.raw else "no rate"
    adjusted = f" (adjusted {suite.adjusted})" if suite.adjusted and suite.adjusted != suite.raw else ""
    return suite.suite, f"{suite.raw or '-'}{adjusted}", rate, gate, duration(suite.seconds)


def _known(subject: Subject) -> Iterator[Block]:
    yield Heading(3, line("Known limitations"))
    issues = subject.state.charter.known_issues
    if not issues:
        yield Paragraph(line("No known issues are declared."))
        if subject.judgement and subject.judgement.notes:
            yield bullets(*map(line, subject.judgement.notes))
        return
    covered = {f.id: f.known for f in subject.judgement.failing if f.known} if subject.judgement else {}
    yield Bullets(
        tuple(
            Bullet(line(Code(i.pattern), f": {i.reason} (owner {i.owner}, until {i.until})"),
                   (line("Signature: ", Code(i.signature)), *((line(f"Evidence: {i.link}"),) if i.link else ())))
            for i in issues
        )
    )  # fmt: skip
    yield Paragraph(line(f"{count(len(covered), 'failing case')} of this iteration left the adjusted rate that way."))
    if subject.judgement and subject.judgement.notes:
        yield bullets(*map(line, subject.judgement.notes))
