"""How long three services take from a commit until all of them serve, beside the same calls one after another."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.child import asked
from bench.figures import TURNS, Row, Series
from bench.slow_source import PROCFILE, SlowSource
from bench.stack import STATE, BenchFailed, Stack, Turned, open_stack
from loop import emulator
from loop.core.events import BuildSubmitted, ImageBuilt, RevisionReady

FACTOR = 0.6
SERVICES = ("a", "b", "c")
AFTER = {"b": "a"}
CASE = "def test_nothing():\n    pass\n"
OURS = tuple(SlowSource(folder=f"services/{name}") for name in SERVICES)
SCRIPTED = tuple(SlowSource(folder=f"script/{name}") for name in SERVICES)


def measure(scratch: Path) -> Row:
    files = dict(file for service in (*OURS, *SCRIPTED) for file in service.files())
    procfiles = dict.fromkeys(SERVICES, PROCFILE)
    with open_stack(scratch / "stack", procfiles, {"test_nothing.py": CASE}, after=AFTER, files=files) as stack:
        _scripted(stack, 0)  # makes the script's services, as the stack's first run made loop's
        turns = [(_turned(stack, turn), _scripted(stack, turn)) for turn in range(1, TURNS + 1)]
    loop = Series(what="loop run, commit to all three serving", values=tuple(turned.serving for turned, _ in turns))
    script = Series(what="the same calls one after another", values=tuple(scripted.seconds for _, scripted in turns))
    alone = tuple(seconds for _, scripted in turns for seconds in scripted.builds)
    at_once = tuple(seconds for turned, _ in turns for seconds in _builds(turned))
    builds = (Series(what="one build alone", values=alone), Series(what="one of three at once", values=at_once))
    return Row(
        name="rollout",
        figure=loop.median / script.median,
        limit=FACTOR,
        unit="x",
        rule="median of loop run by median of the script, from the start of the process to the last proof",
        series=(loop, script, *builds),
    )


def _turned(stack: Stack, turn: int) -> Turned:
    _change(stack, turn, OURS)
    there = _environments(stack)
    turned = stack.turn()
    _check(turned)
    _check_environments(_environments(stack) - there)
    return turned


def _check(turned: Turned) -> None:
    """All three were really built, deployed and proven."""
    for kind in (BuildSubmitted, ImageBuilt, RevisionReady):
        found = len(turned.of_type(kind))
        if found != len(SERVICES):
            raise BenchFailed(f"{found} events {kind.__name__}, not {len(SERVICES)}")
    if any(isinstance(event, ImageBuilt) and event.reused for event in turned.events):
        raise BenchFailed("an image was reused")


def _check_environments(made: int) -> None:
    if made != len(SERVICES):
        raise BenchFailed(f"{made} virtual environments were built, not {len(SERVICES)}")


def _environments(stack: Stack) -> int:
    """How many the emulator has built so far: each of them slept."""
    return sum(1 for _ in stack.venvs.glob("*/complete"))


def _builds(turned: Turned) -> tuple[float, ...]:
    """Seconds from each build's submission until its image was known."""
    submitted = {event.service: event.at for event in turned.events if isinstance(event, BuildSubmitted)}
    built = [event for event in turned.events if isinstance(event, ImageBuilt)]
    return tuple((event.at - submitted[event.service]).total_seconds() for event in built)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scripted:
    seconds: float
    """From the start of the script's process to its last proof."""
    builds: tuple[float, ...]


def _scripted(stack: Stack, turn: int) -> _Scripted:
    _change(stack, turn, SCRIPTED)
    there = _environments(stack)
    began = datetime.now(UTC)
    found = asked("bench.script", str(stack.root), _endpoints(stack), str(turn), *(s.folder for s in SCRIPTED))
    _check_environments(_environments(stack) - there)
    seconds = (datetime.fromisoformat(found["proven"]) - began).total_seconds()
    return _Scripted(seconds=seconds, builds=tuple(found["builds"]))


def _change(stack: Stack, turn: int, services: tuple[SlowSource, ...]) -> None:
    for service in services:
        stack.write(*service.turned(turn))
    stack.commit(f"Turn {turn} of {services[0].folder}")


def _endpoints(stack: Stack) -> str:
    with emulator.attach(stack.root / STATE) as attached:
        there = attached.endpoints
        return json.dumps({"grpc": there.grpc, "storage": there.storage, "admin": there.admin})
