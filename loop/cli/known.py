"""`loop known`: the cases that may fail, with a signature, an owner and a last day, in configs/known-issues.yaml.

The file is the user's: entries are appended, one date is edited, and nothing else of it changes.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loop.errors import UsageError

if TYPE_CHECKING:
    from loop.core.environment import KnownIssue
    from loop.core.model import Failing
    from loop.journal import Journal

app = typer.Typer(help="Known issues: list, add, expire.", no_args_is_help=True)

Env = Annotated[str | None, typer.Option("--env", "-e", help="Environment whose runs are looked at; default: all.")]


@app.command()
def add(
    case: Annotated[str, typer.Argument(metavar="CASE_OR_PATTERN", help="Whole case id; `*` is any text.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    reason: Annotated[str, typer.Option(help="Why it may fail.")],
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The last day (UTC) on which it may.")],
    signature: Annotated[
        str | None, typer.Option(help="Part of the failure's signature; default: that of its newest judged failure.")
    ] = None,
    link: Annotated[str, typer.Option(help="Evidence.")] = "",
    env: Env = None,
    *,
    unseen: Annotated[bool, typer.Option("--unseen", help="Although no run ever had such a case.")] = False,
) -> None:
    """Append a known issue to configs/known-issues.yaml. It takes effect with the next run."""
    from loop.config.known import added
    from loop.core.environment import KnownIssue

    journal = _journal()
    _last_day(until)
    if not unseen:
        _seen(journal, case, env)
    issue = KnownIssue(
        pattern=case, signature=(signature or _signature(journal, case, env)).strip(), owner=owner.strip(),
        reason=reason.strip(), until=until, link=link.strip(),
    )  # fmt: skip
    path, text = _file()
    _no_twin(text, issue, path)
    _written(path, added(text, issue, _name(path)))
    sys.stdout.write(f"{_name(path)}: {issue.pattern} may fail with {issue.signature} until {until} ({issue.owner})\n")
    sys.stderr.write("It takes effect with the next run: a run that has begun keeps the list it began with.\n")


@app.command("list")
def list_(env: Env = None) -> None:
    """The known issues, and which of them cover a failure of the newest judged iteration."""
    from loop.config.known import entries
    from loop.console.records import known
    from loop.engine import utc_now

    path, text = _file()
    issues = [entry.issue for entry in entries(text or "", _name(path))]
    failing = _failing_now(_journal(), env)
    sys.stdout.write(known(issues, failing, today=utc_now().date()))


@app.command()
def expire(pattern: Annotated[str, typer.Argument(help="The pattern, as it stands in the file.")]) -> None:
    """End a known issue: its last day becomes yesterday (UTC)."""
    from loop.config.known import entries, expired
    from loop.engine import utc_now

    path, text = _file()
    found = [entry.issue for entry in entries(text or "", _name(path)) if entry.issue.pattern == pattern]
    if not found:
        raise UsageError(f"no known issue has the pattern {pattern}", where=_name(path), hint="loop known list")
    yesterday = (utc_now().date() - timedelta(days=1)).isoformat()
    if all(issue.until <= yesterday for issue in found):
        raise UsageError(f"{pattern} expired on {found[-1].until} already", where=_name(path), hint="loop known list")
    _written(path, expired(text or "", pattern, yesterday, _name(path)))
    sys.stdout.write(f"{_name(path)}: {pattern} expired on {yesterday}\n")


def _journal() -> "Journal":
    from loop.cli.here import journal_of, repository

    return journal_of(repository())


def _file() -> tuple[Path, str | None]:
    """The file in the user's tree and its text, every line end as it is; None where there is no file."""
    from loop.cli.here import repository
    from loop.config.known import FILE

    path = repository().root / "configs" / FILE
    if not path.is_file():
        return path, None
    try:
        return path, path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{_name(path)} is not UTF-8 text (byte {error.start})", where=str(path)) from None


def _name(path: Path) -> str:
    return f"configs/{path.name}"


def _written(path: Path, text: str) -> None:
    """All or nothing: a kill leaves the old file or the new one."""
    target = path.resolve()
    target.parent.mkdir(exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
        Path(name).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        Path(name).replace(target)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise UsageError(f"{_name(path)} can not be written: {error.strerror}", where=str(target)) from error


def _last_day(until: str) -> None:
    from loop.config.known import is_day
    from loop.engine import utc_now

    if not is_day(until):
        raise UsageError(f"{until} is no day of the calendar", where="--until", hint="--until 2027-01-31")
    if until < utc_now().date().isoformat():
        raise UsageError(f"{until} is over: the issue would never cover anything", where="--until")


def _seen(journal: "Journal", pattern: str, env: str | None) -> None:
    from loop.config.problems import did_you_mean
    from loop.core.patterns import matching

    ids = journal.case_ids(env)
    if not matching([pattern], ids):
        guess = did_you_mean(pattern, ids) if len(ids) <= 10_000 else ""
        of = f" of {env}" if env else ""
        raise UsageError(
            f"no case that a run{of} ever had matches {pattern}{guess}",
            hint="`*` is any text, all else is itself; for a case that is yet to come: --unseen",
        )


def _signature(journal: "Journal", pattern: str, env: str | None) -> str:
    """Of the newest judged failure; several failures must agree, for one issue has one cause."""
    for run, failing in _failures(journal, env):
        found = [f for f in failing if _matches(f, pattern) and f.signature]
        signatures = sorted({f.signature for f in found})
        if len(signatures) > 1:
            raise UsageError(
                f"{pattern} failed in {len(signatures)} ways in {run}: {'; '.join(signatures[:5])}",
                hint="say which with --signature; a part of it is enough",
            )
        if signatures:
            sys.stderr.write(f"signature of its newest judged failure ({run}): {signatures[0]}\n")
            return signatures[0]
    raise UsageError(f"no judged failure of {pattern} is in the journal", hint="give --signature TEXT")


def _matches(failing: "Failing", pattern: str) -> bool:
    from loop.core.known import COVERABLE
    from loop.core.patterns import matches

    return failing.outcome in COVERABLE and matches(pattern, failing.id)


def _failures(journal: "Journal", env: str | None) -> "Iterator[tuple[str, tuple[Failing, ...]]]":
    from loop.cli.judged import judged

    for _, state, iteration in judged(journal, env):
        assert iteration.judgement is not None
        yield f"{state.name} {iteration.title.lower()}", iteration.judgement.failing


def _failing_now(journal: "Journal", env: str | None) -> "tuple[Failing, ...]":
    """Of the newest judged iteration of every environment, or of the one named."""
    from loop.cli.judged import judged

    names = [env] if env else sorted({run.environment for run in journal.runs()})
    newest = [next(judged(journal, name), None) for name in names]
    judgements = [found[2].judgement for found in newest if found]
    return tuple(failing for judgement in judgements if judgement for failing in judgement.failing)


def _no_twin(text: str | None, issue: "KnownIssue", path: Path) -> None:
    from loop.config.known import entries
    from loop.engine import utc_now

    today = utc_now().date().isoformat()
    for entry in entries(text or "", _name(path)):
        same = (entry.issue.pattern, entry.issue.signature) == (issue.pattern, issue.signature)
        if same and entry.issue.until >= today:
            raise UsageError(
                f"{issue.pattern} with that signature is listed already, until {entry.issue.until}",
                where=f"{_name(path)}:{entry.line}",
                hint=f"loop known expire '{issue.pattern}'",
            )
