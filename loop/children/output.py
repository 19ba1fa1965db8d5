"""What a child writes: raw in a private file, redacted line by line to everybody else."""

import re
from collections import deque
from collections.abc import Callable
from pathlib import Path

from loop.children.tail import Tail
from loop.core.redact import Redactor

LINE_LIMIT = 16_000
"""Characters of a line that are read."""
SECRET_LENGTH = 4_096
"""Longest secret that a cut line is protected against."""
LAST = 40

_COLOUR = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


def uncoloured(text: str) -> str:
    """Without a terminal's colours. Goes before redaction: they may stand in the middle of a secret."""
    return _COLOUR.sub("", text) if "\x1b" in text else text


class Output:
    def __init__(
        self,
        path: Path,
        redact: Callable[[str], str],
        show: Callable[[str], None],
        *,
        last: int = LAST,
        width: int = LINE_LIMIT,
    ) -> None:
        """`last`: how many lines are kept; `width`: characters of a line that are shown and kept."""
        self.path = path
        # A private key goes over many lines; the product's redactor remembers that one has begun.
        self._redact = redact.line_by_line() if isinstance(redact, Redactor) else redact
        self._show = show
        self._width = width
        self._tail = Tail(path, longest=LINE_LIMIT + SECRET_LENGTH)
        self._last: deque[str] = deque(maxlen=last)

    def pump(self) -> None:
        for line in self._tail.lines():
            self._take(line)

    def finish(self) -> None:
        """Nobody writes any more: read the rest. The file stays; who has no use for it removes it."""
        for line in self._tail.lines(chunks=None):
            self._take(line)
        rest = self._tail.last()
        if rest:
            self._take(rest)

    @property
    def last(self) -> tuple[str, ...]:
        """The last lines, redacted."""
        return tuple(self._last)

    @property
    def last_lines(self) -> str:
        return "\n".join(self._last)

    def _take(self, raw: bytes) -> None:
        # of a progress bar, which overwrites itself, what stands there in the end
        text = raw.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
        line = self._redact(uncoloured(text))
        if len(raw) > LINE_LIMIT:  # where the tail cut it, a secret may be cut too
            line = line[: min(LINE_LIMIT, max(0, len(line) - SECRET_LENGTH))]
        line = line[: self._width]
        self._last.append(line)
        self._show(line)
