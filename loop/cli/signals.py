"""SIGINT, SIGTERM and SIGHUP while a run is driven."""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Self


class Signals:
    """The first SIGINT, SIGTERM or SIGHUP (a closed terminal) asks the engine to stop; a second one ends at once."""

    def __init__(self, interrupt: Callable[[int], None]) -> None:
        self._interrupt = interrupt
        self._count = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _received(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 1:
            os._exit(130)
        self._interrupt(number)
