"""The only part of reports that touches the disk. Evidence is written once; everything else can be rendered again."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath

from loop.core.model import Evidence
from loop.core.wording import RunRow
from loop.errors import JournalError, LoopError
from loop.reports.index import index
from loop.reports.render import Report

_IGNORE = "*\n"


def run_folder(reports: Path, environment: str, run: int) -> Path:
    return reports / environment / str(run)


def report_file(reports: Path, environment: str, run: int, iteration: int) -> Path:
    """The markdown report, once it is written."""
    return run_folder(reports, environment, run) / f"iteration-{iteration}.md"


def evidence_folder(reports: Path, environment: str, run: int, iteration: int) -> Path:
    """Below it, an `Evidence.path` is relative; the reports link to it as `evidence/<iteration>/<path>`."""
    return run_folder(reports, environment, run) / "evidence" / str(iteration)


def write_report(reports: Path, report: Report) -> Path:
    """Writes `iteration-<k>.md`, `.json` and `.html`, each whole or not at all; gives the markdown's path."""
    folder = run_folder(reports, report.environment, report.run)
    stem = f"iteration-{report.iteration}"
    _ignore(reports)
    for suffix, text in ((".json", report.json), (".html", report.html), (".md", report.markdown)):
        _replace(folder / (stem + suffix), [text])
    return report_file(reports, report.environment, report.run, report.iteration)


def write_junit(reports: Path, environment: str, run: int, iteration: int, chunks: Iterable[str]) -> Path:
    """`iteration-<k>.junit.xml`, streamed: a suite may hold more cases than memory should."""
    _ignore(reports)
    path = run_folder(reports, environment, run) / f"iteration-{iteration}.junit.xml"
    _replace(path, chunks)
    return path


def write_index(reports: Path, rows: Sequence[RunRow]) -> Path:
    """`index.md` anew: the caller knows all runs, this module none."""
    _ignore(reports)
    _replace(reports / "index.md", [index(rows)])
    return reports / "index.md"


def write_evidence(folder: Path, name: str, text: str) -> Evidence:
    """Writes `folder/name` once. The same text again is the same evidence; any other text is refused.

    The text must have been redacted.
    """
    path = folder.joinpath(*_below(name).parts)
    data = text.encode("utf-8", "replace")
    with _temporary(path) as temporary:
        temporary.write_bytes(data)
        try:
            # a link, unlike a rename, fails where the name is taken
            os.link(temporary, path)
        except FileExistsError:
            if path.read_bytes() != data:
                raise LoopError("evidence is never overwritten", where=str(path)) from None
    return Evidence(path=name, sha256=sha256(data).hexdigest(), size=len(data))


def _below(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise LoopError("evidence must lie below its folder", where=name)
    return path


def _ignore(reports: Path) -> None:
    """A run never makes the clone dirty; but who deletes the file after a first run wants to commit reports."""
    if not (reports / ".gitignore").exists() and not (reports / "index.md").exists():
        _replace(reports / ".gitignore", [_IGNORE])


def _replace(path: Path, chunks: Iterable[str]) -> None:
    with _temporary(path) as temporary:
        with temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(chunks)
        temporary.replace(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A file beside `path`, readable like any other, gone afterwards unless it was renamed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        # mkstemp makes it private, but reports are for others to read
        temporary.chmod(0o644)
        try:
            yield temporary
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
    except OSError as problem:
        hint = "free space or mend the folder's permissions, then loop resume"
        raise JournalError(f"can not write: {problem.strerror}", where=str(path), hint=hint) from problem
