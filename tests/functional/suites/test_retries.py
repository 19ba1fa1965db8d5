"""`retry_failed:`: failed cases run again in the same iteration; every attempt is recorded, none is made up."""

import pytest

from loop.core.model import Outcome, ProblemKind

COUNTING = """
import pathlib, pytest
def count(request):
    marks = pathlib.Path(request.config.rootpath, "marks-" + request.node.name.partition("[")[0])
    marks.write_text((marks.read_text() if marks.exists() else "") + "x")
    return len(marks.read_text())
"""
FAILED, PASSED = Outcome.FAILED, Outcome.PASSED


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_case_that_passes_at_last_keeps_its_attempts(project, arguments: tuple[str, ...]) -> None:
    project.write(
        test_a=COUNTING
        + """
def test_third(request): assert count(request) == 3, f"attempt {count}"[:7]
def test_never(): assert False, "always"
def test_fine(request): assert count(request) == 1
"""
    )
    ran = project.pytest("test_a.py", *arguments, retry_failed=2)
    case = ran.case("test_third")
    assert (case.outcome, case.flaky) == (PASSED, True)
    assert [attempt.outcome for attempt in case.attempts] == [FAILED, FAILED]
    never = ran.case("test_never")
    assert (never.outcome, [a.outcome for a in never.attempts]) == (FAILED, [FAILED, FAILED])
    assert "always" in never.message
    assert ran.case("test_fine").attempts == ()
    assert ran.result.counts == {PASSED: 2, FAILED: 1}
    assert (ran.result.expected, ran.kinds, ran.collected) == (3, [], [3])
    assert ran.result.marks == (
        "retry 1: 0 of 2 failed cases passed", "retry 2: 1 of 2 failed cases passed",
    )  # fmt: skip
    assert [path.name for path in ran.raw] == ["output.log", "retry-1.log", "retry-2.log"]
    assert len(ran.cases) == 3


def test_equal_and_parametrized_ids_are_told_apart(project) -> None:
    project.write(
        conftest="def pytest_collection_modifyitems(items): items.extend(items[:1])",
        test_a=COUNTING
        + """
@pytest.mark.parametrize("value", ["a[1]", "b::c"])
def test_x(request, value): assert value != "a[1]" or count(request) > 1
""",
    )
    ran = project.pytest("test_a.py", retry_failed=1)
    assert set(ran.outcomes.values()) == {PASSED}
    assert [case.id for case in ran.cases if case.attempts] == ["s::test_a.py::test_x[a[1]]"]


def test_a_retry_that_dies_or_skips_leaves_the_first_result(project) -> None:
    text = """
def test_x(request):
    if count(request) > 1: END
    assert False, "the first"
"""
    for name, end in (("dies", "import os; os._exit(3)"), ("skips", "pytest.skip('no')")):
        project.write(**{f"test_{name}": COUNTING + text.replace("END", end).replace("test_x", f"test_{name}")})
        ran = project.pytest(f"test_{name}.py", retry_failed=1)
        case = ran.case(f"test_{name}")
        assert (case.outcome, case.attempts) == (FAILED, ())
        assert "the first" in case.message
        assert ran.result.counts == {FAILED: 1}
        assert (ran.kinds, ran.result.exit_status) == ([], 1)
        assert ran.result.marks[0].startswith("retry 1 tells nothing" if name == "dies" else "retry 1: 0 of 1")


def test_an_invalid_suite_is_not_tried_again(project) -> None:
    project.write(test_a="import os\ndef test_a(): assert False\ndef test_b(): os._exit(1)\ndef test_c(): pass\n")
    ran = project.pytest("test_a.py", retry_failed=3)
    assert ran.kinds == [ProblemKind.RUNNER_DIED]
    assert len(ran.children) == 1
    assert ran.outcomes["test_a.py::test_a"] == FAILED
    assert len(ran.cases) == 3


def test_the_suites_time_limit_holds_for_all_attempts_together(project) -> None:
    project.write(
        test_a=COUNTING + "import time\ndef test_x(request):\n    if count(request) > 1: time.sleep(60)\n    assert 0\n"
    )
    ran = project.pytest("test_a.py", retry_failed=5, timeout=3.0)
    assert ran.kinds == []
    assert ran.case("test_x").outcome is FAILED
    assert len(ran.children) == 2


def test_tests_that_assert_nothing_are_marked(project) -> None:
    project.file(
        "tests/test_a.py",
        "import pytest\nclass TestA:\n    @pytest.mark.parametrize('x', [1, 2])\n    def test_empty(self, x): pass\n"
        "def test_true(): assert True\ndef test_good(): assert str(1)\n",
    )
    ran = project.pytest("tests")
    assert ran.result.marks == (
        "asserts nothing (its body is empty): s::tests/test_a.py::TestA::test_empty",
        "asserts nothing (asserts only what is always true): s::tests/test_a.py::test_true",
    )
    assert ran.kinds == []


def test_marks_are_bounded(project) -> None:
    project.write(test_a="\n".join(f"def test_{n}(): pass" for n in range(50)))
    marks = project.pytest("test_a.py").result.marks
    assert (len(marks), marks[-1]) == (21, "and 30 more tests that assert nothing")
