"""Reads a file while another process appends to it. Text is handed on by whole lines, so that no secret is split."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
TURN = 8
"""Chunks of one turn: a child that never stops writing may not keep its reader from looking at the clock."""


class Tail:
    def __init__(self, path: Path, *, longest: int | None = None) -> None:
        self._path = path
        self._longest = longest
        """Bytes of a line after which the rest of it is dropped; None for no limit."""
        self._file: BinaryIO | None = None
        self._rest = b""

    def lines(self, *, chunks: int | None = TURN) -> Iterator[bytes]:
        """The lines that were completed since the last call, without their ends; None reads to the file's end."""
        turn = itertools.count() if chunks is None else range(chunks)
        for _ in turn:
            chunk = self._read()
            if not chunk:
                return
            parts = (self._rest + chunk).split(b"\n")
            self._rest = self._bounded(parts.pop())
            yield from map(self._bounded, parts)

    def last(self) -> bytes:
        """What was written after the last end of a line, once nobody writes any more."""
        rest, self._rest = self._rest, b""
        self.close()
        return rest

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> bytes:
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                return b""
        return self._file.read(CHUNK)

    def _bounded(self, line: bytes) -> bytes:
        return line if self._longest is None else line[: self._longest]
