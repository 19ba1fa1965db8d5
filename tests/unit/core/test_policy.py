"""decide, asked with journals written as JSON: a new case of the policy needs no Python.

Each file of tests/cases holds named cases: `charter` (merged over a small one), `events` (as the journal encodes them,
their type in `type`) and `expect`, the actions that should be running after the last event.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loop.core.decide import decide
from loop.core.events import VERSION, RunStarted
from loop.core.fold import begin, evolve
from loop.core.state import RunState
from loop.journal.codec import decode

CASES = Path(__file__).parents[2] / "cases"
START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
CHARTER: dict[str, Any] = {
    "name": "staging",
    "title": "Staging",
    "mission": "all green",
    "platform": {"project": "p", "region": "r", "repository": "h/p/r", "bucket": "b"},
    "suites": [{"name": "smoke", "pytest": ["tests"], "priority": 1}, {"name": "full", "pytest": ["tests"]}],
}


def load() -> list[Any]:
    found = []
    for file in sorted(CASES.glob("*.json")):
        document = json.loads(file.read_text())
        for name, case in document["cases"].items():
            found.append(pytest.param(document.get("before", []) + case["events"], case, id=f"{file.stem}: {name}"))
    return found


def folded(events: list[dict[str, Any]], charter: dict[str, Any]) -> RunState:
    opening = {"environment": "staging", "number": 1, "uid": "abcdef", "charter": CHARTER | charter}
    own = bool(events) and events[0]["type"] == "RunStarted"
    first, *rest = events if own else [{"type": "RunStarted", **opening}, *events]
    state: RunState | None = None
    for minute, event in enumerate([first, *rest]):
        body = {"at": (START + timedelta(minutes=minute)).isoformat(), **event}
        decoded = decode(body.pop("type"), VERSION, json.dumps(body))
        state = begin(decoded) if isinstance(decoded, RunStarted) else evolve(state, decoded)  # type: ignore[arg-type]
    assert state is not None
    return state


@pytest.mark.parametrize(("events", "case"), load())
def test_names_the_actions_that_should_be_running(events: list[dict[str, Any]], case: dict[str, Any]) -> None:
    state = folded(events, case.get("charter", {}))
    assert [repr(action) for action in decide(state)] == case["expect"]
