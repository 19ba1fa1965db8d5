"""Runs a fixer's command: brief in, exit status and notes out. What it did to the worktree is not looked at here."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop import children, guard
from loop.core.environment import Fix
from loop.errors import FixerError, FixerMissing, Wait
from loop.fixers.markdown import markdown

GAVE_UP = 3
"""Exit status of a fixer that has no answer."""
NOT_STARTED = {126: "can not be executed", 127: "was not found"}
"""What the shell says of a command that it could not start (POSIX, 2.8.2)."""
LAST = 100
"""Lines of its output that are kept."""
LINE = 2000
"""Characters of a line that are shown."""
NOTES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It says that it is done; the worktree holds its answer, if there is one."""

    notes: str
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveUp:
    reason: str
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The attempt failed, whatever lies in the worktree."""

    guard: str
    log: tuple[str, ...]


Outcome = Done | GaveUp | Failed


def run(
    fix: Fix,
    brief: Mapping[str, Any],
    *,
    cwd: Path,
    scratch: Path,
    env: Mapping[str, str],
    output: Callable[[str], None],
    on_child: Callable[[guard.Child], None],
    wait: Wait,
    redact: Callable[[str], str],
) -> Outcome:
    """Run the command by the shell in `cwd` until it ends or its time is over.

    `scratch` lies outside the worktree and is private: brief and raw output go there; the raw output is removed.
    Text of the brief, the output and the notes is redacted. Raises Cancelled when `wait` does, FixerMissing for a
    command that can not be started.
    """
    if fix.command is None:
        raise FixerError("there is no fixer command to run", hint="set fix.command")
    notes = _Notes(cwd / fix.notes if fix.notes else scratch / "notes.md")
    told = _tell(brief, scratch, redact) | {"LOOP_NOTES": str(notes.path)}
    read = children.Output(scratch / "fixer.log", redact, output, last=LAST, width=LINE)
    try:
        ended = children.run(
            [children.SHELL, "-c", fix.command],
            cwd=cwd,
            env={**env, **told},
            output=read,
            timeout=fix.timeout,
            wait=wait,
            on_child=on_child,
        )
    finally:
        read.path.unlink(missing_ok=True)
    return _outcome(fix, ended, notes.taken(redact), read.last)


def _tell(brief: Mapping[str, Any], scratch: Path, redact: Callable[[str], str]) -> dict[str, str]:
    """Write the brief and its twin; the variables that name them."""
    shown = redacted(brief, redact)
    files = {"LOOP_BRIEF": scratch / "brief.json", "LOOP_BRIEF_MARKDOWN": scratch / "brief.md"}
    files["LOOP_BRIEF"].write_text(json.dumps(shown, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    files["LOOP_BRIEF_MARKDOWN"].write_text(markdown(shown), encoding="utf-8")
    paths = {name: str(path) for name, path in files.items()}
    return paths | {"LOOP_RUN": str(brief["run"]), "LOOP_ITERATION": str(brief["iteration"])}


def redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """The same JSON value with every text in it redacted; its keys are ours."""
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {key: redacted(inner, redact) for key, inner in value.items()}
        case list() | tuple():
            return [redacted(inner, redact) for inner in value]
        case _:
            return value


def _outcome(fix: Fix, ended: children.Ended, notes: str, log: tuple[str, ...]) -> Outcome:
    status = None if ended.timed_out else ended.status
    if ended.refusal:
        reason = f"the fixer can not be started: {ended.refusal}"
        raise FixerMissing(reason, where=str(fix.command), hint="mend that, then: loop resume")
    if status == 0:
        return Done(notes=notes, log=log)
    if status == GAVE_UP:
        return GaveUp(reason=_first_line(notes) or _first_line("\n".join(reversed(log))) or "no reason given", log=log)
    if status in NOT_STARTED:
        raise FixerMissing(
            f"the fixer {NOT_STARTED[status]} (exit status {status})",
            where=str(fix.command),
            hint="correct fix.command, commit the fixer with its executable bit, or install what it needs; "
            "then: loop resume",
        )
    return Failed(guard=_why(fix, status), log=log)


def _why(fix: Fix, status: int | None) -> str:
    if status is None:
        return f"the fixer did not end within {fix.timeout:g} s"
    if status < 0:
        return f"the fixer was ended by signal {-status}"
    return f"the fixer ended with exit status {status}"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


class _Notes:
    """The fixer's notes file; content that was there before it started is not its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before = self._read()

    def taken(self, redact: Callable[[str], str]) -> str:
        now = self._read()
        return "" if now == self._before else redact(now)[:NOTES]

    def _read(self) -> str:
        """Redacted as a whole before it is cut, but never more than a megabyte; a link is not followed."""
        if self.path.is_symlink() or not self.path.is_file():
            return ""
        with self.path.open("rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace").strip()
