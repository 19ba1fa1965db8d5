"""What a fixer writes: raw in a private file while it runs, redacted to everybody else, then gone."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

CHUNK = 1 << 20
LAST = 100
LINE = 2000
"""Characters of a line that are shown."""
LONGEST = 1 << 16
"""A line beyond that is cut, and what follows of it dropped: half a secret could stand at the cut."""
OPENS, CLOSES = "-----BEGIN ", "-----END "
HELD = 200
"""Lines of an unfinished key that are held back at most, so that it is redacted as a whole."""


class Output:
    def __init__(self, path: Path, redact: Callable[[str], str], show: Callable[[str], None]) -> None:
        self.path = path
        path.touch(mode=0o600)
        self._redact = redact
        self._show = show
        self._file = path.open("rb")
        self._rest = b""
        self._held: list[str] = []
        self._last: deque[str] = deque(maxlen=LAST)

    @property
    def last(self) -> tuple[str, ...]:
        """The last lines, redacted."""
        return tuple(self._last)

    def pump(self) -> None:
        while chunk := self._file.read(CHUNK):
            *lines, rest = (self._rest + chunk).split(b"\n")
            self._rest = rest[:LONGEST]
            for line in lines:
                self._take(line)

    def finish(self) -> None:
        """Nobody writes any more: read the rest, remove the file."""
        self.pump()
        if self._rest:
            self._take(self._rest)
            self._rest = b""
        self._release()
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _take(self, raw: bytes) -> None:
        text = raw[:LONGEST].decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
        self._held.append(text)
        joined = "".join(self._held)
        if joined.rfind(OPENS) <= joined.rfind(CLOSES) or len(self._held) > HELD:
            self._release()

    def _release(self) -> None:
        for line in self._redact("\n".join(self._held)).split("\n") if self._held else ():
            self._last.append(line[:LINE])
            self._show(line[:LINE])
        self._held.clear()
