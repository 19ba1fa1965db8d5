"""A hundred thousand cases from the result file to the verdict, the comparison with as many before, and the report.

python -m bench.volume ROOT FILE      one iteration, as the next of the run in ROOT, in this process
"""

import sys
import time
from pathlib import Path

from bench import results_file
from bench.child import answer, asked
from bench.figures import TURNS, Row, Series
from bench.journalled import Turning
from bench.memory import MEGABYTE
from bench.stack import BenchFailed

SECONDS, MEGABYTES = 5.0, 350.0


def measure(scratch: Path) -> tuple[Row, ...]:
    for turn in range(2):
        results_file.write(scratch / f"{turn}.xml", turn=turn)
    found = [_turned(scratch, turn) for turn in range(TURNS)]
    times = Series(what="file to verdict, comparison and report", values=tuple(each["seconds"] for each in found))
    worked = Series(what="of that on the processor", values=tuple(each["processor"] for each in found))
    peaks = Series(what="peak resident size", values=tuple(each["peak"] / MEGABYTE for each in found), unit="MB")
    remarks = tuple(
        f"{part}: {sorted(each['parts'][part] for each in found)[TURNS // 2]:.3g} s" for part in found[0]["parts"]
    )
    rule = f"{results_file.CASES} cases and as many in the iteration before; median"
    return (
        Row(
            name="volume",
            figure=times.median,
            limit=SECONDS,
            unit="s",
            rule=rule,
            series=(times, worked),
            remarks=remarks,
        ),
        Row(name="volume-memory", figure=peaks.most, limit=MEGABYTES, unit="MB", rule="most of all", series=(peaks,)),
    )


def _turned(scratch: Path, turn: int) -> dict:
    root = scratch / f"run-{turn}"
    root.mkdir()
    asked("bench.volume", str(root), str(scratch / "0.xml"))
    return asked("bench.volume", str(root), str(scratch / "1.xml"))


def _main(root: Path, path: Path) -> None:
    turning = Turning(root)
    began, worked = time.perf_counter(), time.process_time()
    turning.iterate(path)
    judged = time.perf_counter()
    turning.report()
    ended, worked = time.perf_counter(), time.process_time() - worked
    turning.twin()
    twin = time.perf_counter() - ended
    _check(turning)
    parts = {**turning.parts, "report": ended - judged, "report as JUnit XML, not counted": twin}
    answer({"seconds": ended - began, "processor": worked, "parts": parts})


def _check(turning: Turning) -> None:
    judgement = turning.state.iterations[-1].judgement
    assert judgement is not None
    if judgement.raw is None or judgement.raw.counted != results_file.COUNTED:
        raise BenchFailed(f"{judgement.raw} counted, not {results_file.COUNTED}: {judgement.rule}")
    if len(turning.state.iterations) > 1 and not (judgement.comparison and judgement.comparison.fixed):
        raise BenchFailed("nothing was compared")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
