"""What the two kinds of runner have in common: the request for a suite's run, and what it gives back."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loop.children import Output
from loop.core.environment import Suite
from loop.core.model import Case, Problem, SuiteResult
from loop.errors import Wait
from loop.guard import Child
from loop.suites.excerpts import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One suite to run: where, with what, and who hears of it."""

    suite: Suite
    root: Path
    env: Mapping[str, str]
    """The whole environment of the children, the suite's own `env:` included."""
    scratch: Path
    """A folder with mode 0700 for what children write raw."""
    known: tuple[str, ...] | None
    """The baseline's case ids, for a runner that can not say what it is about to run."""
    on_child: Callable[[Child], None]
    on_case: Callable[[Case], None]
    on_collected: Callable[[int], None]
    show: Callable[[str], None]
    """Each line that a child writes, redacted."""
    redact: Callable[[str], str]
    wait: Wait
    earlier: Callable[[str], str | None] = lambda _file: None
    """A file below the root as the iteration before had it; None where it is the same, or was not there."""

    @property
    def workdir(self) -> Path:
        return self.root / self.suite.workdir

    def place(self, file: str) -> str:
        """A file's name relative to the root, where it lies below it: a worktree's path may not get into an id."""
        if not os.path.isabs(file):
            return file
        for root in (self.root, self.root.resolve()):
            if Path(file).is_relative_to(root):
                return str(Path(file).relative_to(root))
        return file

    def clean(self, text: str) -> str:
        """For every text that becomes part of a result: redacted, and such that it can be written."""
        return storable(self.redact(text))

    def output(self, name: str) -> Output:
        return Output(self.scratch / name, self.redact, self.show)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A suite's result, and the files in the scratch folder with what its children wrote, not redacted."""

    result: SuiteResult
    raw: tuple[Path, ...]


def not_started(order: Order, command: str, *problems: Problem, raw: tuple[Path, ...] = ()) -> Finished:
    """The runner itself never ran, so there is nothing but the reason."""
    return Finished(
        result=SuiteResult(
            command=order.clean(command),
            exit_status=None,
            seconds=0.0,
            expected=None,
            problems=tuple(redacted(problem, order.clean) for problem in problems),
        ),
        raw=raw,
    )


def spelled(status: int | None) -> str:
    return f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"


def redacted(problem: Problem, redact: Callable[[str], str]) -> Problem:
    return Problem(kind=problem.kind, sentence=redact(problem.sentence), output=redact(problem.output))
