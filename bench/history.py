"""What the journal costs on disk: ten iterations of a hundred thousand cases, each judged against the one before.

python -m bench.history ROOT FILE      one iteration more
"""

import sys
from pathlib import Path

from bench import results_file
from bench.child import answer, asked
from bench.figures import Row, Series
from bench.journalled import Turning

BYTES = 64.0
ITERATIONS = 10


def measure(scratch: Path) -> Row:
    files = [scratch / f"{turn}.xml" for turn in range(ITERATIONS)]
    for turn, path in enumerate(files):
        results_file.write(path, turn=turn)
    root = scratch / "run"
    root.mkdir()
    sizes = [_size(root, path) for path in files]
    first, *later = ((after - before) / results_file.CASES for before, after in zip([0, *sizes], sizes, strict=False))
    growth = Series(what="what one more iteration adds, per case", values=tuple(later), unit="bytes")
    whole = sizes[-1] / results_file.CASES / ITERATIONS
    return Row(
        name="history",
        figure=max(growth.median, whole),
        limit=BYTES,
        unit="bytes",
        rule="the larger one of the median growth and all iterations with their names",
        series=(growth,),
        remarks=(
            f"the first iteration, which writes every name once: {first:.3g} bytes per case",
            f"all {ITERATIONS} with the names, by case and iteration: {whole:.3g} bytes",
        ),
    )


def _size(root: Path, path: Path) -> int:
    """Bytes of everything that the journal keeps, after one iteration more."""
    asked("bench.history", str(root), str(path))
    return sum(file.stat().st_size for file in root.glob("journal.db*"))


def _main(root: Path, path: Path) -> None:
    turning = Turning(root)
    turning.iterate(path)
    turning.journal.close()
    answer({})


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
