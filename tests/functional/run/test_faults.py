"""What goes wrong in a real loop: each fault ends with a sentence that names its cause, the right verdict and exit
code, and a report where there is an iteration.
"""

import json
from typing import Any

import pytest


def ended(stack: Any, code: int, *said: str) -> str:
    """Run without a fixer; the exit code and what stdout, stderr and the report say."""
    stack.without_fixer()
    stack.commit("A fault")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == code, run.stdout + run.stderr
    report = stack.report(1, 0)
    printed = " ".join(run.stdout.split())
    for sentence in said:
        assert sentence in printed, run.stdout
        assert sentence in report, report
    assert run.stdout.splitlines()[-1] == "reports/local/1/iteration-0.md"
    return str(report)


def test_a_service_that_crashes_at_start_is_a_failed_deployment_with_its_own_log(stack: Any) -> None:
    stack.write("services/a/app.py", "print('no database here', flush=True)\nraise SystemExit(3)\n")
    report = ended(stack, 1, "deploy failing", "a: ")
    assert "no database here" in report
    assert "not run" in report


def test_a_service_that_never_listens_is_a_failed_deployment(stack: Any) -> None:
    stack.write("services/a/app.py", "import time\nprint('thinking', flush=True)\ntime.sleep(600)\n")
    report = ended(stack, 1, "deploy failing", "PORT")
    assert "thinking" in report


def test_a_service_whose_health_stays_red_is_a_failed_deployment(stack: Any) -> None:
    sick = stack.read("services/a/app.py").replace("send_response(200)", "send_response(500)")
    stack.write("services/a/app.py", sick.replace('"answer": ANSWER', '"answer": "migration missing"'))
    stack.configure("a, health: /health}", "a, health: {path: /health, within: 1s}}")
    report = ended(stack, 1, "deploy failing", "HTTP 500")
    assert "migration missing" in report


def test_a_build_that_fails_is_a_failed_deployment_with_the_builds_own_words(stack: Any) -> None:
    (stack.root / "services/a/Procfile").unlink()
    report = ended(stack, 1, "deploy failing", "Procfile")
    assert "not run" in report


def test_a_suite_that_collects_nothing_is_invalid(stack: Any) -> None:
    stack.write("tests/test_smoke.py", "def helper(): ...\n")
    report = ended(stack, 4, "collected no case")
    assert "no rate" in report.lower() or "invalid" in report
    assert "100%" not in report.split("## Current status")[1].splitlines()[0]


def test_a_suite_killed_halfway_is_invalid_and_keeps_its_finished_cases(stack: Any) -> None:
    text = stack.read("tests/test_smoke.py")
    dying = "\n\ndef test_z_dies():\n    os.kill(os.getpid(), 9)\n\ndef test_zz():\n    pass\n"
    stack.write("tests/test_smoke.py", text + dying)
    ended(stack, 4, "smoke", "signal 9")
    counts = stack.record(1, 0)["judgement"]["counts"]
    assert counts == {"passed": 2, "failed": 1, "unfinished": 1, "not run": 1}


def test_a_suite_that_runs_out_of_time_is_invalid(stack: Any) -> None:
    stack.configure("timeout: 60s", "timeout: 3s")
    stack.write(
        "tests/test_smoke.py", "import time\n\ndef test_fast():\n    pass\n\ndef test_slow():\n    time.sleep(100)\n"
    )
    ended(stack, 4, "smoke", "3 s")
    assert stack.record(1, 0)["judgement"]["counts"] == {"passed": 1, "unfinished": 1}


def test_a_missing_interpreter_is_invalid_and_the_fixer_is_not_asked(stack: Any) -> None:
    import sys

    stack.configure(f"pytest: tests, python: {sys.executable}", "pytest: tests, python: /nowhere/python")
    stack.commit("A fault")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 4, run.stdout + run.stderr
    assert "/nowhere/python" in run.stdout
    assert "/nowhere/python" in stack.report(1, 0)
    assert "fixer" not in run.stderr


def test_a_runner_that_fails_without_a_failing_case_is_invalid(stack: Any) -> None:
    stack.write("tests/conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 3\n")
    stack.write("tests/test_smoke.py", "def test_fine():\n    pass\n")
    ended(stack, 4, "exit status 3")


def test_a_dependency_that_is_not_reachable_is_invalid_before_any_test(stack: Any) -> None:
    text = stack.read("configs/local.yaml")
    stack.write("configs/local.yaml", text + 'dependencies:\n  redis: {tcp: "127.0.0.1:1", within: 1s}\n')
    report = ended(stack, 4, "redis", "127.0.0.1:1")
    assert stack.record(1, 0)["judgement"]["counts"] == {}
    assert "redis" in report


def test_five_mistakes_in_a_configuration_are_five_sentences(stack: Any) -> None:
    stack.write(
        "configs/local.yaml",
        "environment: local\ntitel: x\nplatform: {endpoint: emulator}\n"
        "services:\n  a: {source: services/a, after: [z]}\n  b: {source: services/b, heatlh: /x}\n"
        "suites:\n  smoke: {pytest: tests, timeout: soon}\ngoal: {pass_rate: 120%}\n",
    )
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 2
    sentences = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert [s.split(": ")[1] for s in sentences] == [f"configs/local.yaml:{n}" for n in (2, 5, 6, 8, 9)], run.stderr
    assert not (stack.root / ".loop" / "journal.db").exists()


def test_a_fixer_that_is_not_there_pauses_the_run_with_a_next_step(stack: Any) -> None:
    import sys

    stack.configure(f"fix: {{command: {sys.executable} fix.py}}", "fix: {command: ./nowhere.sh}")
    stack.commit("No fixer")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 5, run.stdout + run.stderr
    assert "nowhere.sh" in run.stdout
    assert "loop resume" in run.stdout


def test_a_second_run_is_refused_while_the_first_holds_the_environment(stack: Any) -> None:
    stack.write("tests/test_smoke.py", "import time\n\ndef test_slow():\n    time.sleep(30)\n")
    stack.commit("Slow")
    first = stack.start("run", "--env", "local", "--json")
    for line in first.stdout:
        if json.loads(line)["type"] == "ChildStarted":
            break
    second = stack.loop("run", "--env", "local")
    first.terminate()
    first.communicate()
    assert second.returncode == 6
    assert str(first.pid) in second.stderr
    assert first.returncode == 130


@pytest.mark.parametrize("number", [1, 2, 15])
def test_a_signal_ends_the_run_within_five_seconds_with_a_report(stack: Any, number: int) -> None:
    import time

    stack.write("tests/test_smoke.py", "import time\n\ndef test_slow():\n    time.sleep(60)\n")
    stack.commit("Slow")
    child = stack.start("run", "--env", "local", "--json")
    for line in child.stdout:
        if json.loads(line)["type"] == "ChildStarted":
            break
    asked = time.monotonic()
    child.send_signal(number)
    _, errors = child.communicate()
    assert child.returncode == 130, errors
    assert time.monotonic() - asked < 5.0
    assert "interrupted" in stack.report(1, 0)
    assert "loop resume local-1" in errors


def test_a_persons_commit_starts_the_next_iteration_and_no_change_is_refused(stack: Any) -> None:
    stack.without_fixer()
    stack.commit("No fixer")
    assert stack.loop("run", "--env", "local").returncode == 1
    refused = stack.loop("resume", "--env", "local")
    assert refused.returncode == 2
    assert "nothing changed" in refused.stderr
    stack.write("services/a/answer.txt", "right\n")
    stack.commit("Answer rightly")
    resumed = stack.loop("resume", "--env", "local")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "3/3" in resumed.stdout


def test_uncommitted_changes_are_tested_as_a_snapshot_and_said_so(stack: Any) -> None:
    stack.write("services/a/answer.txt", "right\n")
    before = stack.git("status", "--porcelain")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "uncommitted" in stack.report(1, 0).lower()
    assert stack.git("status", "--porcelain") == before


def test_reports_render_again_to_the_same_bytes(stack: Any) -> None:
    assert stack.loop("run", "--env", "local").returncode == 0
    folder = stack.root / "reports" / "local" / "1"
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    assert stack.loop("report", "local-1").returncode == 0
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_a_run_leaves_a_branch_refs_and_reports_and_nothing_else(stack: Any) -> None:
    assert stack.loop("run", "--env", "local").returncode == 0
    assert stack.git("status", "--porcelain") == ""
    assert stack.git("branch", "--format=%(refname:short)").split() == ["loop/local-1", "main"]
    assert stack.git("worktree", "list").count("\n") == 0
    assert {ref.split("/")[1] for ref in stack.git("for-each-ref", "--format=%(refname)").split()} == {"heads", "loop"}


def test_plan_changes_nothing_and_names_what_would_be_done(stack: Any) -> None:
    planned = stack.loop("plan", "--env", "local")
    assert planned.returncode == 0, planned.stderr
    assert "build and deploy" in planned.stdout
    assert stack.git("for-each-ref", "refs/loop") == ""
    assert stack.loop("run", "--env", "local").returncode == 0
    stack.git("checkout", "-q", "loop/local-1")
    again = stack.loop("plan", "--env", "local")
    assert again.stdout.count("settings and traffic are as wanted") == 2, again.stdout


def test_a_set_up_that_fails_is_invalid_with_its_own_words(stack: Any) -> None:
    text = stack.read("configs/local.yaml")
    stack.write("configs/local.yaml", text + 'workspace: {setup: "echo no such package; exit 7"}\n')
    report = ended(stack, 4, "exit status 7")
    assert "no such package" in report


def test_a_set_up_runs_in_the_worktree_before_the_suite(stack: Any) -> None:
    text = stack.read("configs/local.yaml")
    stack.write("configs/local.yaml", text + "workspace: {setup: cp services/a/answer.txt made.txt}\n")
    stack.write("tests/test_smoke.py", "def test_it():\n    assert open('made.txt').read() == 'wrong\\n'\n")
    ended(stack, 0, "1/1")
