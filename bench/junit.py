"""What reading a JUnit file costs: parsed, redacted and folded, beside two who only parse it.

python -m bench.junit times FILE      five turns of all three, interleaved, in this process
python -m bench.junit peak FILE       once, ours alone, for the memory of this process
"""

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from bench import results_file
from bench.child import answer, asked
from bench.figures import TURNS, Row, Series
from bench.memory import MEGABYTE
from bench.stack import BenchFailed
from loop.core.redact import Redactor
from loop.suites.junit import read
from loop.suites.junit_fold import fold

OURS = "loop, parsed, redacted and folded"
THEIRS = "junitparser, every case and result read"
RAW = "expat, cases counted by outcome"
BY_JUNITPARSER, BY_EXPAT, MEGABYTES = 1.3, 4.0, 150.0


def measure(scratch: Path) -> tuple[Row, ...]:
    path = scratch / "junit.xml"
    results_file.write(path)
    times = asked("bench.junit", "times", str(path))["times"]
    ours, theirs, raw = (Series(what=what, values=tuple(times[what])) for what in (OURS, THEIRS, RAW))
    peaks = tuple(asked("bench.junit", "peak", str(path))["peak"] / MEGABYTE for _ in range(TURNS))
    held = Series(what="peak resident size, every case kept", values=peaks, unit="MB")
    return (
        _ratio("junit", ours, theirs, BY_JUNITPARSER),
        _ratio("junit-expat", ours, raw, BY_EXPAT),
        Row(name="junit-memory", figure=held.most, limit=MEGABYTES, unit="MB", rule="most of all", series=(held,)),
    )


def _ratio(name: str, ours: Series, other: Series, limit: float) -> Row:
    rule = f"median by median, {results_file.CASES} cases in one file, processor time, in turns in one process"
    return Row(name=name, figure=ours.median / other.median, limit=limit, unit="x", rule=rule, series=(ours, other))


def _loop(path: Path) -> int:
    return len(list(fold([read(path).raws], suite="orders", redact=Redactor(results_file.SECRETS))))


def _junitparser(path: Path) -> int:
    """What we keep of a case: its names, its time, and of a result all that it says."""
    from junitparser import JUnitXml

    told = [
        (case.name, case.classname, case.time, [(result.type, result.message, result.text) for result in case.result])
        for suite in JUnitXml.fromfile(str(path))
        for case in suite
    ]
    return len(told)


def _expat(path: Path) -> int:
    """As little as tells how many cases passed, by the parser that lies below all of these."""
    counts = dict.fromkeys(("testcase", "failure", "error", "skipped"), 0)
    outcome = "testcase"

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal outcome
        if name in counts:
            outcome = name

    def end(name: str) -> None:
        if name == "testcase":
            counts[outcome] += 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    with path.open("rb") as stream:
        parser.ParseFile(stream)
    return sum(counts.values())


def _timed(work: Callable[[Path], int], path: Path) -> float:
    gc.collect()
    began = time.process_time()  # three times the same kind of work: other processes in the way are nobody's merit
    cases = work(path)
    took = time.process_time() - began
    if cases != results_file.CASES:
        raise BenchFailed(f"{work.__name__} saw {cases} cases, not {results_file.CASES}")
    return took


def _main(what: str, path: Path) -> None:
    if what == "peak":
        answer({"seconds": _timed(_loop, path)})
        return
    turns: dict[str, Callable[[Path], int]] = {OURS: _loop, THEIRS: _junitparser, RAW: _expat}
    for work in turns.values():
        _timed(work, path)  # whatever is imported or compiled at the first call is not counted
    times: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(TURNS):
        for name, work in turns.items():
            times[name].append(_timed(work, path))
    answer({"times": times})


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
