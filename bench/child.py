"""Two ends of one pipe: a bench asks a process of its own, which other benches' memory does not enter."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.memory import high_water
from bench.stack import TIMEOUT, BenchFailed, surroundings

ROOT = Path(__file__).parent.parent


def asked(module: str, *arguments: str) -> dict[str, Any]:
    """What `python -m MODULE ARGUMENTS...` answered."""
    command = [sys.executable, "-m", module, *arguments]
    run = subprocess.run(
        command, cwd=ROOT, env=surroundings(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=TIMEOUT, check=False,
    )  # fmt: skip
    if run.returncode:
        raise BenchFailed(f"{' '.join(command)} ended with {run.returncode}:\n{run.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def answer(figures: dict[str, Any]) -> None:
    """With the most memory that this process has taken, in bytes."""
    sys.stdout.write(json.dumps({**figures, "peak": high_water(os.getpid())}))
