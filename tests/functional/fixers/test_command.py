"""A fixer is any executable: what it is told, how it ends, and what is never shown of it."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop import fixers, guard
from loop.core.environment import Fix
from loop.core.redact import Redactor
from loop.errors import Cancelled, FixerMissing

SECRET = "hunter2-hunter2"
MARK = "[redacted PASSWORD]"
BRIEF: dict[str, Any] = {
    "run": "local-1", "iteration": 2, "mission": f"never show {SECRET}", "goal": "", "verdict": "failed", "rule": "",
    "reasons": [], "rates": {}, "failures": [], "failures_omitted": 0, "known_issues": [], "problems": [],
    "services": [], "change": None, "attempts": [], "limits": {}, "commit": "c" * 40, "branch": "loop/local-1",
}  # fmt: skip


class Bench:
    """One place to run fixers in, and what was seen of them."""

    def __init__(self, folder: Path) -> None:
        self.worktree, self.scratch = folder / "worktree", folder / "scratch"
        self.worktree.mkdir()
        self.scratch.mkdir()
        self.lines: list[str] = []
        self.children: list[guard.Child] = []
        self.wait: Callable[[float], None] = lambda _: None

    def run(self, command: str, **settings: Any) -> fixers.Outcome:
        return fixers.run(
            Fix(command=command, **settings), BRIEF, cwd=self.worktree, scratch=self.scratch, env=dict(os.environ),
            output=self.lines.append, on_child=self.children.append, wait=self.wait,
            redact=Redactor({"PASSWORD": SECRET}),
        )  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_it_runs_in_the_worktree_by_the_shell(bench: Bench) -> None:
    assert bench.run('echo "fixed $((1 + 1))" > file; echo done') == fixers.Done(notes="", log=("done",))
    assert (bench.worktree / "file").read_text() == "fixed 2\n"


def test_it_is_told_the_brief_twice_and_which_run_it_acts_for(bench: Bench) -> None:
    bench.run('cp "$LOOP_BRIEF" brief.json; cp "$LOOP_BRIEF_MARKDOWN" brief.md; echo "$LOOP_RUN $LOOP_ITERATION"')
    assert bench.lines == ["local-1 2"]
    told = json.loads((bench.worktree / "brief.json").read_text())
    assert told == {**BRIEF, "mission": f"never show {MARK}"}
    assert f"never show {MARK}" in (bench.worktree / "brief.md").read_text()


def test_exit_status_3_gives_up_with_the_last_words(bench: Bench) -> None:
    assert bench.run("echo looking; echo nothing to do; exit 3") == fixers.GaveUp(
        reason="nothing to do", log=("looking", "nothing to do")
    )


def test_notes_are_a_better_reason_than_output(bench: Bench) -> None:
    found = bench.run('echo "It needs a person" > "$LOOP_NOTES"; echo bye; exit 3')
    assert isinstance(found, fixers.GaveUp)
    assert found.reason == "It needs a person"


@pytest.mark.parametrize(
    ("command", "guard"),
    [("exit 1", "exit status 1"), ("exit 70", "exit status 70"), ("kill -9 $$", "signal 9")],
)
def test_any_other_exit_status_is_a_failed_attempt_that_names_it(bench: Bench, command: str, guard: str) -> None:
    found = bench.run(f"echo why; {command}")
    assert isinstance(found, fixers.Failed)
    assert guard in found.guard
    assert found.log == ("why",)


@pytest.mark.parametrize("command", ["./no-such-fixer", "no-such-fixer-anywhere", "./not-executable"])
def test_a_command_that_can_not_be_started_is_for_the_operator(bench: Bench, command: str) -> None:
    (bench.worktree / "not-executable").write_text("#!/bin/sh\n")
    with pytest.raises(FixerMissing) as error:
        bench.run(command)
    assert error.value.where == command
    assert "fix.command" in error.value.hint


def test_a_missing_folder_is_for_the_operator(bench: Bench) -> None:
    bench.worktree.rmdir()
    with pytest.raises(FixerMissing, match="no such folder"):
        bench.run("true")


def test_at_the_deadline_the_whole_group_ends_and_the_attempt_failed(bench: Bench) -> None:
    began = time.monotonic()
    found = bench.run("echo begun; sleep 60 & echo $! > background; wait", timeout=0.5)
    assert isinstance(found, fixers.Failed)
    assert "within 0.5 s" in found.guard
    assert found.log == ("begun",)
    assert time.monotonic() - began < 10
    background = int((bench.worktree / "background").read_text())
    until = time.monotonic() + 5  # it was killed with its group; that it is gone takes the kernel a moment
    while guard.start_time(background) and time.monotonic() < until:
        time.sleep(0.01)
    assert not guard.start_time(background)


def test_a_cancelled_fixer_is_stopped_and_its_output_removed(bench: Bench) -> None:
    def cancelled(_: float) -> None:
        if bench.lines:
            raise Cancelled

    bench.wait = cancelled
    with pytest.raises(Cancelled):
        bench.run("echo begun; sleep 60")
    [child] = bench.children
    assert not guard.alive(child.pid, child.started)
    assert not (bench.scratch / "fixer.log").exists()


def test_output_is_shown_while_it_runs(bench: Bench) -> None:
    def until_shown(_: float) -> None:
        if "first" in bench.lines:
            (bench.worktree / "seen").touch()

    bench.wait = until_shown
    found = bench.run("echo first; while ! [ -e seen ]; do sleep 0.02; done; printf last", timeout=20)
    assert found == fixers.Done(notes="", log=("first", "last"))


def test_secrets_are_in_neither_output_nor_log_nor_notes(bench: Bench) -> None:
    found = bench.run(f'echo "a {SECRET}"; echo "b {SECRET}" > "$LOOP_NOTES"')
    assert found == fixers.Done(notes=f"b {MARK}", log=(f"a {MARK}",))
    assert bench.lines == [f"a {MARK}"]
    assert not (bench.scratch / "fixer.log").exists()


def test_a_key_of_many_lines_is_redacted_as_a_whole(bench: Bench) -> None:
    begin, end = "echo '-----BEGIN PRIVATE KEY-----'", "echo '-----END PRIVATE KEY-----'"
    found = bench.run(f"{begin}; echo MIIEvPlanted; sleep 0.3; echo Qx7Qx7Qx7==; {end}; echo done")
    assert set(bench.lines) == {"[redacted private key]", "done"}
    assert found.log == tuple(bench.lines)


def test_an_unfinished_key_does_not_swallow_the_log(bench: Bench) -> None:
    bench.run("echo '-----BEGIN CERTIFICATE-----'; echo more")
    assert bench.lines == ["-----BEGIN CERTIFICATE-----", "more"]


def test_only_the_end_of_a_long_log_is_kept(bench: Bench) -> None:
    found = bench.run("seq 1 5000; head -c 300000 /dev/zero | tr '\\0' x")
    assert found.log[0] == "4902"
    assert found.log[-2] == "5000"
    assert len(found.log[-1]) == 2000
    assert len(bench.lines) == 5001


def test_notes_are_cut_at_4000_characters(bench: Bench) -> None:
    found = bench.run("seq 1 5000 > notes.md", notes="notes.md")
    assert isinstance(found, fixers.Done)
    assert len(found.notes) == 4000
    assert found.notes.startswith("1\n2\n")


def test_notes_of_another_day_are_not_its_own(bench: Bench) -> None:
    (bench.worktree / "notes.md").write_text("old")
    assert bench.run("true", notes="notes.md") == fixers.Done(notes="", log=())


@pytest.mark.parametrize("command", ["ln -s /etc/hostname notes.md", "mkfifo notes.md", "mkdir notes.md"])
def test_only_a_plain_file_holds_notes(bench: Bench, command: str) -> None:
    assert bench.run(command, notes="notes.md") == fixers.Done(notes="", log=())
