"""What those who watch are told, line by line; and that nobody who looks on can stop a run."""

import io
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from edges import ALL, crashing
from stories import OAUTH, SUITE, Story, seed

from loop.console.choose import for_stream
from loop.console.jsonlines import JsonLines
from loop.console.observer import Observer
from loop.console.plain import Plain
from loop.core.events import Event, RunStarted
from loop.core.fold import begin, evolve
from loop.core.model import Case, Outcome
from loop.core.state import RunState


def replay(story: Story, *observers: Observer) -> None:
    state: RunState | None = None
    for event in story.events:
        state = begin(event) if isinstance(event, RunStarted) else evolve(state, event)  # type: ignore[arg-type]
        for observer in observers:
            observer.saw(event, state)


class Gone(io.StringIO):
    """A pipe whose reader went away."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def clock() -> datetime:
    return datetime(2026, 11, 22, tzinfo=UTC)


def test_plain_tells_the_seed_history(golden: Callable[[str, str], None]) -> None:
    out = io.StringIO()
    replay(seed(), Plain(out, clock))
    golden("plain-seed.txt", out.getvalue())


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_plain_line_is_stamped_and_free_of_control_characters(name: str) -> None:
    out = io.StringIO()
    replay(ALL[name](), Plain(out, clock))
    assert out.getvalue().endswith("\n")
    for line in out.getvalue().removesuffix("\n").split("\n"):
        datetime.strptime(line[:20], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert line.isprintable()


def test_a_failed_start_is_told_with_the_service_s_own_lines() -> None:
    out = io.StringIO()
    replay(crashing(), Plain(out, clock))
    assert "acme-backend-lk7q2zd-0 did not start, the container exited with status 1" in out.getvalue()
    assert "Z   | KeyError: 'JWT_SECRET'\n" in out.getvalue()


def test_only_cases_that_did_not_pass_get_a_plain_line() -> None:
    out = io.StringIO()
    plain = Plain(out, clock)
    for outcome in Outcome:
        plain.case(0, SUITE, Case(id=f"s::{outcome}", outcome=outcome, message="why\nmore"))
    shown = [line.split(" ", 1)[1] for line in out.getvalue().splitlines()]
    assert shown == [
        "failed: s::failed - why more",
        "error: s::error - why more",
        "unfinished: s::unfinished - why more",
        "not run: s::not run - why more",
    ]


class Torn(io.StringIO):
    """Writes as a terminal does: a piece at a time, with others in between."""

    def write(self, text: str) -> int:
        for piece in (text[:10], text[10:20], text[20:]):
            super().write(piece)
            time.sleep(0)
        return len(text)


def test_lines_of_many_threads_do_not_mix() -> None:
    out = Torn()
    plain = Plain(out, clock)
    row = Case(id=OAUTH, outcome=Outcome.FAILED, message="m" * 50)

    def work() -> None:
        for _ in range(200):
            plain.case(0, SUITE, row)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(out.getvalue().splitlines()) == {f"2026-11-22T00:00:00Z failed: {OAUTH} - {'m' * 50}"}
    assert len(out.getvalue().splitlines()) == 800


def test_the_event_stream_is_one_object_per_event_and_nothing_else() -> None:
    out = io.StringIO()

    def encode(event: Event) -> str:
        return json.dumps({"type": type(event).__name__})

    story = seed()
    lines = JsonLines(out, encode)
    lines.case(0, SUITE, Case(id=OAUTH, outcome=Outcome.FAILED))
    lines.output("auth", "text")
    replay(story, lines)
    assert [json.loads(line)["type"] for line in out.getvalue().splitlines()] == [
        type(e).__name__ for e in story.events
    ]


@pytest.mark.parametrize("observer", [Plain(Gone(), clock), JsonLines(Gone(), lambda _: "{}")])
def test_a_reader_that_went_away_does_not_stop_the_run(observer: Observer) -> None:
    replay(seed(), observer)
    observer.case(0, SUITE, Case(id=OAUTH, outcome=Outcome.FAILED))
    observer.close()


def test_nothing_is_written_after_the_end() -> None:
    out = io.StringIO()
    plain, lines = Plain(out, clock), JsonLines(out, lambda _: "{}")
    plain.close()
    lines.close()
    replay(seed(), plain, lines)
    assert out.getvalue() == ""


def test_a_pipe_gets_plain_lines() -> None:
    assert isinstance(for_stream(io.StringIO(), clock, {"TERM": "xterm"}), Plain)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_that_can_not_move_its_cursor_gets_plain_lines() -> None:
    assert isinstance(for_stream(Terminal(), clock, {"TERM": "dumb"}), Plain)
    assert isinstance(for_stream(Terminal(), clock, {}), Plain)
    assert not isinstance(for_stream(Terminal(), clock, {"TERM": "xterm-256color"}), Plain)
