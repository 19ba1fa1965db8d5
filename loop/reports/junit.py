"""One iteration as JUnit XML, for the tools that read nothing else. Streamed: no document is built in memory.

Such tools show a file without a failing case as green. So whatever keeps the iteration from passing is a case here:
results that are invalid, a product that did not come up, a case that was weakened.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from loop.core.model import Case, Outcome, Verdict
from loop.core.state import IterationState, RunState
from loop.core.wording import one_line, printable, stopped

_ILLEGAL = re.compile("[\ud800-\udfff\ufffe\uffff]")
_ELEMENT = {
    Outcome.FAILED: "failure",
    Outcome.ERROR: "error",
    Outcome.SKIPPED: "skipped",
    Outcome.XFAILED: "skipped",
    Outcome.UNFINISHED: "error",
    Outcome.NOT_RUN: "error",
}
_LACKING = {Outcome.UNFINISHED: "began and never ended", Outcome.NOT_RUN: "expected and never began"}


def junit(state: RunState, number: int, cases: Mapping[str, Sequence[Case]]) -> Iterator[str]:
    """`cases`: suite -> all rows of its counted attempt, the passed ones included."""
    iteration = state.iteration(number)
    title = f"{state.name} {iteration.title}"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites name={_attribute(title)}>\n"
    for suite, rows in cases.items():
        yield from _suite(iteration, suite, rows)
    yield from _loop(state, iteration)
    yield "</testsuites>\n"


def _suite(iteration: IterationState, name: str, rows: Sequence[Case]) -> Iterator[str]:
    counts = Counter(_ELEMENT.get(case.outcome, "passed") for case in rows)
    known = iteration.suites.get(name)
    seconds = f" time={_attribute(f'{known.result.seconds:.3f}')}" if known and known.result else ""
    begun = f" timestamp={_attribute(known.started.isoformat())}" if known and known.started else ""
    yield (
        f'<testsuite name={_attribute(name)} tests="{len(rows)}" failures="{counts["failure"]}" '
        f'errors="{counts["error"]}" skipped="{counts["skipped"]}"{seconds}{begun}>\n'
    )
    yield from _properties(iteration)
    for case in rows:
        yield _case(name, case)
    yield "</testsuite>\n"


def _properties(iteration: IterationState) -> Iterator[str]:
    """What these results are bound to."""
    values = {"commit": iteration.commit}
    if iteration.judgement:
        values["verdict"] = iteration.judgement.verdict
    for service in iteration.services.values():
        values[f"revision.{service.name}"] = service.ready.revision if service.ready else ""
    yield "<properties>\n"
    for name, value in values.items():
        yield f"<property name={_attribute(name)} value={_attribute(value)}/>\n"
    yield "</properties>\n"


def _case(suite: str, case: Case) -> str:
    identity = case.id.removeprefix(f"{suite}::")
    # parameters may hold any text, `::` too
    plain, bracket, parameters = identity.partition("[")
    classname, _, name = plain.rpartition("::")
    seconds = f' time="{case.seconds:.6f}"' if case.seconds is not None else ""
    file = f" file={_attribute(case.file)}" if case.file else ""
    head = f"<testcase classname={_attribute(classname)} name={_attribute(name + bracket + parameters)}{file}{seconds}"
    inner = "".join(_inner(case))
    return f"{head}>{inner}</testcase>\n" if inner else f"{head}/>\n"


def _inner(case: Case) -> Iterator[str]:
    element = _ELEMENT.get(case.outcome)
    if element:
        message = case.message or _LACKING.get(case.outcome, "")
        yield _result(element, case.outcome, message, "" if element == "skipped" else case.detail)
    if case.flaky:
        for attempt in case.attempts:
            yield _result("flakyFailure", attempt.outcome, attempt.message, "")


def _result(element: str, kind: str, message: str, text: str) -> str:
    head = f"<{element} type={_attribute(kind)} message={_attribute(one_line(message, 1_000))}"
    return f"{head}>{escape(_clean(text))}</{element}>" if text else f"{head}/>"


def _loop(state: RunState, iteration: IterationState) -> Iterator[str]:
    found = list(_against(state, iteration))
    if not found:
        return
    yield f'<testsuite name="loop" tests="{len(found)}" failures="0" errors="{len(found)}" skipped="0">\n'
    for name, message, text in found:
        inner = _result("error", name, message, text)
        yield f'<testcase classname="loop" name={_attribute(f"{name}: {one_line(message, 200)}")}>{inner}</testcase>\n'
    yield "</testsuite>\n"


def _against(state: RunState, iteration: IterationState) -> Iterator[tuple[str, str, str]]:
    judgement = iteration.judgement
    if judgement is None:
        yield "not judged", stopped(state.up_to(iteration.number)), ""
        return
    if judgement.verdict is Verdict.INVALID:
        outputs = {p.sentence: p.output for p in judgement.problems}
        for reason in judgement.reasons or (judgement.rule,):
            yield "invalid", reason, outputs.get(reason, "")
    if not judgement.deployed:
        for reason in judgement.reasons or (judgement.rule,):
            yield "not deployed", reason, ""
    for case in judgement.weakened:
        yield "weakened", case, ""


def _attribute(value: str) -> str:
    return quoteattr(_clean(value), {"\n": "&#10;", "\t": "&#9;"})


def _clean(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", printable(text))
