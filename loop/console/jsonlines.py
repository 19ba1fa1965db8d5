"""The events themselves, one JSON object per line: `--json`. How they are encoded is the journal's affair."""

import threading
from collections.abc import Callable
from typing import TextIO

from loop.core.events import Event
from loop.core.model import Case
from loop.core.state import RunState


class JsonLines:
    """Cases are rows and no events, so they are not here. When the reader is gone it falls silent."""

    def __init__(self, stream: TextIO, encode: Callable[[Event], str]) -> None:
        """`encode` gives one line of JSON without its newline."""
        self._stream = stream
        self._encode = encode
        self._lock = threading.Lock()
        self._closed = False

    def saw(self, event: Event, _state: RunState) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                self._stream.write(self._encode(event) + "\n")
                self._stream.flush()
            except BrokenPipeError:
                self._closed = True

    def case(self, _iteration: int, _suite: str, _case: Case) -> None: ...

    def output(self, _subject: str, _line: str) -> None: ...

    def close(self) -> None:
        self._closed = True
