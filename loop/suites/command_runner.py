"""Runs a suite by its command and reads the JUnit XML that it wrote: cases are known only when it has ended.

Exit status and files must agree, and the files must be of this run; otherwise the suite's results carry no verdict.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from loop import children
from loop.children import Ended, Output
from loop.core.model import Case, Outcome, Problem, ProblemKind, SuiteResult
from loop.suites import sources
from loop.suites.ids import case_id, numbered
from loop.suites.junit_fold import fold
from loop.suites.outcomes import FAILING
from loop.suites.report import Finished, Order, not_started, redacted, spelled
from loop.suites.result_files import Found, look, read_new

NOT_FOUND = frozenset({126, 127})
"""The shell's exit statuses for a program that is missing or can not be run."""
MANY = 20
"""Marks of one suite that are told one by one."""


def set_up(order: Order) -> Finished | None:
    """Runs the suite's `setup:`; what it means that it failed, else None."""
    command = order.suite.setup
    if command is None:
        return None
    output = order.output("setup.log")
    ended = _shell(order, command, output)
    if ended.status == 0 and not ended.timed_out:
        return None
    return not_started(order, command, _broken("setup:", command, ended, output.last_lines), raw=(output.path,))


def run_command(order: Order) -> Finished:
    command = order.suite.command or ""
    names, broken = listed(order)
    if broken is not None:
        return not_started(order, command, broken)
    if names is not None:
        order.on_collected(len(names))
    before = look(order.workdir, order.suite.junit or "", time.time())
    output = order.output("output.log")
    ended = _shell(order, command, output)
    found = read_new(before)
    told = _Told(order)
    for case in _cases(order, found, told):
        told.take(case)
    results = len(told.ids)
    for missing in _missing(order, names, told.ids):
        told.take(missing)
    problems = [*_problems(order, ended, found, told, output), *_too_few(order, names, told.ids, results)]
    return Finished(
        result=SuiteResult(
            command=order.clean(command),
            exit_status=ended.status,
            seconds=ended.seconds,
            expected=None if names is None and order.known is None else len(names or order.known or ()),
            counts=dict(told.counts),
            problems=tuple(redacted(problem, order.clean) for problem in problems),
            marks=tuple(map(order.clean, _marks(ended, found, told))),
            cases_digest=sources.digest_of_ids(told.ids),
            sources_digest=told.digests.together(_sources(order, told)),
        ),
        raw=(output.path, *(document.path for document in found.documents)),
    )


class _Told:
    """What has gone out so far."""

    def __init__(self, order: Order) -> None:
        self.ids: set[str] = set()
        self.files: set[str] = set()
        self.counts: Counter[Outcome] = Counter()
        self.digests = sources.Digests(order.root)
        self._on_case = order.on_case

    @property
    def failed(self) -> bool:
        return any(self.counts[outcome] for outcome in FAILING)

    def take(self, case: Case) -> None:
        self.ids.add(case.id)
        self.files.add(case.file)
        self.counts[case.outcome] += 1
        self._on_case(case)


def _shell(order: Order, command: str, output: Output, errors: Path | None = None) -> Ended:
    return children.run(
        ["sh", "-c", command],
        cwd=order.workdir,
        env=order.env,
        output=output,
        timeout=order.suite.timeout,
        wait=order.wait,
        on_child=order.on_child,
        errors=errors,
    )


def listed(order: Order) -> tuple[list[str] | None, Problem | None]:
    """The expected case ids as the `list:` command names them, one a line."""
    command = order.suite.list
    if command is None:
        return None, None
    lines: list[str] = []
    output = Output(order.scratch / "list.log", order.redact, lines.append)
    errors = order.scratch / "list-errors.log"
    ended = _shell(order, command, output, errors)
    if ended.status != 0 or ended.timed_out:
        complaint = errors.read_text("utf-8", "replace")[-4000:] if errors.exists() else ""
        return None, _broken("list:", command, ended, complaint)
    names = [line.strip() for line in lines if line.strip()]
    return [case_id(order.suite.name, name) for name in numbered(names)], None


def _broken(key: str, command: str, ended: Ended, output: str) -> Problem:
    how = "took longer than the suite's `timeout:`" if ended.timed_out else f"failed ({spelled(ended.status)})"
    return Problem(
        kind=ProblemKind.SETUP_FAILED, sentence=f"The suite's `{key}` command {how}: {command}", output=output
    )


def _cases(order: Order, found: Found, told: _Told) -> Iterator[Case]:
    return fold(
        (document.raws for document in found.documents),
        suite=order.suite.name,
        redact=order.clean,
        place=order.place,
        source_of=told.digests.of,
    )


def _missing(order: Order, listed: Sequence[str] | None, came: set[str]) -> Iterator[Case]:
    """Where only the baseline says what to expect and as many cases came, one that did not may have been renamed: it is
    gone and not owed, and a row for it would be expected again by the next run."""
    if listed is None and len(came) >= len(order.known or ()):
        return
    expected = order.known if listed is None else listed
    for name in expected or ():
        if name not in came:
            yield Case(id=name, outcome=Outcome.NOT_RUN)


def _too_few(order: Order, listed: Sequence[str] | None, ids: set[str], results: int) -> Iterator[Problem]:
    """Against the list, each name counts; against the baseline the number, for a case may have been renamed."""
    expected, source = (order.known, "the baseline has") if listed is None else (listed, "`list:` names")
    fewer = results < len(expected or ())
    absent = len(ids) - results
    if results and (fewer or (listed is not None and absent)):
        way_on = "; where they are gone for good, name those that are left with `list:`" if listed is None else ""
        yield _fewer(f"Suite {order.suite.name} gave results of {results} cases; {source} {len(expected or ())},"
                     f" {absent} of them are missing{way_on}.")  # fmt: skip
    elif results < (order.suite.minimum or 0):
        yield _fewer(f"Suite {order.suite.name} gave results of {results} cases; `minimum:` is {order.suite.minimum}.")


def _fewer(sentence: str) -> Problem:
    return Problem(kind=ProblemKind.FEWER_THAN_EXPECTED, sentence=sentence)


def _problems(order: Order, ended: Ended, found: Found, told: _Told, output: Output) -> Iterator[Problem]:
    missing = any(problem.kind is ProblemKind.RESULT_FILE_MISSING for problem in found.problems)
    cause = _cause(order, ended, told, missing=missing)
    if cause is not None:
        yield Problem(kind=cause[0], sentence=cause[1], output=output.last_lines)
    if not (missing and cause is not None):  # why there is no file has just been said
        yield from found.problems
    results = sum(told.counts.values()) - told.counts[Outcome.NOT_RUN]
    if cause is None and not found.problems and not results:
        sentence = f"Suite {order.suite.name} collected no case: its result files hold none."
        yield Problem(kind=ProblemKind.COLLECTED_NOTHING, sentence=sentence, output=output.last_lines)


def _cause(order: Order, ended: Ended, told: _Told, *, missing: bool) -> tuple[ProblemKind, str] | None:
    """What the command's end says against its results, if anything."""
    suite, status = order.suite, ended.status
    if status is None:
        return ProblemKind.RUNNER_MISSING, f"Suite {suite.name} could not be started: {ended.refusal}"
    if ended.timed_out:
        return ProblemKind.TIMED_OUT, f"Suite {suite.name} was stopped after {suite.timeout:g} s, its `timeout:`."
    if status < 0 or (status > 128 and not told.failed):  # mocha exits with the number of failures
        return ProblemKind.RUNNER_DIED, f"Suite {suite.name}: its command was killed ({spelled(status)})."
    if status in NOT_FOUND and missing:
        return ProblemKind.RUNNER_MISSING, f"Suite {suite.name}: the shell found no such program: {suite.command}"
    if status != 0 and not told.failed:
        sentence = f"Suite {suite.name} ended with exit status {status}, but no case failed."
        return ProblemKind.EXIT_STATUS, sentence
    return None


def _marks(ended: Ended, found: Found, told: _Told) -> Iterator[str]:
    if ended.status == 0 and told.failed:
        yield "exit status 0 with a failing case"
    yield from found.marks
    flags = [f"{document.name}: {flag}" for document in found.documents for flag in document.flags]
    yield from flags[:MANY]
    if len(flags) > MANY:
        yield f"and {len(flags) - MANY} more remarks on result files"


def _sources(order: Order, told: _Told) -> Sequence[str] | set[str]:
    return sources.matching(order.root, order.suite.sources) if order.suite.sources else told.files
