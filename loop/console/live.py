"""The display in a terminal: redrawn in place while the run goes on, with lines that stay above for what matters."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from queue import SimpleQueue
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live as Redrawn
from rich.text import Text

from loop.console.phrases import Said, Tone, said
from loop.console.progress import Progress
from loop.console.screen import COLOURS, screen
from loop.core.events import (
    ActionStarted,
    BuildFailed,
    Event,
    FixCommitted,
    HookFinished,
    ImageBuilt,
    IterationJudged,
    IterationStarted,
    RunEnded,
    RunPaused,
)
from loop.core.model import Case
from loop.core.state import RunState
from loop.core.wording import one_line, printable

_REDRAWS_A_SECOND = 6


class _Picture(Redrawn):
    """Prints the lines that stay from the thread that redraws: two writers would tear the picture, and a slow
    terminal would hold up the run."""

    def __init__(self, console: Console, picture: Callable[[], RenderableType]) -> None:
        super().__init__(
            console=console, get_renderable=picture, transient=True, redirect_stdout=False, redirect_stderr=False,
            refresh_per_second=_REDRAWS_A_SECOND,
        )  # fmt: skip
        self.kept: SimpleQueue[Text] = SimpleQueue()
        self.gone = False

    def refresh(self) -> None:
        if self.gone:
            return
        try:
            while not self.kept.empty():
                self.console.print(self.kept.get())
            super().refresh()
        except OSError:
            # the terminal was closed; the run goes on without it
            self.gone = True


class Live:
    """Draws on `stream`, a terminal. rich's own thread redraws; nothing here is done per case but counting."""

    def __init__(self, stream: TextIO, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.progress = Progress()
        self._state: RunState | None = None
        self._console = Console(file=stream, highlight=False)
        self._lock = threading.Lock()
        self._drawn: _Picture | None = None
        self._closed = False

    def saw(self, event: Event, state: RunState) -> None:
        self._state = state
        self._note(event)
        self._draw()
        phrase = said(event, state)
        if phrase and _stays(event, phrase):
            self._keep(phrase)

    def _note(self, event: Event) -> None:
        match event:
            case ActionStarted(action="RunSuite", iteration=int(iteration), subject=suite):
                self.progress.restart(iteration, suite)
            case ImageBuilt() | BuildFailed() | FixCommitted() | IterationStarted() | RunEnded() | RunPaused():
                self.progress.quiet()
            case HookFinished():
                self.progress.quiet()
            case _:
                pass

    def _draw(self) -> None:
        with self._lock:
            if self._drawn or self._closed:
                return
            self._drawn = _Picture(self._console, self._picture)
            with suppress(OSError):
                self._drawn.start()

    def _picture(self) -> RenderableType:
        if self._state is None:
            return Text()
        return screen(self._state, self.progress, self._clock(), self._console.width)

    def _keep(self, phrase: Said) -> None:
        drawn = self._drawn
        if drawn:
            drawn.kept.put(Text(one_line(phrase.text, 500), COLOURS[phrase.tone]))
            for line in phrase.below:
                drawn.kept.put(Text(f"  | {printable(line)}", "dim"))

    def case(self, iteration: int, suite: str, case: Case) -> None:
        self.progress.case(iteration, suite, case)

    def output(self, subject: str, line: str) -> None:
        self.progress.output(subject, line)

    def close(self) -> None:
        """Takes the picture away; the lines above it stay, and the summary follows on stdout."""
        with self._lock:
            drawn, self._drawn, self._closed = self._drawn, None, True
        if drawn:
            with suppress(OSError):
                drawn.stop()
                self._console.print()


def _stays(event: Event, phrase: Said) -> bool:
    """What the summary says once more need not stand above it."""
    if isinstance(event, RunEnded | RunPaused):
        return False
    return phrase.tone is Tone.BAD or isinstance(event, IterationJudged | IterationStarted | FixCommitted)
