"""A case that is skipped since the baseline keeps the goal from being met, until somebody says why that is right."""

import sys
from pathlib import Path
from typing import Any

SKIPPED = "smoke::tests/test_smoke.py::test_b_reaches_a"
GONE = "smoke::tests/test_smoke.py::test_a_answers"


def test_a_weakened_case_counts_until_it_is_accepted_and_again_when_it_ran_since(stack: Any) -> None:
    stack.without_fixer()
    stack.write("services/a/answer.txt", "right\n")
    before = stack.loop("baseline", "show", "--env", "local")
    assert before.returncode == 2
    good = stack.commit("All green")
    text = stack.read("tests/test_smoke.py")
    assert stack.loop("run", "--env", "local").returncode == 0
    shown = stack.loop("baseline", "show").stdout
    assert f"local-1 initial: commit {good[:10]} All green" in shown
    assert "3 cases: 3 passed" in shown
    skipping = text.replace("def test_b", "import pytest\n@pytest.mark.skip\ndef test_b").replace(
        "def test_a_a", "def a_a"
    )
    stack.write("tests/test_smoke.py", skipping)
    stack.commit("Skip one, drop one")
    weak = stack.loop("run", "--env", "local")
    assert weak.returncode == 1
    told = (
        "Next: restore the weakened cases or record why they may go (loop baseline accept CASE... --reason TEXT), then "
    )
    assert told + "loop resume local-2\n" in weak.stdout
    refused = stack.loop("baseline", "accept", "smoke::*nowhere*", SKIPPED, "--reason", "x")
    assert refused.returncode == 2
    assert f"weakened there: {SKIPPED}, {GONE}" in refused.stderr
    assert "not weakened: smoke::*nowhere*" in refused.stderr
    accepted = stack.loop("baseline", "accept", "smoke::*test_b*", GONE, "--reason", "b moves to another team")
    assert accepted.returncode == 0, accepted.stderr
    assert [line.partition(": ")[2] for line in accepted.stdout.splitlines()] == [SKIPPED, GONE]
    assert "loop resume local-2 --again" in accepted.stderr
    run = stack.loop("resume", "local-2", "--again")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1/1" in run.stdout
    report = stack.report(2, 1).replace("\\", "")
    for case in (SKIPPED, GONE):
        assert f"{case} no longer counts: accepted by " in report
    assert "(b moves to another team)" in report
    assert f"accepted: {SKIPPED} (" in (shown := stack.loop("baseline", "show").stdout)
    assert "b moves to another team" in shown
    nothing = stack.loop("baseline", "accept", SKIPPED, "--reason", "x")
    assert nothing.returncode == 2
    assert "no case is weakened there" in nothing.stderr
    stack.write("tests/test_smoke.py", text)
    stack.commit("All run again")
    assert stack.loop("run", "--env", "local").returncode == 0
    stack.write("tests/test_smoke.py", skipping)
    stack.commit("Skip it once more")
    again = stack.loop("run", "--env", "local")
    assert again.returncode == 1, again.stdout
    assert stack.record(4, 0)["judgement"]["weakened"] == [SKIPPED, GONE]
    assert stack.record(4, 0)["judgement"]["notes"] == []


def test_what_the_callers_shell_says_to_pytest_and_to_the_recorder_does_not_reach_a_suite(
    stack: Any, tmp_path: Path
) -> None:
    """Neither stands in the configuration or in the command that the report shows."""
    only = tmp_path / "only.json"
    only.write_text(f'["{GONE.partition("::")[2]}"]')
    stack.without_fixer()
    shell = {"PYTEST_ADDOPTS": "-k 'not right'", "PYTEST_PLUGINS": "no_such_plugin", "LOOP_ONLY": str(only)}
    run = stack.loop("run", "--env", "local", env=shell)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "2/3" in run.stdout
    asked = stack.loop("doctor", "--env", "local", env=shell)
    assert "3 cases collected" in asked.stdout, asked.stdout
    stack.configure("timeout: 60s", "timeout: 60s, env: {PYTEST_ADDOPTS: \"-k 'not right'\"}")
    stack.commit("The suite's own word")
    own = stack.loop("run", "--env", "local", "--iterations", "1", env=shell)
    assert "1 weakened" in own.stdout, own.stdout
    assert "1 collected case was deselected" in stack.report(2, 0)


def test_the_terminal_says_what_a_renamed_suite_is_not_held_against(stack: Any) -> None:
    stack.without_fixer()
    stack.write("services/a/answer.txt", "right\n")
    stack.commit("All green")
    assert stack.loop("run", "--env", "local").returncode == 0
    stack.configure("  smoke:", "  quick:")
    stack.commit("Another name")
    run = stack.loop("run", "--env", "local")
    told = "No baseline: the suites differ from local-1's (without smoke, new: quick); what its 3 cases covered"
    assert told in " ".join(run.stdout.split())
    assert run.returncode == 0
    stack.configure("  quick:", "  smoke:")
    stack.commit("The old name")
    assert "baseline" not in stack.loop("run", "--env", "local").stdout.lower(), "local-1 is it again"


def test_a_case_that_a_command_no_longer_runs_is_weakened_in_every_run_until_it_is_accepted(stack: Any) -> None:
    stack.without_fixer()
    file = '<testsuite tests="2"><testcase name="a"/><testcase name="{}"/></testsuite>'
    stack.configure(f"pytest: tests, python: {sys.executable}", "command: sh run.sh, junit: results.xml")
    stack.write("run.sh", f"echo '{file.format('b')}' > results.xml\n")
    stack.commit("a and b")
    assert stack.loop("run", "--env", "local").returncode == 0
    stack.write("run.sh", f"echo '{file.format('c')}' > results.xml\n")
    stack.commit("c in place of b")
    for run in (2, 3):
        assert stack.loop("run", "--env", "local").returncode == 1
        judged = stack.record(run, 0)["judgement"]
        assert (judged["weakened"], judged["failing"], judged["problems"]) == (["smoke::b"], [], [])
    accepted = stack.loop("baseline", "accept", "smoke::b", "--reason", "c tests it now")
    assert accepted.returncode == 0, accepted.stderr
    assert stack.loop("run", "--env", "local").returncode == 0
