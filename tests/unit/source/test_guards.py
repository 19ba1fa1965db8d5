"""An answer that trips a guard is refused with a sentence; every other one is taken."""

from loop.core.guards import refusal


def test_an_answer_within_its_limits_is_taken() -> None:
    assert refusal(descends=True, files=["a", "b"], restored=["tests/x"], max_files=2) is None
    assert refusal(descends=True, files=["a"] * 100, restored=[], max_files=None) is None


def test_a_rewritten_history_is_refused_before_anything_else() -> None:
    assert "history was rewritten" in str(refusal(descends=False, files=["a"], restored=[], max_files=None))


def test_nothing_and_only_protected_files_are_two_refusals() -> None:
    assert refusal(descends=True, files=[], restored=[], max_files=None) == "nothing was changed"
    only = refusal(descends=True, files=[], restored=["tests/a.py", "tests/b.py"], max_files=None)
    assert only == "only protected files were changed: tests/a.py, tests/b.py"


def test_too_many_files_are_named_up_to_five() -> None:
    found = refusal(descends=True, files=list("abcdefg"), restored=[], max_files=6)
    assert found == "7 files were changed, 6 are allowed: a, b, c, d, e and 2 more"
