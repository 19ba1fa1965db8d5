"""Whole reports as a reader gets them: every byte is meant."""

from collections.abc import Callable

import pytest
from stories import seed, seed_cases

from loop.reports.render import render

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("number", range(4))
def test_the_seed_history_is_reported_iteration_by_iteration(golden: Golden, number: int) -> None:
    report = render(seed().run, number, seed_cases(number))
    golden(f"seed-{number}.md", report.markdown)


def test_the_last_iteration_as_json_and_html(golden: Golden) -> None:
    report = render(seed().run, 3, seed_cases())
    golden("seed-3.json", report.json)
    golden("seed-3.html", report.html)


@pytest.mark.parametrize("number", range(3))
def test_a_report_rendered_later_equals_the_one_written_then(number: int) -> None:
    then = seed(iterations=number).run
    later = seed().run
    assert render(then, number, seed_cases(number)) == render(later, number, seed_cases(number))
