from datetime import UTC, datetime, timedelta

import pytest

from loop.core.pruning import Pruning, RevisionSeen, pruning

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def made(name: str, hour: int, run: str = "", **more: object) -> RevisionSeen:
    return RevisionSeen(name=name, created=BEGIN + timedelta(hours=hour), run=run, **more)  # type: ignore[arg-type]


SEEN = [
    made("of-others", 0, tags=("blue",)),
    made("a-0", 1, "aaaaaa", tags=("laaaaaa-0",)),
    made("a-1", 2, "aaaaaa", tags=("laaaaaa-1", "green")),
    made("b-0", 3, "bbbbbb", serving=True),
    made("c-0", 4, "cccccc", tags=("lcccccc-0",)),
    made("d-0", 5, "dddddd"),
]


def test_tags_and_revisions_of_older_runs_go_and_what_others_made_stays() -> None:
    assert pruning(SEEN, keep=1, needed=()) == Pruning(
        tags=("laaaaaa-0", "laaaaaa-1", "lcccccc-0"), revisions=("a-0", "c-0")
    ), "a-1 has somebody's tag, b-0 serves, d-0 is the newest"


def test_what_a_roll_back_needs_stays() -> None:
    assert pruning(SEEN, keep=1, needed=("a-0", "c-0")).revisions == ()


@pytest.mark.parametrize(("keep", "revisions"), [(2, ("a-0",)), (3, ("a-0",)), (4, ())])
def test_the_newest_runs_and_revisions_stay(keep: int, revisions: tuple[str, ...]) -> None:
    assert pruning(SEEN, keep=keep, needed=()).revisions == revisions


def test_the_last_created_revision_stays_for_the_platform_refuses_to_delete_it() -> None:
    seen = [made("a-0", 1, "aaaaaa"), made("b-0", 0, "bbbbbb", latest=True)]
    assert pruning(seen, keep=1, needed=()).revisions == ()


def test_a_tag_that_only_looks_like_ours_stays() -> None:
    seen = [made("a-0", 1, "aaaaaa", tags=("lzzzzzz-0",)), made("b-0", 2, "bbbbbb")]
    assert pruning(seen, keep=1, needed=()) == Pruning()
