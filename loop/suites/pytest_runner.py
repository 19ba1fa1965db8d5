"""Runs a pytest suite with the recorder in it: what the recorder streamed is the source, then the exit status."""

import contextlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loop import children
from loop.children import Ended, Output, Tail
from loop.children.tail import TURN
from loop.core.model import Outcome, Problem, ProblemKind, SuiteResult
from loop.suites import assertions, ids, sources
from loop.suites.outcomes import FAILING
from loop.suites.pytest_record import Record
from loop.suites.report import Finished, Order, not_started, redacted, spelled

RECORDER = Path(__file__).parent / "recorder"
RECORD = "record.jsonl"
ONLY = "only.json"
MANY = 20
"""Remarks on subtests that are told one by one."""
OLDEST = (7, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """One pytest process: what it gave, and pytest's own id of every collected case."""

    finished: Finished
    nodeids: Mapping[str, str] = field(default_factory=dict)


def run_pytest(order: Order) -> Finished:
    return run_once(order).finished


def run_once(order: Order, *, only: Sequence[str] = (), name: str = "output") -> Once:
    """`only`: pytest's ids of the cases to run, of those that the arguments name; all where there is none."""
    interpreter = find_interpreter(order)
    output = order.output(f"{name}.log")
    if interpreter is None:
        command = shlex.join(["python3", "-m", "pytest", *(order.suite.pytest or ())])
        return Once(finished=not_started(order, command, _missing_interpreter(order, "was not found")))
    argv = arguments(order, interpreter)
    record_file = order.scratch / RECORD
    record_file.unlink(missing_ok=True)  # of an attempt that was killed
    digests = sources.Digests(order.root)
    record = _record(order, digests)
    with contextlib.closing(Tail(record_file)) as tail:
        pump = _Pump(tail, record, order)
        ended = children.run(
            argv,
            cwd=order.workdir,
            env=environment(order, record_file) | _selection(order, only),
            output=output,
            timeout=order.suite.timeout,
            wait=order.wait,
            on_child=order.on_child,
            pump=pump,
        )
        pump(chunks=None)
    record.close()
    problems = [redacted(problem, order.clean) for problem in _problems(order, interpreter, record, ended, output)]
    result = SuiteResult(
        command=order.clean(shlex.join(argv)),
        exit_status=ended.status,
        seconds=ended.seconds,
        expected=None if record.expected is None else len(record.expected),
        counts=dict(record.counts),
        problems=tuple(problems),
        marks=(*_marks(record, ended), *_blind(order, record)),
        cases_digest=sources.digest_of_ids(record.expected or ()),
        sources_digest=digests.together(_sources(order, record)),
        versions=record.versions,
    )
    nodeids = dict(zip(record.expected or (), record.nodeids, strict=False))
    return Once(finished=Finished(result=result, raw=(output.path,)), nodeids=nodeids)


def _selection(order: Order, only: Sequence[str]) -> dict[str, str]:
    """By a file, for a command line has no room for ten thousand names."""
    if not only:
        return {}
    path = order.scratch / ONLY
    path.write_text(json.dumps(sorted(set(only))), encoding="utf-8")
    return {"LOOP_ONLY": str(path)}


def _blind(order: Order, record: Record) -> list[str]:
    root = order.root.resolve()
    return assertions.marks(order, (_from_root(nodeid, record.rootdir, root) for nodeid in record.nodeids))


def find_interpreter(order: Order) -> str | None:
    """The suite's own `python:`, else the root's virtual environment, else `python3` on the suite's PATH."""
    if order.suite.python:
        named = order.suite.python
        candidate = str(order.root / named) if os.sep in named else named
    else:
        candidate = str(order.root / ".venv" / "bin" / "python")
        candidate = candidate if Path(candidate).exists() else "python3"
    return shutil.which(candidate, path=order.env.get("PATH", os.defpath))


def arguments(order: Order, interpreter: str) -> list[str]:
    cache = order.scratch / "pytest-cache"
    given = order.suite.pytest or ()
    return [interpreter, "-m", "pytest", "-p", "loop_recorder", "-o", f"cache_dir={cache}", *given]


def environment(order: Order, record_file: Path) -> dict[str, str]:
    """The suite's own, and what keeps the worktree clean and lets the recorder be found and speak."""
    paths = [str(RECORDER), *filter(None, [order.env.get("PYTHONPATH")])]
    return {
        **order.env,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LOOP_RECORD": str(record_file),
        "LOOP_TRACE": "on" if order.suite.trace else "off",
    }


class _Pump:
    """Carries what the recorder wrote into the record, and tells once how many cases are expected."""

    def __init__(self, tail: Tail, record: Record, order: Order) -> None:
        self._tail = tail
        self._record = record
        self._order = order
        self._told = False

    def __call__(self, *, chunks: int | None = TURN) -> None:
        for line in self._tail.lines(chunks=chunks):
            self._record.feed(line)
            if not self._told and self._record.expected is not None:
                self._told = True
                self._order.on_collected(len(self._record.expected))


def _record(order: Order, digests: sources.Digests) -> Record:
    record: Record
    root = order.root.resolve()

    def from_root(nodeid: str) -> str:
        return _from_root(nodeid, record.rootdir, root)

    def file_of(nodeid: str) -> str:
        return from_root(nodeid).partition("::")[0]

    record = Record(
        case_id=lambda nodeid: ids.case_id(order.suite.name, from_root(nodeid)),
        file_of=file_of,
        source_of=digests.of,
        redact=order.clean,
        on_case=order.on_case,
    )
    return record


def _from_root(nodeid: str, rootdir: str, root: Path) -> str:
    """pytest counts from its own root, which may lie above or below ours; a case's id must not depend on that."""
    file, colons, rest = nodeid.partition("::")
    if not rootdir or Path(rootdir) == root:
        return nodeid
    return os.path.relpath(os.path.join(rootdir, file), root) + colons + rest


def _sources(order: Order, record: Record) -> set[str]:
    if order.suite.sources:
        return set(sources.matching(order.root, order.suite.sources))
    files = {_from_root(nodeid, record.rootdir, order.root.resolve()).partition("::")[0] for nodeid in record.nodeids}
    return sources.with_conftests(files)


def _marks(record: Record, ended: Ended) -> Iterator[str]:
    if ended.status == 0 and any(record.counts[outcome] for outcome in FAILING):
        yield "exit status 0 with a failing case"
    for case_id in record.surplus:
        yield f"ran and was not collected: {case_id}"
    for how, (number, first) in record.sifted.items():
        yield _sifted(how, number, first)
    for module, reason in record.collect_skips.items():
        yield f"skipped as a whole, its cases are not known: {module} ({reason.removeprefix('Skipped: ')})"
    yield from record.left_out[:MANY]
    if len(record.left_out) > MANY:
        yield f"subtests were left out in {len(record.left_out) - MANY} more ways"
    if record.stopped:
        yield f"pytest stopped early: {record.stopped}"


def _sifted(how: str, number: int, first: str) -> str:
    cases = "1 collected case was" if number == 1 else f"{number} collected cases were"
    by = " by a plugin or conftest" if how == "dropped" else ""
    return f"{cases} {how}{by} ({'e.g. ' if number > 1 else ''}{first})"


def _problems(order: Order, interpreter: str, record: Record, ended: Ended, output: Output) -> Iterator[Problem]:
    """The first cause only, for what follows from it is no news; but fewer cases than demanded is always said."""
    cause = _cause(order, interpreter, record, ended, output.last_lines)
    if cause is not None:
        yield cause
    yield from _too_few(order, record)


def _too_few(order: Order, record: Record) -> Iterator[Problem]:
    minimum = order.suite.minimum
    collected = len(record.expected or ())
    if minimum is not None and 0 < collected < minimum:
        yield Problem(
            kind=ProblemKind.FEWER_THAN_EXPECTED,
            sentence=f"Suite {order.suite.name} collected {collected} cases; `minimum:` demands {minimum}.",
        )


def _cause(order: Order, interpreter: str, record: Record, ended: Ended, last_lines: str) -> Problem | None:
    name = order.suite.name
    if ended.status is None:
        return _missing_interpreter(order, f"could not be started ({ended.refusal})")
    if ended.timed_out:
        return Problem(
            kind=ProblemKind.TIMED_OUT,
            sentence=f"Suite {name} was stopped after {order.suite.timeout:g} s, its `timeout:`;{_left_over(record)}",
            output=last_lines,
        )
    if not record.versions:
        return _never_spoke(order, interpreter, ended, last_lines)
    if _version(record.versions["pytest"]) < OLDEST:
        return _too_old(order, interpreter, record.versions["pytest"])
    if record.collect_errors:
        return _collection_error(name, record)
    return _told_by_exit(name, record, ended, last_lines)


def _told_by_exit(name: str, record: Record, ended: Ended, last_lines: str) -> Problem | None:
    status = ended.status
    if record.troubles:
        kind, text = record.troubles[0]
        sentence = f"Suite {name}: pytest ended with an {kind} (exit status {status});{_left_over(record)}"
        return Problem(kind=ProblemKind.RUNNER_DIED, sentence=sentence, output=text)
    if record.exit is None or record.counts[Outcome.UNFINISHED]:
        sentence = f"Suite {name}: pytest died before its end ({spelled(status)});{_left_over(record)}"
        return Problem(kind=ProblemKind.RUNNER_DIED, sentence=sentence, output=last_lines)
    if status == 5 or not record.expected:
        sentence = f"Suite {name} collected no case (exit status {status}). Do its arguments name existing tests?"
        return Problem(kind=ProblemKind.COLLECTED_NOTHING, sentence=sentence, output=last_lines)
    if status == 2:
        sentence = f"Suite {name}: pytest was interrupted (exit status 2: {record.stopped});{_left_over(record)}"
        return Problem(kind=ProblemKind.RUNNER_DIED, sentence=sentence, output=last_lines)
    if status == 0 and record.counts[Outcome.NOT_RUN]:
        sentence = f"Suite {name}: pytest ended with exit status 0, but{_left_over(record)}"
        return Problem(kind=ProblemKind.EXIT_STATUS, sentence=sentence, output=last_lines)
    if status != 0 and not any(record.counts[outcome] for outcome in FAILING):
        sentence = f"Suite {name}: pytest ended with exit status {status}, but no case failed."
        return Problem(kind=ProblemKind.EXIT_STATUS, sentence=sentence, output=last_lines)
    return None


def _left_over(record: Record) -> str:
    finished = sum(record.counts.values()) - record.counts[Outcome.UNFINISHED] - record.counts[Outcome.NOT_RUN]
    return (
        f" {finished} of {len(record.expected or ())} cases had finished,"
        f" {record.counts[Outcome.UNFINISHED]} had begun."
    )


def _collection_error(name: str, record: Record) -> Problem:
    modules = list(record.collect_errors)
    more = f" and {len(modules) - 3} more" if len(modules) > 3 else ""
    return Problem(
        kind=ProblemKind.COLLECTION_ERROR,
        sentence=f"Suite {name}: pytest could not collect {', '.join(modules[:3])}{more}.",
        output="\n\n".join(record.collect_errors.values())[-10_000:],
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _missing_interpreter(order: Order, why: str, output: str = "") -> Problem:
    wanted = order.suite.python or ".venv/bin/python or python3"
    return Problem(
        kind=ProblemKind.RUNNER_MISSING,
        sentence=f"Suite {order.suite.name}: the Python interpreter {wanted} {why}. Install it, or set `python:`.",
        output=output,
    )


def _too_old(order: Order, interpreter: str, version: str) -> Problem:
    return Problem(
        kind=ProblemKind.RUNNER_MISSING,
        sentence=f"Suite {order.suite.name}: pytest {version} of {interpreter} is too old; 7.0 is the oldest."
        f" {interpreter} -m pip install --upgrade pytest",
    )


def _never_spoke(order: Order, interpreter: str, ended: Ended, last_lines: str) -> Problem:
    """pytest ended before it had read its options: is it there at all?"""
    name = order.suite.name
    found = _ask(order, interpreter)
    if not found:
        return _missing_interpreter(order, f"({interpreter}) does not work", last_lines)
    if found["pytest"] == "":
        return Problem(
            kind=ProblemKind.RUNNER_MISSING,
            sentence=f"Suite {name}: {interpreter} has no pytest. {interpreter} -m pip install pytest",
        )
    if _version(found["pytest"]) < OLDEST:
        return _too_old(order, interpreter, found["pytest"])
    if ended.status == 4:
        sentence = f"Suite {name}: pytest refused its arguments (exit status 4)."
        return Problem(kind=ProblemKind.EXIT_STATUS, sentence=sentence, output=last_lines)
    sentence = f"Suite {name}: pytest died before it had started ({spelled(ended.status)})."
    return Problem(kind=ProblemKind.RUNNER_DIED, sentence=sentence, output=last_lines)


_QUESTION = """
import contextlib
import json
try:
    import pytest
    version = pytest.__version__
except ImportError:
    version = ""
print(json.dumps({"pytest": version}))
"""


def _ask(order: Order, interpreter: str) -> Mapping[str, str]:
    """Empty when the interpreter does not even answer that."""
    output = Output(order.scratch / "question.log", order.redact, lambda _: None)
    children.run(
        [interpreter, "-c", _QUESTION],
        cwd=order.workdir,
        env=order.env,
        output=output,
        timeout=30,
        wait=order.wait,
        on_child=order.on_child,
    )
    try:
        answer = json.loads(output.last_lines.splitlines()[-1])
    except (ValueError, IndexError):
        return {}
    return answer if isinstance(answer, dict) else {}
