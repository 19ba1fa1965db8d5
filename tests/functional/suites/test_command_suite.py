"""Any runner, by its command and the JUnit XML that it writes."""

import os
import time

import pytest

from loop.core.model import Outcome, ProblemKind
from loop.core.redact import Redactor

PASS = '<testcase classname="c" name="{}" time="0.1"/>'
FAIL = '<testcase classname="c" name="{}"><failure message="got 403">trace</failure></testcase>'


def xml(*cases: str) -> str:
    return f'<testsuites><testsuite name="u">{"".join(cases)}</testsuite></testsuites>'


def writes(*cases: str, name: str = "r", status: int = 0) -> str:
    return f"mkdir -p results; printf %s '{xml(*cases)}' > results/{name}.xml; exit {status}"


A, B = PASS.format("a"), PASS.format("b")
ANEW = "rm -r results"
BAD = FAIL.format("bad")


def test_results_are_read_from_the_files_that_the_command_wrote(project) -> None:
    ran = project.command(writes(A, BAD, status=1))
    assert ran.outcomes == {"c::a": "passed", "c::bad": "failed"}
    assert ran.kinds == []
    assert ran.result.exit_status == 1
    assert ran.case("bad").message == "got 403"
    assert ran.result.counts == {Outcome.PASSED: 1, Outcome.FAILED: 1}


def test_several_files_are_read_in_the_order_of_their_names(project) -> None:
    ran = project.command(f"({writes(B, name='2')}); {writes(A, name='1')}")
    assert list(ran.outcomes) == ["c::a", "c::b"]


def test_a_lone_surrogate_in_a_result_file_or_in_its_name_can_be_written(project) -> None:
    file = '<?xml version="1.0" encoding="utf-7"?><testsuite><testcase name="+2AA-"/></testsuite>'
    ran = project.command(f"mkdir results; printf %s '{file}' > \"$(printf 'results/\\377.xml')\"")
    assert [case.id.partition("::")[2] for case in ran.cases] == ["\\ud800"]
    assert all(mark.encode() for mark in ran.result.marks)


def test_the_workdir_is_where_the_command_runs_and_its_files_are_found(project) -> None:
    (project.root / "web").mkdir()
    assert project.command(writes(A), workdir="web").outcomes == {"c::a": "passed"}


def test_a_file_that_an_earlier_run_left_does_not_count(project) -> None:
    project.file("results/old.xml", xml(A))
    ran = project.command("true")
    assert ran.kinds == [ProblemKind.RESULT_FILE_STALE]
    assert "results/old.xml" in ran.result.problems[0].sentence
    assert ran.cases == []


def test_a_stale_file_beside_a_new_one_is_named_and_left_out(project) -> None:
    project.file("results/old.xml", xml(B))
    ran = project.command(writes(A))
    assert ran.kinds == [ProblemKind.RESULT_FILE_STALE]
    assert ran.outcomes == {"c::a": "passed"}


def test_an_old_file_that_was_copied_with_its_time_is_stale(project) -> None:
    old = project.file("elsewhere.xml", xml(A))
    os.utime(old, (time.time() - 3600,) * 2)
    ran = project.command("mkdir results; cp -p elsewhere.xml results/")
    assert ran.kinds == [ProblemKind.RESULT_FILE_STALE]


def test_a_file_that_is_written_again_is_of_this_run(project) -> None:
    project.file("results/r.xml", xml(B))
    assert project.command(writes(A)).kinds == []


def test_a_file_that_was_only_touched_is_stale(project) -> None:
    project.file("results/r.xml", xml(A))
    ran = project.command("touch results/r.xml")
    assert ran.kinds == [ProblemKind.RESULT_FILE_STALE]
    assert "under a newer time" in ran.result.problems[0].sentence
    assert ran.cases == []


def test_a_file_that_set_up_removed_may_come_back_with_the_same_bytes(project) -> None:
    project.file("results/r.xml", xml(A))
    assert project.command(writes(A), setup=ANEW).kinds == []


def test_a_file_that_was_replaced_by_another_one_with_the_same_bytes_is_of_this_run(project) -> None:
    project.file("results/r.xml", xml(A))
    assert project.command(f"({writes(A, name='new')}); mv results/new.xml results/r.xml").kinds == []


def test_a_file_that_several_names_lead_to_is_read_once(project) -> None:
    links = "ln -s r.xml results/z.xml; ln results/r.xml results/y.xml; ln -s results again"
    ran = project.command(f"({writes(A)}); {links}", junit="*/*.xml")
    assert ran.outcomes == {"c::a": "passed"}
    assert ran.result.marks == ()


def test_identical_files_count_each_and_are_remarked(project) -> None:
    ran = project.command(f"({writes(A, name='1')}); ({writes(B, name='3')}); cp results/1.xml results/2.xml")
    assert len(ran.cases) == 3
    assert ran.result.marks == ("two result files are identical: results/1.xml, results/2.xml",)


def test_no_file_is_a_problem_that_names_the_pattern(project) -> None:
    ran = project.command("true")
    assert ran.kinds == [ProblemKind.RESULT_FILE_MISSING]
    assert "results/*.xml" in ran.result.problems[0].sentence


def test_a_truncated_file_keeps_its_cases_and_is_named(project) -> None:
    project.file("whole", xml(A, BAD, B))
    cut = xml(A, BAD, B).index("trace") + 2
    ran = project.command(f"mkdir results; head -c {cut} whole > results/r.xml; exit 1")
    assert ran.kinds == [ProblemKind.RESULT_FILE_TRUNCATED]
    assert f"byte {cut}" in ran.result.problems[0].sentence
    assert "results/r.xml" in ran.result.problems[0].sentence
    assert ran.outcomes == {"c::a": "passed", "c::bad": "failed"}


@pytest.mark.parametrize("content", ["", "<html><body>no</body></html>", "plain text"])
def test_a_file_that_is_no_junit_xml_is_named(project, content: str) -> None:
    project.file("page", content)
    ran = project.command("mkdir results; cat page > results/r.xml")
    assert ran.kinds == [ProblemKind.RESULT_FILE_UNREADABLE]
    assert "results/r.xml" in ran.result.problems[0].sentence


def test_a_file_without_a_case_means_that_nothing_was_collected(project) -> None:
    assert project.command(writes()).kinds == [ProblemKind.COLLECTED_NOTHING]


def test_a_non_zero_exit_status_without_a_failing_case_is_a_problem(project) -> None:
    ran = project.command(f"echo out of memory; {writes(A, status=3)}")
    assert ran.kinds == [ProblemKind.EXIT_STATUS]
    assert ran.result.problems[0].output == "out of memory"
    assert ran.outcomes == {"c::a": "passed"}


def test_success_with_a_failing_case_is_remarked(project) -> None:
    ran = project.command(writes(A, BAD))
    assert ran.kinds == []
    assert "exit status 0 with a failing case" in ran.result.marks


def test_a_high_exit_status_with_failing_cases_is_no_kill(project) -> None:
    assert project.command(writes(BAD, status=200)).kinds == []


@pytest.mark.parametrize("how", ["kill -9 $$", "exit 137"])
def test_a_killed_command_carries_no_verdict(project, how: str) -> None:
    ran = project.command(f"({writes(A)}); {how}")
    assert ran.kinds == [ProblemKind.RUNNER_DIED]
    assert ran.outcomes == {"c::a": "passed"}


def test_the_timeout_stops_the_command_and_keeps_what_it_wrote(project) -> None:
    ran = project.command(f"({writes(A)}); sleep 600", timeout=1.0)
    assert ran.kinds == [ProblemKind.TIMED_OUT]
    assert ran.outcomes == {"c::a": "passed"}


def test_a_missing_program_is_named_once(project) -> None:
    ran = project.command("no-such-program --all")
    assert ran.kinds == [ProblemKind.RUNNER_MISSING]
    assert "no-such-program" in ran.result.problems[0].sentence


def test_listed_cases_that_give_no_result_are_not_run(project) -> None:
    ran = project.command(writes(A), list="echo c::a; echo; echo c::b; echo noise >&2")
    assert ran.collected == [2]
    assert ran.outcomes == {"c::a": "passed", "c::b": "not run"}
    assert ran.kinds == [ProblemKind.FEWER_THAN_EXPECTED]
    assert ran.result.problems[0].sentence.endswith("`list:` names 2, 1 of them are missing.")
    assert ran.result.expected == 2


def test_a_list_that_fails_is_told_before_the_suite_runs(project) -> None:
    ran = project.command("touch ran", list="echo broken >&2; exit 2")
    assert ran.kinds == [ProblemKind.SETUP_FAILED]
    assert "broken" in ran.result.problems[0].output
    assert not (project.root / "ran").exists()


def test_without_a_list_the_baseline_is_expected(project) -> None:
    ran = project.command(writes(A), known=("s::c::a", "s::c::b"))
    assert ran.outcomes == {"c::a": "passed", "c::b": "not run"}
    assert ran.kinds == [ProblemKind.FEWER_THAN_EXPECTED]
    way_on = "; where they are gone for good, name those that are left with `list:`."
    assert ran.result.problems[0].sentence.endswith(f"the baseline has 2, 1 of them are missing{way_on}")


def test_where_as_many_cases_came_as_before_none_is_said_to_be_owed(project) -> None:
    ran = project.command(writes(A, PASS.format("new")), known=("s::c::a", "s::c::b"))
    assert ran.outcomes == {"c::a": "passed", "c::new": "passed"}
    assert ran.kinds == []


def test_fewer_cases_than_the_minimum_is_a_problem(project) -> None:
    assert project.command(writes(A), minimum=2).kinds == [ProblemKind.FEWER_THAN_EXPECTED]
    assert project.command(writes(A), minimum=1, setup=ANEW).kinds == []


def test_the_digest_of_cases_changes_with_the_cases(project) -> None:
    first = project.command(writes(A)).result.cases_digest
    assert project.command(writes(A), setup=ANEW).result.cases_digest == first
    assert project.command(writes(A, B)).result.cases_digest != first


def test_a_case_knows_its_source_where_its_file_is_below_the_root(project) -> None:
    source = project.file("t/a.spec.js", "test")
    case = f'<testcase classname="c" name="a" file="{source}"/>'
    ran = project.command(writes(case))
    assert (ran.cases[0].id, ran.cases[0].file) == ("s::t/a.spec.js::c::a", "t/a.spec.js")
    assert ran.cases[0].source
    before = ran.result.sources_digest
    project.file("t/a.spec.js", "test changed")
    assert project.command(writes(case)).result.sources_digest != before


def test_what_was_odd_in_a_file_is_remarked(project) -> None:
    project.file("odd", '<testsuite tests="3"><testcase name="a & b"/></testsuite>')
    ran = project.command("mkdir results; cat odd > results/r.xml")
    assert ran.outcomes == {"a & b": "passed"}
    assert ran.kinds == []
    assert any("counts disagree" in mark for mark in ran.result.marks)
    assert any("recovered" in mark for mark in ran.result.marks)


def test_no_secret_leaves_the_scratch_folder(project) -> None:
    secret = "hunter2-and-more"
    case = f'<testcase name="x {secret}"><failure message="m {secret}">t {secret}</failure></testcase>'
    command = f"echo {secret}; {writes(case, status=1)}"
    ran = project.command(command, redact=Redactor({"DB": secret}), list=f"echo x {secret}")
    assert secret not in repr((ran.cases, ran.result, ran.shown))
    assert secret in ran.raw[0].read_text()


def test_a_private_key_over_many_lines_is_not_shown(project) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA0123456789abcdef\\n-----END RSA PRIVATE KEY-----\\n"
    ran = project.command(f"printf -- '{key}'; {writes(A)}", redact=Redactor({}))
    assert "MIIEpAIBAAKCAQEA" not in "\n".join(ran.shown)
