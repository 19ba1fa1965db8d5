"""The texts of the commands that only look."""

from collections.abc import Callable
from datetime import timedelta

from edges import ALL, mixed
from stories import START, seed

from loop.console.listing import history, show, status
from loop.core.wording import run_row

Golden = Callable[[str, str], None]


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
