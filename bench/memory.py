"""The most memory that `loop run` itself takes; the emulator, the guards and the suite are processes of their own."""

import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.cases import CASES, check, open_cases
from bench.figures import TURNS, Row, Series
from bench.stack import TIMEOUT, BenchFailed, Stack, Turned, surroundings

LIMIT = 150.0
MEGABYTE = 1_000_000
EVERY = 0.005
"""Seconds between two looks: the figure only grows, so that the last look before the end is the one that counts."""


def measure(scratch: Path) -> Row:
    with open_cases(scratch / "stack") as stack:
        peaks = tuple(_peak(stack) / MEGABYTE for _ in range(TURNS))
    series = Series(what=f"peak resident size of loop run, {CASES} cases", values=peaks, unit="MB")
    return Row(
        name="memory", figure=series.most, limit=LIMIT, unit="MB", rule="most of all runs (VmHWM)", series=(series,)
    )


def _peak(stack: Stack) -> int:
    """Bytes."""
    peak, until = 0, time.monotonic() + TIMEOUT
    at, began = datetime.now(UTC), time.perf_counter()
    with subprocess.Popen(
        stack.loop_run, cwd=stack.root, env=surroundings(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while process.poll() is None:
            peak = max(peak, high_water(process.pid))
            if time.monotonic() > until:
                process.kill()
            time.sleep(EVERY)
    if process.returncode:
        raise BenchFailed(f"{' '.join(stack.loop_run)} ended with {process.returncode}")
    check(Turned.read(stack.root, at, time.perf_counter() - began))
    return peak


def high_water(pid: int) -> int:
    """Most bytes of that one process, which its children's do not enter; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
