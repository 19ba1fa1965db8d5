"""The last lines of a run: how it ended, why, what to do next, and where the report lies."""

from collections.abc import Callable

import pytest
from edges import ALL
from stories import IDS, Story, failing, judged, seed

from loop.console.summary import summary
from loop.console.text import cells
from loop.core.actions import Ending
from loop.core.events import (
    InterruptRequested,
    RollbackRequested,
    RunEnded,
    RunPaused,
    ServiceRestored,
    ServicesRestored,
)
from loop.core.model import Split, Verdict
from loop.core.wording import ACCEPT

REPORT = "reports/local/42/iteration-3.md"


def test_the_seed_history_ends_with_its_table(golden: Callable[[str, str], None]) -> None:
    golden("summary-seed.txt", summary(seed().run, REPORT, width=120))


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_ending_is_told_at_80_columns(golden: Callable[[str, str], None], name: str) -> None:
    golden(f"summary-{name}.txt", summary(ALL[name]().run, REPORT))


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_path_of_the_report_is_the_last_line(name: str) -> None:
    assert summary(ALL[name]().run, REPORT).splitlines()[-1] == REPORT


@pytest.mark.parametrize("name", sorted(ALL.keys() - {"hostile", "paused"}))
def test_no_line_is_wider_than_the_terminal(name: str) -> None:
    assert max(map(cells, summary(ALL[name]().run, REPORT).splitlines())) <= 80


def test_what_services_wrote_while_a_case_failed_stands_below_it_once() -> None:
    text = summary(seed(iterations=1).run, REPORT)
    written = "    | backend (by time): POST /agents `execute`\n    | backend (ERROR): no <agent> of that name\n"
    assert text.count(written) == 1
    assert text.count("    | as above\n") == 1


def test_a_run_that_stopped_before_its_first_iteration_still_says_why() -> None:
    story = Story()
    story.start(trend=())
    story.tell(RunPaused(message="no commit is named HEAD~9", where="--ref", hint="git log", exit_code=2))
    assert summary(story.run, None) == (
        "local-42 (on the embedded emulator): paused - no commit is named HEAD~9 (--ref).\n\n"
        "To mend it: git log\nNext: loop resume local-42\n"
    )


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("interrupted", "Next: loop resume local-42"),
        ("paused", "Next: loop resume local-42"),
        ("ruined", "Next: commit a fix, then loop resume local-42"),
        ("crashing", "Next: mend it, then loop run --env local"),
        ("known", None),
    ],
)
def test_the_next_command_is_named(name: str, command: str | None) -> None:
    following = [line for line in summary(ALL[name]().run, REPORT).splitlines() if line.startswith("Next:")]
    assert following == ([command] if command else [])


@pytest.mark.parametrize(
    ("ids", "ending", "following"),
    [
        ((), Ending.WAITING, "restore the weakened cases or record why they may go ({}), then loop resume local-42"),
        (
            IDS[:1],
            Ending.WAITING,
            "restore the weakened cases or record why they may go ({}), then commit a fix, then loop resume local-42",
        ),
        (
            (),
            Ending.NO_PROGRESS,
            "restore the weakened cases or record why they may go ({}), then loop run --env local",
        ),
    ],
    ids=["weakened alone", "and failing", "no fixer waits"],
)
def test_a_run_that_weakened_cases_keep_from_its_goal_names_the_way_out(
    ids: tuple[str, ...], ending: Ending, following: str
) -> None:
    story = Story()
    story.start()
    story.iterate(0)
    story.judge(0, judged(failing(0, *ids), None, weakened=("s::gone",)))
    story.tell(RunEnded(ending=ending, sentence="x", verdict=Verdict.FAILED, exit_code=1))
    assert f"Next: {following.format(ACCEPT)}\n" in summary(story.run, REPORT)


def test_an_update_that_may_have_been_sent_is_said_to_be_open() -> None:
    """Ctrl-C before its operation had a name: what serves now need not serve a moment later."""
    story = Story()
    story.start(trend=())
    story.iterate(0)
    story.observe(0, "auth")
    story.act("DeployRevision", 0, "auth")
    story.tell(InterruptRequested(signal=2))
    assert "Still open: auth, an update may have been sent" in summary(story.run, None)
    story.tell(RunPaused(message="denied", where="", hint="", exit_code=3))
    assert "Still open" not in summary(story.run, None), "what was answered is not open"


def asked_back(name: str = "half_promoted") -> Story:
    story = ALL[name]()
    story.tell(RollbackRequested(host="h", pid=1))
    return story


def test_a_roll_back_that_was_stopped_says_what_serves_as_far_as_known() -> None:
    story = asked_back()
    split = (Split(revision="acme-auth-l4wx5y-2", percent=100),)
    story.tell(ServiceRestored(iteration=0, service="auth", traffic=split))
    story.tell(InterruptRequested(signal=2))
    text = summary(story.run, REPORT, width=120)
    assert "local-42 (on the embedded emulator): roll back not finished.\n" in text
    assert "Still open: the roll back, one more service may have been put back\n" in text
    assert "Serving: auth, 100% acme-auth-l4wx5y-2\n" in text
    assert "Next: loop rollback local-42; to test what serves now: loop run --env local\n" in text
    assert "loop resume" not in text


def test_a_service_that_did_not_serve_before_leaves_a_roll_back_whole() -> None:
    story = asked_back("interrupted")
    story.tell(ServicesRestored(iteration=0, left={"auth": "it did not serve before the run"}))
    text = summary(story.run, REPORT)
    assert "local-42 (on the embedded emulator): rolled back.\n" in text
    assert "Next: loop run --env local\n" in text
    assert "Serving" not in text
    assert "resume" not in text
