"""The picture in a terminal, and that drawing it costs the run nothing."""

import io
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from edges import ALL, HOSTILE
from rich.console import Console
from stories import IDS, OAUTH, START, SUITE, Story, seed

from loop.console.live import Live
from loop.console.progress import Progress
from loop.console.screen import screen
from loop.core.events import ActionStarted, Event, RunStarted, SuiteFinished
from loop.core.fold import begin, evolve
from loop.core.model import Case, Outcome
from loop.core.state import RunState


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def picture(state: RunState, progress: Progress, now: datetime, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, legacy_windows=False).print(screen(state, progress, now, width))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def states(story: Story) -> list[tuple[Event, RunState]]:
    seen: list[tuple[Event, RunState]] = []
    for event in story.events:
        seen.append((event, begin(event) if isinstance(event, RunStarted) else evolve(seen[-1][1], event)))
    return seen


def during(action: str, iteration: int, subject: str) -> tuple[Event, RunState]:
    return next(
        (e, s)
        for e, s in states(seed())
        if isinstance(e, ActionStarted) and (e.action, e.iteration, e.subject) == (action, iteration, subject)
    )


@pytest.mark.parametrize(
    ("action", "iteration", "subject"),
    [("BuildImage", 0, "auth"), ("DeployRevision", 1, "backend"), ("RunFixer", 2, "")],
)
def test_the_picture_shows_where_each_service_stands(
    golden: Callable[[str, str], None], action: str, iteration: int, subject: str
) -> None:
    event, state = during(action, iteration, subject)
    golden(f"live-{action}.txt", picture(state, Progress(), event.at + timedelta(seconds=12.3)))


def test_the_picture_counts_cases_as_they_finish(golden: Callable[[str, str], None]) -> None:
    event, state = during("RunSuite", 2, SUITE)
    progress = Progress()
    for case in IDS[:18]:
        outcome = Outcome.FAILED if case == OAUTH else Outcome.PASSED
        progress.case(2, SUITE, Case(id=case, outcome=outcome))
    golden("live-RunSuite.txt", picture(state, progress, event.at + timedelta(seconds=9)))


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", sorted(ALL))
def test_no_line_of_the_picture_is_wider_than_the_terminal(name: str, width: int) -> None:
    for _, state in states(ALL[name]()):
        text = picture(state, Progress(), START + timedelta(hours=1), width)
        assert max(map(len, text.splitlines())) <= width
        assert "\x1b" not in text


def test_the_picture_does_not_grow_with_the_number_of_failures() -> None:
    event, state = during("RunSuite", 0, SUITE)
    progress = Progress()
    few = picture(state, progress, event.at).count("\n")
    for n in range(5_000):
        progress.case(0, SUITE, Case(id=f"s::t{n}", outcome=Outcome.FAILED))
    text = picture(state, progress, event.at)
    assert "5000 failed" in text
    assert text.count("\n") <= few + 5


def test_a_repeated_suite_counts_anew() -> None:
    out = Terminal()
    live = Live(out, lambda: START)
    event, state = during("RunSuite", 0, SUITE)
    live.case(0, SUITE, Case(id="s::t", outcome=Outcome.PASSED))
    live.saw(event, state)
    live.case(0, SUITE, Case(id="s::t", outcome=Outcome.PASSED))
    assert live.progress.seen(0, SUITE).total == 1
    live.close()


def test_a_case_costs_microseconds() -> None:
    live = Live(Terminal(), lambda: START)
    begun = time.perf_counter()
    for _ in range(20_000):
        live.case(0, SUITE, Case(id="s::t", outcome=Outcome.PASSED))
    assert time.perf_counter() - begun < 2.0


def told(story: Story, out: io.StringIO) -> None:
    live = Live(out, lambda: START)
    for event, state in states(story):
        if isinstance(event, SuiteFinished):
            live.case(event.iteration, SUITE, Case(id=OAUTH, outcome=Outcome.FAILED))
        live.saw(event, state)
    live.output("auth", "Successfully built")
    live.close()
    live.close()


def test_what_matters_stays_above_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    told(seed(), out)
    assert "\x1b[32mIteration 3: passed, 96% (24/25); 1 fixed (tests)\x1b[0m" in out.getvalue()
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    told(seed(), out)
    assert "Iteration 3: passed" in out.getvalue()
    assert "\x1b[32m" not in out.getvalue()


def test_hostile_text_steers_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal()
    told(ALL["hostile"](), out)
    assert HOSTILE.partition("\x1b")[0].strip() in out.getvalue()
    assert "\x1b[35m" not in out.getvalue()


class Closed(Terminal):
    """A terminal window that was closed."""

    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_closed_terminal_does_not_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    told(seed(), Closed())


class Closing(Terminal):
    """A terminal window that is closed while the picture is drawn."""

    refused = 0
    open = True

    def write(self, text: str) -> int:
        if self.open:
            return super().write(text)
        self.refused += 1
        raise OSError(5, "Input/output error")


def test_a_terminal_that_closes_during_a_run_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Closing()
    live = Live(out, lambda: START)
    event, state = during("RunSuite", 0, SUITE)
    live.saw(event, state)
    out.open = False
    deadline = time.monotonic() + 10
    while not out.refused and time.monotonic() < deadline:
        live.case(0, SUITE, Case(id=OAUTH, outcome=Outcome.FAILED))
        time.sleep(0.01)
    live.close()
    assert out.refused


def test_the_last_lines_of_a_build_are_shown_but_no_runner_s_dots_beside_counted_cases() -> None:
    event, state = during("RunSuite", 2, SUITE)
    progress = Progress()
    for subject, text in (("backend", "Successfully built"), ("backend", "  "), (SUITE, "collected 25 items")):
        progress.output(subject, text)
    assert "backend | Successfully built" in picture(state, progress, event.at)
    assert f"{SUITE} | collected 25 items" in picture(state, progress, event.at)
    progress.case(2, SUITE, Case(id="s::t", outcome=Outcome.PASSED))
    assert "collected" not in picture(state, progress, event.at)
    assert "backend | \n" not in picture(state, progress, event.at)
