"""What the services' request logs say of a suite and its cases, and what was measured against targets."""

from collections.abc import Iterator, Sequence

from loop.core.compare import suite_of
from loop.core.environment import Target
from loop.core.evidence import NAMED, CaseRequest, LogStatus, SuiteEvidence
from loop.core.figures import figure, unread
from loop.core.loglines import of_case, words
from loop.core.model import Measured
from loop.core.wording import count, sentence
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
    line,
)
from loop.reports.subject import Subject

_SHOWN_BARE = 5
_JOINED = {
    (False,): "joined by its trace id",
    (True,): "joined by time (no other case ran)",
    (False, True): "joined by its trace id, or by time where that is said (no other case ran)",
}


def requests_of(subject: Subject, case_id: str) -> Iterator[Block]:
    """What a failing case asked; "nothing" is said only where it is known."""
    found = _evidence(subject, case_id)
    if found is None:
        return
    requests = found.requests.get(case_id, ())
    if requests:
        yield Paragraph(line("Its last requests, from the services' request logs:"))
        yield Bullets(tuple(map(_request, requests)))
    elif _known_silent(subject, found, case_id):
        yield Paragraph(line("It sent no request to any service."))


def lines_of(subject: Subject, case_id: str) -> Iterator[Block]:
    """What the services wrote while a failing case ran; that they wrote nothing is never said."""
    found = of_case(subject.iteration, case_id)
    if found:
        how = tuple(sorted({each.by_time for each in found}))
        caption = line(f"What the services wrote meanwhile, {_JOINED[how]}:")
        yield Output(caption, "\n".join(words(each, mixed=len(how) > 1) for each in found))


def _evidence(subject: Subject, case_id: str) -> SuiteEvidence | None:
    suite = subject.iteration.suites.get(suite_of(case_id))
    return suite.evidence if suite else None


def _known_silent(subject: Subject, found: SuiteEvidence, case_id: str) -> bool:
    """An event names a limited number of cases, and a case without a trace id can not be told from others."""
    case = subject.cases.get(case_id)
    within = len(subject.judgement.failing if subject.judgement else ()) <= NAMED
    return found.available and within and case is not None and bool(case.trace)


def _request(request: CaseRequest) -> Bullet:
    took = "" if request.ms is None else f", {request.ms:g} ms"
    told = " (joined by time)" if request.by_time else ""
    what = f"{request.method} {request.path}"
    return Bullet(line(Code(what), f" - {request.status} from {request.service} ", Code(request.revision), took, told))


def weak(subject: Subject) -> Iterator[Block]:
    """In one place what makes results worth less than they look; none of it changes a verdict."""
    suites = subject.iteration.suites.values()
    marked = [_marks(suite.name, suite.result.marks) for suite in suites if suite.result and suite.result.marks]
    items = (*marked, *_passed_without(subject), *_after_failed(subject))
    if items:
        yield Heading(3, line("Weak evidence"))
        yield Paragraph(line("None of this changes the verdict; it says which results are worth a second look."))
        yield Bullets(items)


def _marks(suite: str, marks: Sequence[str]) -> Bullet:
    return Bullet(line(Strong(suite), f": {count(len(marks), 'mark')}"), tuple(map(line, marks)))


def _passed_without(subject: Subject) -> Iterator[Bullet]:
    suites = [s.evidence for s in subject.iteration.suites.values() if s.evidence]
    total = sum(s.bare for s in suites)
    if not total:
        return
    ids = [case_id for s in suites for case_id in s.bare_ids][:_SHOWN_BARE]
    rest = (line(f"and {total - len(ids)} more"),) if total > len(ids) else ()
    title = "Passed without evidence (no request in a service's log, or done in under 2 ms)"
    yield Bullet(line(Strong(f"{title}: {total}")), (*(line(Code(each)) for each in ids), *rest))


def _after_failed(subject: Subject) -> Iterator[Bullet]:
    for failed in subject.iteration.hook_failures:
        if failed.hook.closes:
            yield Bullet(line("Hook ", Strong(failed.hook), f": {failed.reason}"))


def logs_read(found: SuiteEvidence | None) -> tuple[Line, ...]:
    """Of one suite: how many requests each service's log holds, and which log could not be read."""
    if found is None:
        return ()
    said = [f"{name} {_joined(s.requests, s.by_trace, s.by_time)}" for name, s in found.services.items() if s.requests]
    read = [name for name, s in found.services.items() if s.status is LogStatus.READ and not s.requests]
    missing = [(name, s) for name, s in found.services.items() if s.status is LogStatus.UNAVAILABLE]
    lines = [line(f"requests logged: {'; '.join(said)}")] if said else []
    if read:
        lines.append(line(f"no request to {', '.join(read)}"))
    lines += [line(Strong("evidence unavailable"), f" for {name}: {sentence(s.reason)}") for name, s in missing]
    if said:
        lines.append(line(f"{found.asked} of {count(found.cases, 'case')} sent one"))
    return tuple(lines)


def _joined(requests: int, by_trace: int, by_time: int) -> str:
    parts = [(by_trace, "by trace"), (by_time, "by time"), (requests - by_trace - by_time, "of no case known")]
    return f"{requests} ({', '.join(f'{number} {how}' for number, how in parts if number)})"


def targets(subject: Subject) -> Iterator[Block]:
    """Never the limit in place of a figure: what nothing measured is said to be not measured."""
    yield Heading(3, line("Performance against targets"))
    declared = subject.state.charter.targets
    if not declared:
        yield Paragraph(line("No targets are declared; nothing was measured."))
        return
    found = {each.target: each for each in (subject.judgement.targets if subject.judgement else ())}
    rows = tuple(
        Row((line(t.name), line(f"p{t.percentile} below {_limit(t)}"), line(*_measured(found.get(t.name)))))
        for t in declared
    )
    yield Table(("Target", "Limit", "Measured"), rows)


def _limit(target: Target) -> str:
    return figure(target.below, "s" if target.requests else target.unit)


def _measured(found: Measured | None) -> Line:
    if found is None:
        return line("not measured")
    odd = f" ({unread(found)})" if found.unread else ""
    if not found.n:
        return line(Strong("not measured"), odd)
    word = "met" if found.met else Strong("missed")
    each = [f"{s.service} {figure(s.value, found.unit)}, n = {s.n}" for s in found.services]
    services = f": {'; '.join(each)}" if each else ""
    return line(f"{figure(found.value, found.unit)}, ", word, f" (n = {found.n}, {found.source}{services}){odd}")
