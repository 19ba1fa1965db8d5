"""`loop results`: what is in result files and what is wrong with them, without a run or a configuration."""

import json as encoder
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from loop.core.model import Case
    from loop.suites.junit import Document

MANY = 20
"""Failing cases of one file that are told one by one."""


def results(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JUnit XML files.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print counts and flags as JSON.")] = False,
) -> None:
    """Read JUnit XML files alone: counts by outcome, and what is odd or wrong with each file.

    Ends with exit code 4 when a file could not carry a verdict.
    """
    from loop.core.redact import Redactor
    from loop.suites import junit
    from loop.suites.excerpts import storable
    from loop.suites.junit_fold import fold

    hidden = Redactor({})

    def redact(text: str) -> str:
        return storable(hidden(text))

    documents = [junit.read(path) for path in files]
    if json:
        described = [_described(document, [redact(flag) for flag in document.flags]) for document in documents]
        sys.stdout.write(encoder.dumps({"files": described}, indent=2) + "\n")
    else:
        for document in documents:
            sys.stdout.write("\n".join(_lines(document, list(fold([document.raws], redact=redact)))) + "\n")
            sys.stdout.write("".join(f"  {redact(flag)}\n" for flag in document.flags))
    if not all(document.usable for document in documents):
        raise typer.Exit(4)


def _described(document: "Document", flags: list[str]) -> dict[str, object]:
    counts = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
    counts |= {str(outcome): count for outcome, count in document.counts.items()}
    return {"path": document.name, "counts": counts, "flags": flags, "verdict_possible": document.usable}


def _lines(document: "Document", cases: "list[Case]") -> list[str]:
    from loop.suites.outcomes import FAILING

    counts = ", ".join(f"{count} {outcome}" for outcome, count in document.counts.items())
    failing = [case for case in cases if case.outcome in FAILING]
    told = [f"  {case.outcome} {case.id}{_headline(case.message)}" for case in failing[:MANY]]
    more = [f"  and {len(failing) - MANY} more"] if len(failing) > MANY else []
    return [f"{document.name}: {counts or 'no cases'}", *told, *more]


def _headline(message: str) -> str:
    return f": {message.splitlines()[0]}" if message else ""
