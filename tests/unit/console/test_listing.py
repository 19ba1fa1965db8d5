"""The texts of the commands that only look."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from edges import ALL, mixed
from stories import START, seed

from loop.console.listing import Plan, PlannedService, PlannedSuite, history, plan, show, status
from loop.console.text import cells
from loop.core.wording import run_row

Golden = Callable[[str, str], None]

PLAN = Plan(
    environment="staging",
    commit="0123456789abcdef",
    subject="Answer the handshake",
    uncommitted=True,
    services=(
        PlannedService(
            name="auth",
            wanted="4e1f00aa77bbccdd",
            serving="acme-auth-lk7q2zd-1",
            serving_commit="5265616420",
            deploy=False,
            build=False,
            reason="same source and settings",
        ),
        PlannedService(
            name="backend",
            wanted="99ddee",
            serving="acme-backend-lk7q2zd-1",
            deploy=True,
            build=True,
            reason="source differs",
            seconds=154.0,
        ),
        PlannedService(
            name="frontend",
            wanted="host/frontend@sha256:aabbccddeeff0011",
            serving="",
            deploy=True,
            build=False,
            reason="no revision serves",
        ),
    ),
    suites=(PlannedSuite(name="p1-critical", cases=25, seconds=38.4), PlannedSuite(name="browser")),
    seconds=201.0,
    notes=("frontend has no history: the forecast leaves it out.",),
)


def test_a_plan_says_what_will_be_done_and_why(golden: Golden) -> None:
    text = plan(PLAN)
    golden("plan.txt", text)
    assert max(map(cells, text.splitlines())) <= 80


def test_a_plan_shows_what_serves_against_what_is_wanted_and_every_difference() -> None:
    service = PlannedService(
        name="api", wanted="4e1f00aa77bbccdd", serving="api-l1-0", serving_commit="5265616420", serving_digest="99dd",
        deploy=True, build=True, reason="source changed (and 1 more)", differs=("source changed", "memory: 1Gi -> 2Gi"),
    )  # fmt: skip
    text = plan(replace(PLAN, services=(service,)))
    assert (
        "\n\napi: serves commit 5265616420, digest 99dd\n  wanted commit 0123456789, digest 4e1f00aa77bb\n"
        "  - source changed\n  - memory: 1Gi -> 2Gi\n\n"
    ) in text


def test_what_a_plan_wants_is_a_digest_an_image_or_what_is_found() -> None:
    rows = [
        plan(replace(PLAN, services=(replace(PLAN.services[1], wanted=wanted),))).splitlines()[3]
        for wanted in ("r/a:v1", "")
    ]
    assert "r/a:v1" in rows[0]
    assert "as found" in rows[1]


def test_history_is_newest_first(golden: Golden) -> None:
    golden("history.txt", history([run_row(ALL["crashing"]().run), run_row(seed().run), run_row(mixed().run)]))
    assert history([]) == "No run yet.\n"


def test_an_invalid_run_has_no_rate_in_the_history() -> None:
    row = run_row(ALL["ruined"]().run)
    assert row.rate is None
    assert "%" not in history([row])


def test_status_shows_what_is_under_way(golden: Golden) -> None:
    state = ALL["interrupted"]().run
    golden("status.txt", status(state, now=START + timedelta(minutes=2), holder="loop 4711 on buildhost"))


def test_status_of_a_run_that_nobody_works_at_names_the_way_on(golden: Golden) -> None:
    golden("status-idle.txt", status(ALL["paused"]().run, now=START + timedelta(minutes=2)))


def test_what_nobody_works_at_takes_no_longer() -> None:
    state = ALL["interrupted"]().run
    early = status(state, now=START + timedelta(minutes=2))
    assert early == status(state, now=START + timedelta(days=2))


def test_show_prints_signatures_whole(golden: Golden) -> None:
    text = show(mixed().run)
    golden("show.txt", text)
    assert "  signature: requests.exceptions.HTTPError: 503 Server Error\n" in text


def test_show_of_one_iteration_knows_nothing_of_later_ones() -> None:
    text = show(seed().run, 1)
    assert "Iteration 1  88%" in text
    assert "Iteration 2" not in text
    assert text.endswith("reports/local/42/iteration-1.md\n")
