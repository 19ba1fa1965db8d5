"""The commands that start a run in other ways, and those that only look."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def ran(stack: Any) -> Any:
    """A run that met its goal in two iterations."""
    assert stack.loop("run", "--env", "local").returncode == 0
    return stack


def test_history_status_and_show_tell_of_a_run(ran: Any) -> None:
    history = ran.loop("history").stdout
    assert "local-1" in history
    assert "100%" in history
    status = ran.loop("status").stdout
    assert "nobody works at it" in status
    shown = ran.loop("show", "local-1", "0").stdout
    assert "signature: AssertionError: assert 'wrong' == 'right'" in shown
    assert "2/3" in shown


@pytest.mark.parametrize("command", [["history"], ["status"], ["config", "check"]])
def test_looking_before_the_first_run_is_no_error(stack: Any, command: list[str]) -> None:
    run = stack.loop(*command)
    assert run.returncode == 0, run.stderr
    assert run.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show"], "there is no run yet"),
        (["report", "local-9"], "there is no run local-9"),
        (["resume"], "which run?"),
        (["resume", "--env", "local"], "there is no run of local"),
        (["run", "--env", "nowhere"], "configs/nowhere.yaml"),
        (["run", "--env", "local", "--suite", "smoek"], "no suite is called smoek"),
        (["run", "--env", "local", "--ref", "no-such-branch"], "no commit is called no-such-branch"),
        (["run", "--env", "local", "--fetch"], "no remote"),
    ],
)
def test_what_can_not_be_done_is_a_sentence_and_exit_code_2(stack: Any, arguments: list[str], said: str) -> None:
    run = stack.loop(*arguments)
    assert run.returncode == 2, run.stdout + run.stderr
    assert said in run.stderr + run.stdout
    assert "Traceback" not in run.stderr


def test_a_mistyped_environment_is_answered_with_those_that_can_be_run(stack: Any) -> None:
    stack.write("configs/base.yaml", "mission: shared\n")
    stack.write("configs/known-issues.yaml", "[]\n")
    stack.write("configs/local.yaml", "extends: base.yaml\n" + stack.read("configs/local.yaml"))
    for command in ("run", "plan", "resume", "rollback", "status", "history"):
        run = stack.loop(command, "--env", "locla")
        assert run.returncode == 2
        assert "hint: there are: local\n" in run.stderr, command


def test_outside_a_repository_is_a_sentence(tmp_path: Path, stack: Any) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    run = type(stack)(outside).loop("run", "--env", "local")
    assert run.returncode == 2
    assert "git init" in run.stderr


def test_a_met_goal_is_not_resumed(ran: Any) -> None:
    again = ran.loop("resume", "local-1")
    assert again.returncode == 2
    assert "met its goal" in again.stderr


def test_a_second_run_is_numbered_on_and_shows_the_first(ran: Any) -> None:
    assert ran.loop("run", "--env", "local").returncode == 0
    report = ran.report(2, 0)
    assert "local-1" in report
    row = next(line for line in report.splitlines() if line.startswith("| local-1"))
    assert "3/3" in row


def test_unchanged_services_are_not_deployed_again(ran: Any) -> None:
    ran.git("checkout", "-q", "loop/local-1")
    assert ran.loop("run", "--env", "local").returncode == 0
    services = ran.record(2, 0)["services"]
    assert {name: s["unchanged"] for name, s in services.items()} == {"a": True, "b": True}
    assert services["a"]["revision"].endswith("-1")
    assert services["b"]["revision"].endswith("-0")


def test_ref_and_fetch_run_what_the_remote_has(stack: Any, tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    subprocess.run(["git", "clone", "-q", "--bare", str(stack.root), str(origin)], check=True)
    stack.git("remote", "add", "origin", str(origin))
    stack.git("fetch", "-q")
    colleague = type(stack)(tmp_path / "colleague")
    subprocess.run(["git", "clone", "-q", str(origin), str(colleague.root)], check=True)
    colleague.write("services/a/answer.txt", "right\n")
    wanted = colleague.commit("Answer rightly")
    colleague.git("push", "-q", "origin", "HEAD:main")
    run = stack.loop("run", "--env", "local", "--ref", "origin/main", "--fetch")
    assert run.returncode == 0, run.stdout + run.stderr
    assert stack.record(1, 0)["iteration"]["commit"] == wanted


def test_json_is_one_event_a_line_and_nothing_else_on_stdout(stack: Any) -> None:
    run = stack.loop("run", "--env", "local", "--json")
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "ReportWritten"
    assert {"RevisionReady", "SuiteFinished", "IterationJudged", "FixCommitted", "RunEnded"} <= {
        e["type"] for e in events
    }


def test_a_partial_run_does_not_meet_the_goal(stack: Any) -> None:
    stack.write("services/a/answer.txt", "right\n")
    stack.configure("suites:\n", "suites:\n  other: {pytest: tests}\n")
    stack.commit("Two suites")
    run = stack.loop("run", "--env", "local", "--suite", "smoke")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "selected suites passed" in run.stdout


def test_a_secret_is_written_nowhere(stack: Any) -> None:
    secret = "s3cr3t-value-of-the-test"
    stack.configure("timeout: 60s}", 'timeout: 60s, env: {PASS_PHRASE: "${secret:STACK_SECRET}"}}')
    text = stack.read("tests/test_smoke.py")
    leak = (
        "\n\ndef test_leaks():\n    print(os.environ['PASS_PHRASE'])\n    raise ValueError(os.environ['PASS_PHRASE'])\n"
    )
    stack.write("tests/test_smoke.py", text + leak)
    stack.commit("A leak")
    run = stack.loop("run", "--env", "local", "--iterations", "1", env={"STACK_SECRET": secret})
    assert "redacted STACK_SECRET" in stack.report(1, 0)
    assert secret not in run.stdout + run.stderr
    found = [
        path
        for folder in (".loop/journal.db", ".loop/journal.db-wal", "reports")
        for path in ([stack.root / folder] if (stack.root / folder).is_file() else (stack.root / folder).rglob("*"))
        if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert found == []
    assert not list((stack.root / ".loop" / "scratch").rglob("*.log"))


def test_a_missing_secret_is_named(stack: Any) -> None:
    stack.configure("timeout: 60s}", 'timeout: 60s, env: {PASS_PHRASE: "${secret:STACK_SECRET}"}}')
    run = stack.loop("run", "--env", "local", env={k: v for k, v in os.environ.items() if k == "PATH"})
    assert run.returncode == 2
    assert "STACK_SECRET" in run.stderr
