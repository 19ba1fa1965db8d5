"""The report for machines: the same figures, in a shape that does not change under its readers."""

import json
import time

from edges import ALL
from stories import IDS, OAUTH, SUITE, Story, failing, judged, seed, seed_cases

from loop.core.model import Case, Outcome
from loop.core.wording import UNPRINTABLE
from loop.reports.render import render


def data(story: Story, **cases: list[Case]) -> dict[str, object]:
    state = story.run
    return json.loads(render(state, len(state.iterations) - 1, cases).json)


def test_the_figures_are_those_of_the_markdown() -> None:
    report = json.loads(render(seed().run, 3, seed_cases()).json)
    assert report["version"] == 1
    assert report["judgement"]["raw"] == {"passed": 24, "counted": 25, "percent": 96}
    assert [row["rate"] for row in report["table"]] == ["84%", "88%", "88%", "92%", "96%"]
    assert report["services"]["backend"]["revision"] == "acme-backend-lk7q2zd-2"
    assert report["services"]["backend"]["serving"]["commit"].startswith("416e737765")
    assert report["cases"][OAUTH]["detail"]
    latency, socket = report["targets"]
    assert (latency["measured"]["value"], latency["measured"]["n"], latency["measured"]["met"]) == (0.124, 61, False)
    assert socket == {"name": "websocket latency", "below": 50, "measured": None}
    assert report["suites"][SUITE]["evidence"]["services"]["backend"]["by_trace"] == 61


def test_every_ending_has_the_same_keys() -> None:
    shapes = {tuple(data(story())) for story in ALL.values()}
    assert len(shapes) == 1


def test_what_stopped_a_run_stands_in_it() -> None:
    paused = data(ALL["paused"]())["run"]
    assert paused["paused"]["exit_code"] == 3  # type: ignore[index]
    interrupted = data(ALL["interrupted"]())
    assert interrupted["run"]["interrupted"] is True  # type: ignore[index]
    assert [o["service"] for o in interrupted["open_operations"]] == ["backend", "frontend"]  # type: ignore[attr-defined]


def test_ten_thousand_long_failures_make_no_huge_report() -> None:
    rows = [
        Case(id=f"{SUITE}::t{n:05}", outcome=Outcome.ERROR, message="down", detail="x" * 5_000) for n in range(10_000)
    ]
    story = Story()
    story.start()
    story.iterate(0)
    story.judge(0, judged(failing(0, IDS[0]), None))
    begun = time.perf_counter()
    report = render(story.run, 0, {SUITE: rows})
    assert time.perf_counter() - begun < 5
    assert len(report.json) < 3_000_000
    cases = json.loads(report.json)["cases"]
    assert cases[f"{SUITE}::t00000"]["detail"]
    assert cases[f"{SUITE}::t09999"] == {"id": f"{SUITE}::t09999", "outcome": "error", "message": "down"}


def test_no_text_in_it_steers_a_terminal_or_turns_its_direction() -> None:
    case = Case(id=f"{SUITE}::t", outcome=Outcome.FAILED, message="\x1b[31mred", detail="\u202eturned \x07")
    text = render(ALL["hostile"]().run, 0, {SUITE: [case]}).json
    assert "\\u001b" not in text
    assert "\\u0007" not in text
    assert not UNPRINTABLE.search(text)
    assert json.loads(text)["cases"][f"{SUITE}::t"]["detail"] == "turned "
