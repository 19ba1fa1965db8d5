#!/usr/bin/env python3
"""The example's fixer: commits the next patch of `fixes/` that the worktree does not have yet.

Exit status: 0 a commit was made, 1 a patch does not apply, 2 there is no brief to work from, 3 nothing is left to fix.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

FIXES = Path(__file__).resolve().parent / "fixes"
# The machine's own git settings must not decide who commits, whether it is signed, or which hooks run.
IDENTITY = ["-c", "user.name=agents fixer", "-c", "user.email=fixer@agents.example"]
PLAIN = ["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false"]


def git(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *IDENTITY, *PLAIN, *arguments], input=text, capture_output=True, text=True, check=False
    )


def applied(patch: Path) -> bool:
    return git("apply", "--reverse", "--check", str(patch)).returncode == 0


def message(patch: Path) -> str:
    """What stands above the diff: subject, reasons, trailers."""
    return patch.read_text(encoding="utf-8").partition("\ndiff --git ")[0] + "\n"


def commit(patch: Path) -> int:
    for step in (git("apply", "--index", str(patch)), git("commit", "--quiet", "--file=-", text=message(patch))):
        if step.returncode:
            print(f"{patch.name}: {step.stderr.strip()}", file=sys.stderr)
            return 1
    print(f"committed {patch.name}: {message(patch).splitlines()[0]}")
    return 0


def brief_problem() -> str | None:
    """This fixer has its answers ready and needs nothing of the brief, but a run without one is a mistake."""
    path = os.environ.get("LOOP_BRIEF")
    if not path:
        return "LOOP_BRIEF names no brief: this program is started by loop"
    try:
        json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return f"the brief can not be read: {error}"
    return None


def main() -> int:
    problem = brief_problem()
    if problem:
        print(problem, file=sys.stderr)
        return 2
    # `git apply` leaves out, without a word, what lies outside the folder that it is called in.
    os.chdir(git("rev-parse", "--show-toplevel").stdout.strip() or ".")
    patch = next((patch for patch in sorted(FIXES.glob("*.patch")) if not applied(patch)), None)
    if patch is None:
        print("nothing left to fix")
        return 3
    return commit(patch)


if __name__ == "__main__":
    sys.exit(main())
