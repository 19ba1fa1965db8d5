"""`python -m bench [NAME]...`: measures, prints one table, and exits with 1 where a limit is missed."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import deployment, history, iteration, junit, memory, rollout, startup, unchanged, volume
from bench.figures import Row, table
from bench.stack import BenchFailed

BENCHES: dict[str, Callable[[Path], Row | tuple[Row, ...]]] = {
    "startup": startup.measure,
    "iteration": iteration.measure,
    "memory": memory.measure,
    "deployment": deployment.measure,
    "rollout": rollout.measure,
    "unchanged": unchanged.measure,
    "junit": junit.measure,
    "volume": volume.measure,
    "history": history.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHES)}; default: all")
    names = parser.parse_args().names or list(BENCHES)
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        parser.error(f"no bench is called {', '.join(unknown)}")
    rows: list[Row] = []
    failed = 0
    for name in names:
        try:
            rows += _measured(name)
        except BenchFailed as error:
            sys.stderr.write(f"{name} could not be measured: {_told(error)}\n")
            failed = 1
    sys.stdout.write("\n" + _machine() + "\n\n" + table(rows))
    return 1 if failed or not all(row.met for row in rows) else 0


def _measured(name: str) -> tuple[Row, ...]:
    sys.stderr.write(f"{name} ... ({_load()})\n")
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as scratch:
        found = BENCHES[name](Path(scratch).resolve())
    return found if isinstance(found, tuple) else (found,)


def _told(error: BaseException) -> str:
    """With what had gone wrong before, which an emulator that does not end may hide."""
    earlier = f"\nbefore that: {_told(error.__context__)}" if error.__context__ else ""
    return f"{error}{earlier}"


def _machine() -> str:
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {_load()}"


def _load() -> str:
    return "load average " + " ".join(f"{figure:.2f}" for figure in os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
