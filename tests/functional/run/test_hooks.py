"""Hooks through the command line: when they are called, what they are told, and what follows where one fails."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NOTE = 'echo "$LOOP_HOOK $LOOP_ITERATION" >> "$NOTES"'
ALL = ("before_deploy", "after_deploy", "before_suites", "after_suites", "on_end")


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file outside the repository that hooks write to."""
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    return tmp_path / "notes"


def hooked(stack: Any, **commands: str) -> None:
    text = stack.read("configs/local.yaml")
    stack.write("configs/local.yaml", f"{text}hooks: {json.dumps(commands)}\n")
    stack.commit("Hooks")


def hooks(record: Any) -> dict[str, tuple[int | None, str]]:
    return {name: (found["exit_status"], found["reason"]) for name, found in record["hooks"].items()}


def test_each_is_called_at_its_place_in_every_iteration_and_the_last_once(stack: Any, notes: Path) -> None:
    hooked(stack, **dict.fromkeys(ALL, NOTE))
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stderr
    per_iteration = [f"{name} {k}" for k in (0, 1) for name in ALL[:4]]
    assert notes.read_text().splitlines() == [*per_iteration, "on_end 1"]
    assert list(stack.record(1, 0)["hooks"]) == list(ALL[:4])
    assert hooks(stack.record(1, 1)) == dict.fromkeys(ALL, (0, ""))
    assert "hook before_deploy: done in" in run.stderr


def test_they_run_in_the_worktree_and_are_told_run_addresses_and_report(stack: Any, notes: Path) -> None:
    stack.without_fixer()
    tell = f"""{sys.executable} -c 'import json, os; print(json.dumps([os.getcwd(), dict(os.environ)]))' >> "$NOTES" """
    hooked(stack, before_suites=tell, on_end=f'{tell}; cat "$LOOP_REPORT"')
    run = stack.loop("run", "--env", "local")
    (place, told), (last_place, at_end) = map(json.loads, notes.read_text().splitlines())
    assert place == last_place == str(stack.root / ".loop" / "worktrees" / "local-1")
    assert (told["LOOP_RUN"], told["LOOP_ITERATION"]) == ("local-1", "0")
    assert told["LOOP_URL_A"].startswith("http://127.0.0.1:")
    assert Path(told["LOOP_REPORT"]) == stack.root / "reports/local/1/iteration-0.md"
    assert "LOOP_ENDING" not in told
    assert (at_end["LOOP_ENDING"], at_end["LOOP_VERDICT"], at_end["LOOP_EXIT_CODE"]) == (
        "waiting for a commit", "failed", str(run.returncode),
    )  # fmt: skip
    published = stack.read("reports/local/1/evidence/0/hook-on_end-1.log")
    assert "**The run ended**: waiting for a commit" in published
    assert not (stack.root / ".loop/worktrees/local-1").exists()


def test_output_becomes_evidence_and_is_redacted(stack: Any) -> None:
    stack.without_fixer()
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLW9mLXRoZS1wbGFudA"
    hooked(stack, after_suites=f"echo cleaned; echo token {jwt} >&2; exit 3")
    run = stack.loop("run", "--env", "local")
    evidence = stack.read("reports/local/1/evidence/0/hook-after_suites-1.log")
    assert evidence.startswith("cleaned\ntoken [redacted")
    report = stack.report(1, 0)
    assert "[hook-after_suites-1.log](<evidence/0/hook-after_suites-1.log>)" in report
    written = [p for p in (stack.root / "reports").rglob("*") if p.is_file()]
    assert [p for p in written if jwt.split(".")[1] in p.read_text()] == []
    assert jwt.split(".")[1] not in run.stdout + run.stderr


@pytest.mark.parametrize("hook", ["after_deploy", "after_suites", "on_end"])
def test_one_that_follows_is_reported_and_changes_no_verdict(stack: Any, hook: str) -> None:
    stack.write("services/a/answer.txt", "right\n")
    hooked(stack, **{hook: "echo no such table; exit 4"})
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stderr
    record = stack.record(1, 0)
    assert record["judgement"]["verdict"] == "passed"
    assert hooks(record) == {hook: (4, "ended with exit status 4")}
    assert f"hook {hook}: ended with exit status 4" in run.stdout
    assert "  | no such table" in run.stdout
    report = stack.report(1, 0)
    assert "no such table" in report
    assert ("Weak evidence" in report) is (hook != "on_end")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo locked; exit 9", "ended with exit status 9"),
        ({"command": "echo locked; sleep 60", "timeout": "300ms"}, "did not end within 0.3 s"),
        ("echo locked; kill -9 $$$$", "was ended by signal 9"),
        ("echo locked; ./no-such-file", "ended with exit status 127"),
    ],
)
def test_a_failing_hook_before_the_deployment_fails_the_iteration_by_its_name(
    stack: Any, command: Any, reason: str, nothing_runs: Callable[[Path], None]
) -> None:
    stack.without_fixer()
    hooked(stack, before_deploy=command, before_suites="exit 0", after_suites="exit 0")
    run = stack.loop("run", "--env", "local")
    nothing_runs(stack.root)
    assert run.returncode == 1
    record = stack.record(1, 0)
    assert record["judgement"]["rule"] == f"hook failed: before_deploy {reason}"
    assert (record["judgement"]["verdict"], record["judgement"]["raw"]) == ("failed", None)
    assert record["run"]["ended"]["ending"] == "deploy failing"
    assert list(record["hooks"]) == ["before_deploy"]
    assert {name: s["revision"] for name, s in record["services"].items()} == {"a": "", "b": ""}
    assert "not run, the hook before_deploy failed" in stack.report(1, 0)
    assert "locked" in stack.report(1, 0)
    assert "  | locked" in run.stdout


def test_a_failing_hook_before_the_suites_is_what_the_fixer_is_told_to_mend(stack: Any) -> None:
    stack.write("seed.sh", "echo no seed data; exit 1\n")
    hooked(stack, before_suites="sh seed.sh")
    stack.write("services/a/answer.txt", "right\n")
    stack.write("fix.py", FIXES_THE_HOOK)
    stack.commit("A fixer for the hook")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stderr
    assert [row["rate"] for row in stack.record(1, 1)["table"]] == ["not run", "100%"]
    assert stack.record(1, 0)["judgement"]["reasons"] == ["hook failed: before_suites ended with exit status 1"]


FIXES_THE_HOOK = """
import json, os, pathlib
brief = json.load(open(os.environ["LOOP_BRIEF"]))
hook = brief["hooks"][0]
assert (hook["hook"], hook["command"], hook["log"]) == ("before_suites", "sh seed.sh", ["no seed data"]), hook
assert "no seed data" in open(os.environ["LOOP_BRIEF_MARKDOWN"]).read()
pathlib.Path("seed.sh").write_text("exit 0\\n")
"""


def test_where_nothing_is_deployed_the_hooks_of_the_deployment_are_not_called(stack: Any, notes: Path) -> None:
    stack.without_fixer()
    hooked(stack, **dict.fromkeys(ALL, NOTE))
    stack.loop("run", "--env", "local")
    notes.unlink()
    stack.loop("run", "--env", "local")
    assert notes.read_text().splitlines() == ["before_suites 0", "after_suites 0", "on_end 0"]


def test_a_plan_names_the_hooks_and_calls_none(stack: Any, notes: Path) -> None:
    hooked(stack, before_deploy=f"{NOTE}; ./migrate.sh", on_end=NOTE)
    shown = stack.loop("plan", "--env", "local").stdout
    assert "before_deploy" in shown
    assert "on_end" in shown
    assert "after_suites" not in shown
    assert not notes.exists()


def test_ctrl_c_stops_a_hook_and_resume_calls_it_again(
    stack: Any, notes: Path, nothing_runs: Callable[[Path], None]
) -> None:
    stack.write("services/a/answer.txt", "right\n")
    hooked(stack, on_end=f"{NOTE}; [ -e $NOTES-2 ] || {{ touch $NOTES-2; sleep 60; }}")
    child = stack.start("run", "--env", "local", "--json")
    for line in child.stdout:
        event = json.loads(line)
        if event["type"] == "ChildStarted" and event["action"] == "RunHook":
            child.send_signal(signal.SIGINT)
    assert child.wait(timeout=30) == 130
    child.stdout.close()
    child.stderr.close()
    nothing_runs(stack.root)
    assert "The hook **on_end** was interrupted; `loop resume local-1` calls it again." in stack.report(1, 0)
    assert "loop resume local-1" in stack.loop("status").stdout
    resumed = stack.loop("resume", "--env", "local")
    assert resumed.returncode == 0, resumed.stderr
    assert notes.read_text().splitlines() == ["on_end 0", "on_end 0"]
    assert hooks(stack.record(1, 0)) == {"on_end": (0, "")}
    assert stack.loop("resume", "--env", "local").returncode == 2


def test_an_interrupted_run_does_not_call_the_hook_of_its_end(stack: Any, notes: Path) -> None:
    hooked(stack, before_suites="sleep 60", on_end=NOTE)
    child = stack.start("run", "--env", "local", "--json")
    for line in child.stdout:
        if '"action":"RunHook"' in line and '"type":"ChildStarted"' in line:
            os.kill(child.pid, signal.SIGTERM)
    assert child.wait(timeout=30) == 130
    child.stdout.close()
    child.stderr.close()
    assert not notes.exists()
