"""A pytest suite, run by a real pytest with the recorder in it."""

import os
import sys
import textwrap
from pathlib import Path

import pytest

from loop.core.model import Case, Outcome, ProblemKind
from loop.core.redact import Redactor
from loop.errors import Cancelled

ZOO = """
    import pytest

    def test_pass(): pass
    def test_fail(): assert 200 == 403, "forbidden"
    @pytest.mark.xfail(reason="known")
    def test_xfail(): assert False
    @pytest.mark.xfail
    def test_xpass(): pass
    @pytest.mark.xfail(strict=True)
    def test_strict_xpass(): pass
    @pytest.mark.skip(reason="later")
    def test_skip(): pass
    @pytest.fixture
    def broken(): raise RuntimeError("set-up broke")
    def test_setup(broken): pass
    @pytest.fixture
    def leaky():
        yield
        raise RuntimeError("teardown broke")
    def test_teardown(leaky): pass
    def test_both(leaky): assert False, "call broke"
    @pytest.mark.parametrize("value", ["a[1]", "b::c", "d e"])
    def test_param(value): pass
"""
OUTCOMES = {
    "test_zoo.py::test_pass": "passed",
    "test_zoo.py::test_fail": "failed",
    "test_zoo.py::test_xfail": "xfailed",
    "test_zoo.py::test_xpass": "xpassed",
    "test_zoo.py::test_strict_xpass": "failed",
    "test_zoo.py::test_skip": "skipped",
    "test_zoo.py::test_setup": "error",
    "test_zoo.py::test_teardown": "error",
    "test_zoo.py::test_both": "failed",
    "test_zoo.py::test_param[a[1]]": "passed",
    "test_zoo.py::test_param[b::c]": "passed",
    "test_zoo.py::test_param[d e]": "passed",
}


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_outcome_of_pytest_is_told(project, arguments: tuple[str, ...]) -> None:
    project.write(test_zoo=textwrap.dedent(ZOO))
    ran = project.pytest("test_zoo.py", *arguments)
    assert ran.outcomes == OUTCOMES
    assert ran.kinds == []
    assert ran.collected == [12]
    assert ran.result.expected == 12
    assert ran.result.exit_status == 1
    assert sum(ran.result.counts.values()) == 12
    assert ran.result.versions["pytest"] == pytest.__version__


def test_a_failure_tells_message_traceback_output_and_signature(project) -> None:
    project.write(test_a='def test_x():\n    print("said before")\n    assert 403 == 200, "forbidden"\n')
    case = project.pytest("test_a.py").case("test_x")
    assert case.message.startswith("AssertionError: forbidden")
    assert "test_a.py:3" in case.detail
    assert "said before" in case.detail
    assert "403" in case.signature
    assert case.seconds is not None
    assert case.started is not None


def test_a_lone_surrogate_in_any_text_of_a_case_can_be_written(project) -> None:
    project.write(
        test_s="""
def test_x(record_property):
    record_property('k\\udcff', '\\ud800')
    print('\\\\ud800 as text')
    assert False, '\\ud800 lone'
"""
    )
    ran = project.pytest("test_s.py")
    (case,) = ran.cases
    assert case.message.startswith("AssertionError: \\ud800 lone")
    assert case.properties == {"k\\udcff": "\\ud800"}
    for text in (case.id, case.message, case.detail, case.signature, *case.properties, *case.properties.values()):
        text.encode()


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_every_attempt_of_a_rerun_case_is_kept(project, arguments: tuple[str, ...]) -> None:
    project.write(
        test_flaky="""
import pytest, pathlib
@pytest.mark.flaky(reruns=3)
def test_x(request, record_property):
    marks = pathlib.Path(request.config.rootpath, "marks")
    count = len(marks.read_text()) if marks.exists() else 0
    marks.write_text("x" * (count + 1))
    record_property("latency_ms", 12)
    assert count == 2, f"attempt {count}"
def test_y(): pass
"""
    )
    ran = project.pytest("test_flaky.py", "-p", "pytest_rerunfailures", *arguments)
    case = ran.case("test_x")
    assert case.outcome is Outcome.PASSED
    assert [attempt.outcome for attempt in case.attempts] == [Outcome.FAILED, Outcome.FAILED]
    assert [attempt.message.splitlines()[0] for attempt in case.attempts] == [
        "AssertionError: attempt 0",
        "AssertionError: attempt 1",
    ]
    assert case.flaky
    assert case.properties == {"latency_ms": "12"}
    assert ran.result.counts == {Outcome.PASSED: 2}
    assert ran.kinds == []


def test_equal_ids_are_numbered_and_none_is_lost(project) -> None:
    project.write(
        conftest="def pytest_collection_modifyitems(items): items.extend(items[:1])",
        test_a="def test_x(): pass\ndef test_y(): pass",
    )
    ran = project.pytest("test_a.py")
    assert ran.outcomes == {
        "test_a.py::test_x": "passed",
        "test_a.py::test_y": "passed",
        "test_a.py::test_x#2": "passed",
    }


def test_cases_are_told_while_the_suite_still_runs(project) -> None:
    project.write(
        test_a="""
import pathlib, time
def test_first(): pass
def test_second(request):
    deadline = time.monotonic() + 20
    while not pathlib.Path(request.config.rootpath, "seen").exists():
        assert time.monotonic() < deadline, "the first case was not told before the second ended"
        time.sleep(0.01)
"""
    )
    told = []

    def on_case(case: Case) -> None:
        told.append(case.id)
        (project.root / "seen").touch()

    assert project.pytest("test_a.py", on_case=on_case).kinds == []
    assert told == ["s::test_a.py::test_first", "s::test_a.py::test_second"]


def test_ids_count_from_our_root_where_pytest_has_another_one(project) -> None:
    project.file("sub/pytest.ini", "[pytest]\n")
    project.file("sub/inner/test_a.py", "def test_x(): pass")
    case = project.pytest("sub/inner").case("test_x")
    assert case.id == "s::sub/inner/test_a.py::test_x"
    assert case.file == "sub/inner/test_a.py"
    assert case.source


def test_a_workdir_is_where_pytest_starts(project) -> None:
    project.file("sub/test_a.py", "def test_x():\n    import os\n    assert os.path.basename(os.getcwd()) == 'sub'")
    assert project.pytest("test_a.py", workdir="sub").outcomes == {"sub/test_a.py::test_x": "passed"}


def test_a_dead_pytest_leaves_finished_unfinished_and_not_run_cases(project) -> None:
    project.write(test_a="import os\ndef test_x(): pass\ndef test_y(): os.kill(os.getpid(), 9)\ndef test_z(): pass")
    ran = project.pytest("test_a.py")
    assert ran.outcomes == {
        "test_a.py::test_x": "passed",
        "test_a.py::test_y": "unfinished",
        "test_a.py::test_z": "not run",
    }
    assert ran.kinds == [ProblemKind.RUNNER_DIED]
    assert "1 of 3 cases had finished" in ran.result.problems[0].sentence
    assert ran.result.exit_status == -9


def test_a_test_that_ends_the_interpreter_with_success_is_no_success(project) -> None:
    project.write(test_a="import os\ndef test_x(): os._exit(0)")
    ran = project.pytest("test_a.py")
    assert ran.result.exit_status == 0
    assert ran.kinds == [ProblemKind.RUNNER_DIED]
    assert ran.outcomes == {"test_a.py::test_x": "unfinished"}


def test_the_suites_timeout_stops_its_processes_and_keeps_what_finished(project) -> None:
    project.write(test_a="import time\ndef test_x(): pass\ndef test_y(): time.sleep(600)")
    ran = project.pytest("test_a.py", timeout=3.0)
    assert ran.outcomes == {"test_a.py::test_x": "passed", "test_a.py::test_y": "unfinished"}
    assert ran.kinds == [ProblemKind.TIMED_OUT]
    assert "3 s" in ran.result.problems[0].sentence
    assert ran.children[0].poll() is not None


def test_a_crashed_xdist_worker_is_an_error_of_its_case(project) -> None:
    project.write(test_a="import os\ndef test_x(): os._exit(3)\ndef test_y(): pass\ndef test_z(): pass")
    ran = project.pytest("test_a.py", "-n", "2")
    assert ran.outcomes["test_a.py::test_x"] is Outcome.ERROR
    assert "crashed" in ran.case("test_x").message
    assert ran.outcomes["test_a.py::test_z"] is Outcome.PASSED


def test_cases_that_maxfail_left_out_are_not_run(project) -> None:
    project.write(test_a="def test_x(): assert 0\ndef test_y(): pass")
    ran = project.pytest("test_a.py", "-x")
    assert ran.outcomes == {"test_a.py::test_x": "failed", "test_a.py::test_y": "not run"}
    assert ran.kinds == []
    assert any("stopped early" in mark for mark in ran.result.marks)


def test_deselected_cases_are_not_expected(project) -> None:
    project.write(test_a="def test_x(): pass\ndef test_y(): pass")
    ran = project.pytest("test_a.py", "-k", "test_x")
    assert ran.outcomes == {"test_a.py::test_x": "passed"}
    assert ran.result.expected == 1


@pytest.mark.parametrize("arguments", [("-k", "nothing"), ("nosuch.py",)], ids=["deselected", "no such file"])
def test_a_suite_that_collects_nothing_says_so(project, arguments: tuple[str, ...]) -> None:
    project.write(test_a="def test_x(): pass")
    ran = project.pytest(*arguments)
    assert ran.kinds == [ProblemKind.COLLECTED_NOTHING]
    assert ran.cases == []


@pytest.mark.parametrize("arguments", [(), ("-n", "2"), ("--continue-on-collection-errors",)])
def test_a_module_that_can_not_be_collected_is_named_with_its_error(project, arguments: tuple[str, ...]) -> None:
    project.write(test_a="import nosuchmodule", test_b="def test_x(): pass")
    ran = project.pytest(".", *arguments)
    assert ran.kinds == [ProblemKind.COLLECTION_ERROR]
    assert "test_a.py" in ran.result.problems[0].sentence
    assert "nosuchmodule" in ran.result.problems[0].output


def test_a_module_that_skips_itself_is_remarked(project) -> None:
    project.write(test_a="import pytest\npytest.importorskip('nosuchmodule')", test_b="def test_x(): pass")
    ran = project.pytest(".")
    assert ran.kinds == []
    assert any("test_a.py" in mark and "nosuchmodule" in mark for mark in ran.result.marks)


def test_fewer_cases_than_the_minimum_is_a_problem(project) -> None:
    project.write(test_a="def test_x(): pass")
    assert project.pytest("test_a.py", minimum=2).kinds == [ProblemKind.FEWER_THAN_EXPECTED]
    assert project.pytest("test_a.py", minimum=1).kinds == []


def test_refused_arguments_are_told_with_pytests_own_words(project) -> None:
    ran = project.pytest("--no-such-option")
    assert ran.kinds == [ProblemKind.EXIT_STATUS]
    assert "--no-such-option" in ran.result.problems[0].output


def test_an_exit_status_without_a_failing_case_is_a_problem(project) -> None:
    hook = "def pytest_sessionfinish(session): session.exitstatus = 9"
    project.write(conftest=hook, test_a="def test_x(): pass")
    assert project.pytest("test_a.py").kinds == [ProblemKind.EXIT_STATUS]


def test_success_with_a_failing_case_is_remarked(project) -> None:
    hook = "def pytest_sessionfinish(session): session.exitstatus = 0"
    project.write(conftest=hook, test_a="def test_x(): assert 0")
    ran = project.pytest("test_a.py")
    assert ran.kinds == []
    assert ran.result.exit_status == 0
    assert "exit status 0 with a failing case" in ran.result.marks


def test_an_interrupted_pytest_carries_no_verdict(project) -> None:
    project.write(test_a="def test_x(): pass\ndef test_y(): raise KeyboardInterrupt\ndef test_z(): pass")
    ran = project.pytest("test_a.py")
    assert ran.kinds == [ProblemKind.RUNNER_DIED]
    assert ran.result.exit_status == 2
    assert ran.outcomes["test_a.py::test_z"] is Outcome.NOT_RUN


def test_an_internal_error_of_pytest_is_told(project) -> None:
    project.write(
        conftest="def pytest_runtest_setup(item): pass\ndef pytest_runtest_logfinish(): 1 / 0",
        test_a="def test_x(): pass",
    )
    ran = project.pytest("test_a.py")
    assert ran.kinds == [ProblemKind.RUNNER_DIED]
    assert "ZeroDivisionError" in ran.result.problems[0].output


def test_a_missing_interpreter_is_named(project) -> None:
    ran = project.pytest("test_a.py", python="python-that-is-not-there")
    assert ran.kinds == [ProblemKind.RUNNER_MISSING]
    assert "python-that-is-not-there" in ran.result.problems[0].sentence
    assert ran.result.exit_status is None


def test_an_interpreter_without_pytest_is_told_how_to_get_it(project) -> None:
    bare = project.file("bare", f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    bare.chmod(0o755)
    ran = project.pytest("test_a.py", python=str(bare))
    assert ran.kinds == [ProblemKind.RUNNER_MISSING]
    assert "-m pip install pytest" in ran.result.problems[0].sentence


def test_an_interpreter_that_does_not_work_is_named(project) -> None:
    broken = project.file("broken", "#!/bin/sh\necho can not start >&2\nexit 127\n")
    broken.chmod(0o755)
    ran = project.pytest("test_a.py", python=str(broken))
    assert ran.kinds == [ProblemKind.RUNNER_MISSING]
    assert "can not start" in ran.result.problems[0].output


def test_a_pytest_that_is_too_old_is_named_with_its_version(project) -> None:
    project.file("old/pytest/__init__.py", "__version__ = '6.2.5'")
    project.file("old/pytest/__main__.py", "raise SystemExit('unknown option')")
    ran = project.pytest("test_a.py", env={"PYTHONPATH": str(project.root / "old")})
    assert ran.kinds == [ProblemKind.RUNNER_MISSING]
    assert "6.2.5" in ran.result.problems[0].sentence


def test_the_roots_virtual_environment_comes_before_the_path(project) -> None:
    project.write(test_a="def test_x(): pass")
    own = project.file(".venv/bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    own.chmod(0o755)
    ran = project.pytest("test_a.py", python=None)
    assert ran.result.command.startswith(str(own))
    assert ran.outcomes == {"test_a.py::test_x": "passed"}


def test_the_worktree_stays_as_it_was(project) -> None:
    project.write(test_a="def test_x(): assert 0", conftest="import this_helper", this_helper="")
    before = sorted(project.root.rglob("*"))
    project.pytest("test_a.py")
    assert sorted(project.root.rglob("*")) == before


def test_digests_follow_cases_and_sources(project) -> None:
    project.write(test_a="def test_x(): pass", conftest="")
    first = project.pytest("test_a.py").result
    project.write(conftest="# changed")
    second = project.pytest("test_a.py").result
    assert first.cases_digest == second.cases_digest != ""
    assert first.sources_digest != second.sources_digest
    project.write(test_a="def test_x(): pass\ndef test_y(): pass")
    assert project.pytest("test_a.py").result.cases_digest != first.cases_digest


def test_sources_can_be_named_by_globs(project) -> None:
    project.write(test_a="def test_x(): pass")
    project.file("data/input.json", "1")
    first = project.pytest("test_a.py", sources=("data/**",)).result.sources_digest
    project.write(test_a="def test_x(): pass  # changed")
    assert project.pytest("test_a.py", sources=("data/**",)).result.sources_digest == first
    project.file("data/input.json", "2")
    assert project.pytest("test_a.py", sources=("data/**",)).result.sources_digest != first


SECRET = "hunter2-and-more"


def test_no_secret_leaves_the_scratch_folder(project) -> None:
    project.write(
        test_a=f"""
import pytest
@pytest.mark.parametrize("value", ["{SECRET}"])
def test_x(value, record_property):
    print("printed", value)
    record_property("p", value)
    assert value == "", value
@pytest.mark.skip(reason="because {SECRET}")
def test_y(): pass
"""
    )
    ran = project.pytest("test_a.py", redact=Redactor({"DB": SECRET}))
    assert SECRET not in repr((ran.cases, ran.result, ran.shown))
    assert SECRET in "".join(path.read_text() for path in ran.raw)
    assert (project.scratch.stat().st_mode & 0o777) == 0o700


def test_cancelling_stops_the_suite_and_its_processes(project) -> None:
    project.write(test_a="import time\ndef test_x(): time.sleep(600)")
    children = []

    def cancel(_: float) -> None:
        if project.scratch.joinpath("record.jsonl").exists():
            raise Cancelled

    from loop.core.environment import Suite
    from loop.suites.run import run_suite

    with pytest.raises(Cancelled):
        run_suite(
            Suite(name="s", pytest=("test_a.py",), python=sys.executable),
            root=project.root, env=project.env, scratch=project.scratch, known=None, on_child=children.append,
            on_case=lambda _: None, on_collected=lambda _: None, output=lambda _: None, redact=str, wait=cancel,
        )  # fmt: skip
    assert children[0].poll() is not None
    assert not Path(f"/proc/{children[0].pid}").exists() or os.name != "posix"


def test_the_suites_setup_comes_first_and_its_failure_is_told(project) -> None:
    project.write(test_a="def test_x():\n    import pathlib\n    assert pathlib.Path('made').exists()")
    assert project.pytest("test_a.py", setup="touch made").outcomes == {"test_a.py::test_x": "passed"}
    ran = project.pytest("test_a.py", setup="echo no disk; exit 3")
    assert ran.kinds == [ProblemKind.SETUP_FAILED]
    assert ran.result.problems[0].output == "no disk"
    assert ran.cases == []


def test_a_missing_workdir_is_named(project) -> None:
    ran = project.pytest("test_a.py", workdir="gone")
    assert ran.kinds == [ProblemKind.SETUP_FAILED]
    assert "gone" in ran.result.problems[0].sentence


def test_a_suite_that_only_collects_carries_no_verdict(project) -> None:
    project.write(test_a="def test_x(): pass")
    ran = project.pytest("test_a.py", "--collect-only")
    assert ran.kinds == [ProblemKind.EXIT_STATUS]
    assert ran.outcomes == {"test_a.py::test_x": "not run"}


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="this pytest has no subtests")
def test_a_failed_subtest_fails_its_case_once(project) -> None:
    project.write(
        test_a="""
def test_bad(subtests):
    with subtests.test("one"): assert False, "in a part"
    with subtests.test("two"): pass
def test_good(subtests):
    with subtests.test("one"): pass
"""
    )
    ran = project.pytest("test_a.py")
    assert ran.outcomes == {"test_a.py::test_bad": "failed", "test_a.py::test_good": "passed"}
    assert ran.kinds == []


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="this pytest has no subtests")
def test_subtests_that_a_passed_case_left_out_are_remarked(project) -> None:
    project.write(
        test_a="""
import pytest
def test_s(subtests):
    for number in range(5):
        with subtests.test(number=number):
            if number: pytest.skip("not here")
def test_x(subtests):
    with subtests.test(): pytest.xfail("known")
"""
    )
    ran = project.pytest("test_a.py")
    assert ran.outcomes == {"test_a.py::test_s": "passed", "test_a.py::test_x": "passed"}
    assert ran.result.marks == (
        "4 of 5 subtests of s::test_a.py::test_s were skipped",
        "the only subtest of s::test_a.py::test_x was expected to fail and did",
    )


def test_a_project_that_turns_warnings_into_errors_notices_nothing(project) -> None:
    project.file("pytest.ini", "[pytest]\nfilterwarnings = error\naddopts = --strict-config --strict-markers\n")
    project.write(test_a="import urllib.request\ndef test_x(loop_trace): import http.client")
    assert project.pytest("test_a.py", "-W", "error").outcomes == {"test_a.py::test_x": "passed"}


def test_a_runner_that_never_stops_writing_is_stopped_in_time(project) -> None:
    ran = project.command("while :; do echo noise; done", timeout=1.0)
    assert ran.kinds == [ProblemKind.TIMED_OUT]
    assert ran.result.seconds < 20


FOUR = """
import pytest
@pytest.mark.parametrize("n", range(3))
def test_many(n): pass
def test_one(): pass
"""
DROPS = "def pytest_collection_modifyitems(items): items[:] = [i for i in items if 'one' not in i.name]\n"
DESELECTED = "3 collected cases were deselected (e.g. test_a.py::test_many[0])"
DROPPED = "1 collected case was dropped by a plugin or conftest (test_a.py::test_one)"


@pytest.mark.parametrize(
    ("ini", "conftest", "marks"),
    [
        ("addopts = -k 'not many'", "", [DESELECTED]),
        ("", DROPS, [DROPPED]),
        ("", "import pytest\n@pytest.hookimpl(tryfirst=True)\n" + DROPS, [DROPPED]),
        ("addopts = --deselect test_a.py::test_many[0] --deselect test_a.py::test_many[1]", DROPS,
         ["2 collected cases were deselected (e.g. test_a.py::test_many[0])", DROPPED]),
        ("", "", []),
        ("", "def pytest_collection_modifyitems(items):\n    for i in items: i._nodeid = i.nodeid.upper()\n", []),
    ],
    ids=["deselected", "dropped", "dropped first", "both", "none", "renamed"],
)  # fmt: skip
@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_collected_cases_that_do_not_run_are_counted(project, ini, conftest, marks, arguments) -> None:
    project.file("pytest.ini", f"[pytest]\n{ini}\n")
    project.write(test_a=FOUR, conftest=conftest)
    ran = project.pytest("test_a.py", *arguments)
    assert ran.kinds == []
    assert [mark for mark in ran.result.marks if "collected case" in mark] == marks


def test_cases_that_are_not_tried_again_were_not_deselected(project) -> None:
    project.write(test_a=FOUR + "def test_bad(): assert False\n")
    assert [mark for mark in project.pytest("test_a.py", retry_failed=1).result.marks if "collected case" in mark] == []
