"""Reads JUnit XML as it exists: expat for what is well-formed, the recovery reader for what is not.

    read(path) -> Document        raw cases, and what is wrong with the file
    fold(documents, ...)          cases with ids and redacted texts

A document is read to its end before any case of it is named, because a name depends on whether it is unique. What it
claims to hold and does not is told as `junit_claims` says.
"""

import codecs
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from loop.core.model import Outcome, ProblemKind
from loop.core.quiet import no_collections
from loop.suites.junit_builder import Builder, Raw, Refused
from loop.suites.junit_expat import by_expat
from loop.suites.junit_recovery import Recovery

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(slots=True, kw_only=True)
class Document:
    """One result file: its cases, and whether it can carry a verdict."""

    path: Path
    name: str
    """How the file is named to people."""
    raws: list[Raw] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    """What is odd or wrong, for people; `truncated at byte n`, `recovered: ...`, `counts disagree: ...`,
    `suites are missing: ...`."""
    problem: ProblemKind | None = None
    """Why the file can not carry a verdict."""
    sentence: str = ""

    @property
    def usable(self) -> bool:
        """Whether a verdict can rest on this file alone."""
        return self.problem is None and bool(self.raws)

    @property
    def counts(self) -> dict[Outcome, int]:
        return dict(Counter(raw.outcome for raw in self.raws))


def read(path: Path, *, name: str | None = None) -> Document:
    """Never fails: what is wrong with the file stands in the document."""
    document = Document(path=path, name=name or str(path))
    try:
        with path.open("rb") as stream, no_collections():
            return _read(document, stream)
    except OSError as error:
        return _unreadable(document, error.strerror or "can not be read")


def _read(document: Document, stream: BinaryIO) -> Document:
    try:
        builder = by_expat(stream)
        document.raws, document.flags = builder.raws, list(builder.flags)
        if not builder.junit:
            return _unreadable(document, "no JUnit XML")
        if not builder.raws:
            document.flags.append("no cases")
        elif builder.loss:
            _incomplete(document, builder.loss)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two: an encoding that expat can not read
        stream.seek(0)
        _recover(document, stream, str(error))
    except Refused as refusal:
        return _unreadable(document, f"refused: {refusal}")
    return document


def _recover(document: Document, stream: BinaryIO, complaint: str) -> None:
    builder = Builder()
    encoding, note = _encoding(stream)
    codecs.register_error("loop-latin", _latin)  # single bytes that are no UTF-8 are read as Latin-1
    text = io.TextIOWrapper(stream, encoding, errors="loop-latin", newline="")
    recovery = Recovery(text, builder)
    try:
        recovery.read()
    except Refused as refusal:
        document.flags = list(builder.flags)
        _unreadable(document, f"refused: {refusal}")
        return
    except UnicodeError:  # some codecs take no error handler
        _unreadable(document, f"its bytes are no {encoding}")
        return
    finally:
        text.detach()  # the file is closed by who opened it
    document.raws, document.flags = builder.raws, list(builder.flags)
    size = stream.seek(0, io.SEEK_END)
    if size == 0:
        _unreadable(document, "empty")
    elif not builder.junit:
        _unreadable(document, f"no JUnit XML ({complaint})")
    elif recovery.truncated:
        _truncated(document, size)
    else:
        _recovered(document, recovery, [note] if note else [], complaint)
        if builder.loss and document.problem is None:
            _incomplete(document, builder.loss)


def _incomplete(document: Document, loss: str) -> None:
    document.flags.append(f"suites are missing: {loss}")
    document.problem = ProblemKind.FEWER_THAN_EXPECTED
    document.sentence = f"Suites are missing from {document.name}: {loss}. What it holds is not all that ran."


def _recovered(document: Document, recovery: Recovery, notes: list[str], complaint: str) -> None:
    wrong = notes + list(recovery.wrong) or [complaint]
    if recovery.documents > 1:
        wrong.append(f"{recovery.documents} documents in one file")
    document.flags.append(f"recovered: {'; '.join(wrong)}")
    if recovery.unbalanced:
        document.problem = ProblemKind.RESULT_FILE_UNREADABLE
        document.sentence = f"{document.name} is not well-formed: {'; '.join(wrong)}. Results may be missing from it."


def _truncated(document: Document, size: int) -> None:
    document.flags.append(f"truncated at byte {size}")
    document.problem = ProblemKind.RESULT_FILE_TRUNCATED
    document.sentence = f"{document.name} ends in the middle, at byte {size}. The cases before that are kept."


def _unreadable(document: Document, why: str) -> Document:
    document.flags.append(why)
    document.problem = ProblemKind.RESULT_FILE_UNREADABLE
    document.sentence = f"{document.name} can not be read as JUnit XML: {why}."
    return document


def _encoding(stream: BinaryIO) -> tuple[str, str]:
    """And a note where it had to be guessed: byte order mark, zero bytes, declaration, else UTF-8."""
    head = stream.read(1024)
    stream.seek(0)
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, ""
    if b"\0" in head[:2]:
        name = "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
        return name, f"{name} without a byte order mark"
    declared = _DECLARED.search(head)
    if declared is None:
        return "utf-8", ""
    try:
        name = declared[1].decode()
        b" ".decode(name)  # refuses what is a codec and no encoding of text
        return name, ""
    except (LookupError, UnicodeError):
        return "utf-8", f"unknown encoding {declared[1].decode()}"


def _latin(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end
