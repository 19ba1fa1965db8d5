"""Flaky is what passes and fails on the same images with the same test source; a repaired product is not."""

import pytest

from loop.core.flaky import Habit, Sighting, changed, habits, images
from loop.core.model import Case, CaseAttempt, Outcome

OF = {
    "P": Outcome.PASSED, "F": Outcome.FAILED, "E": Outcome.ERROR, "s": Outcome.SKIPPED, "x": Outcome.XFAILED,
    "X": Outcome.XPASSED, "U": Outcome.UNFINISHED, "n": Outcome.NOT_RUN,
}  # fmt: skip


def seen(
    letters: str, image: str = "i" * 20, source: str = "s" * 20, name: str = "a", beside: str = " " * 20
) -> list[Sighting]:
    """One iteration per letter; image, test source and what else decides by letter too."""
    return [
        Sighting(
            cases=[] if letter == "-" else [Case(id=name, outcome=OF[letter], source=s.strip())],
            images=i.strip(),
            testside=b.strip(),
        )
        for letter, i, s, b in zip(letters, image, source, beside, strict=False)
    ]


def habit(letters: str, **more: str) -> Habit:
    (found,) = habits(seen(letters, **more))
    return found


@pytest.mark.parametrize(
    ("letters", "passed", "counted", "flips"),
    [
        ("PPFPP", 4, 5, 2),
        ("FFFPP", 2, 5, 1),
        ("PFPFP", 3, 5, 4),
        ("P-F", 1, 2, 1),
        ("PsxF", 1, 2, 1),
        ("XEUnP", 2, 5, 2),
    ],
)
def test_a_case_is_told_by_letters_rate_and_flips(letters: str, passed: int, counted: int, flips: int) -> None:
    found = habit(letters)
    assert (found.last, found.passed, found.counted, found.flips) == (letters, passed, counted, flips)


def test_a_case_that_came_late_or_left_has_gaps() -> None:
    assert habit("--PF").last == "--PF"
    assert habit("PF--").last == "PF--"


def test_both_outcomes_on_the_same_images_and_source_are_flaky() -> None:
    assert habit("PFP").flaky


@pytest.mark.parametrize(
    "more",
    [
        {"image": "122"},
        {"source": "122"},
        {"image": "   "},
        {"source": "   "},
        {"image": "12", "source": "12"},
        {"beside": "122"},
        {"beside": " 22"},
    ],
    ids=[
        "another image",
        "another source",
        "images unknown",
        "source unknown",
        "both",
        "another helper",
        "a journal of before",
    ],
)
def test_a_change_of_product_or_test_explains_a_flip(more: dict[str, str]) -> None:
    found = habit("FPP"[: len(next(iter(more.values())))], **more)
    assert found.flips == 1
    assert not found.flaky


def test_a_retry_that_passed_is_flaky_in_itself() -> None:
    once = Case(id="a", outcome=Outcome.PASSED, attempts=(CaseAttempt(outcome=Outcome.FAILED),))
    (found,) = habits([Sighting(cases=[once])])
    assert (found.flaky, found.retried, found.flips) == (True, 1, 0)
    assert changed([found]) == (found,)


def test_the_worst_stands_first_and_the_steady_are_not_shown() -> None:
    rows = [seen("PFPF", name="worst"), seen("PPPF", name="bad"), seen("FPPP", image="1222", name="repaired"),
            seen("PPPP", name="good"), seen("FFFF", name="red")]  # fmt: skip
    together = [
        Sighting(cases=[case for sighting in at for case in sighting.cases], images=at[0].images)
        for at in zip(*rows, strict=True)
    ]
    found = habits(together)
    assert [h.id for h in changed(found)] == ["worst", "bad", "repaired"]
    assert len(found) == 5


def test_images_are_known_only_when_all_are() -> None:
    assert images({"a": "1", "b": "2"}) == images({"b": "2", "a": "1"}) != images({"a": "2", "b": "1"})
    assert images({"a": "1", "b": ""}) == images({}) == ""
