"""Whichever git command the process is killed at, before or after it: a second pass ends like an undisturbed one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from loop import source

Git = Callable[..., str]
Write = Callable[..., None]

PASS = """
import subprocess, sys
from pathlib import Path
from loop import source
repo = source.find(Path(sys.argv[1]))
start = source.starting_point(repo).commit
path = repo.root / ".loop/worktrees/local-1"
place = source.worktree(repo, path, start, uid="abc234", branch="loop/local-1", link=["node_modules"])
source.keep(repo, "abc234", 0, start)
source.begin(place)
fix = "echo fix > services/web/app.py; echo weaker > tests/test_web.py; echo new > new.txt"
subprocess.run(fix, shell=True, cwd=place.path, check=True)
gathered = source.gather(place, start, protect=["tests/**"], date="@1700000000 +0000")
source.accept(place, gathered)
source.keep(repo, "abc234", 1, gathered.commit)
place = source.worktree(repo, path, gathered.commit, uid="abc234", branch="loop/local-1", link=["node_modules"])
source.remove_worktree(repo, path)
"""
WRAPPER = """#!/bin/sh
count=$(($(cat "$COUNT" 2>/dev/null) + 1)); echo $count > "$COUNT"
[ $count$WHEN = ${KILL_AT}before ] && kill -9 $PPID && exit 1
{git} "$@"
status=$?
[ $count$WHEN = ${KILL_AT}after ] && kill -9 $PPID
exit $status
"""


class Killed:
    """Passes over a clone, each in a process of its own whose git counts its calls."""

    def __init__(self, folder: Path, repo: source.Repository) -> None:
        self._folder, self._repo = folder, repo
        found = shutil.which("git")
        assert found
        (folder / "bin").mkdir()
        (folder / "bin/git").write_text(WRAPPER.replace("{git}", found))
        (folder / "bin/git").chmod(0o755)

    def run(self, at: int, when: str) -> tuple[int, int]:
        """Exit status and number of git commands."""
        count = self._folder / "count"
        count.unlink(missing_ok=True)
        path = f"{self._folder}/bin{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "COUNT": str(count), "KILL_AT": str(at), "WHEN": when}
        done = subprocess.run([sys.executable, "-c", PASS, str(self._repo.root)], env=env, check=False)
        return done.returncode, int(count.read_text())


@pytest.fixture
def killed(tmp_path: Path, repo: source.Repository, write: Write) -> Killed:
    write({"node_modules/a.js": "a", "uncommitted.txt": "x"})
    (repo.git_dir / "info").mkdir(exist_ok=True)
    (repo.git_dir / "info/exclude").write_text("node_modules\n")
    return Killed(tmp_path, repo)


def end_state(git: Git) -> tuple[str, str, str, str]:
    refs = [line for line in git("for-each-ref").splitlines() if "abandoned" not in line]
    others = git("status", "--porcelain"), git("worktree", "list"), git("fsck", "--strict", "--no-dangling")
    return "\n".join(refs), *others


def check(killed: Killed, git: Git, repo: source.Repository, step: int) -> int:
    """How many deaths were survived; every `step`-th git command is one place to die."""
    status, commands = killed.run(0, "never")
    assert status == 0
    expected = end_state(git)
    deaths = 0
    for at in range(1, commands + 1, step):
        for when in ("before", "after"):
            for ref in git("for-each-ref", "--format=%(refname)", "refs/loop", "refs/heads/loop").splitlines():
                git("update-ref", "-d", ref)
            status, _ = killed.run(at, when)
            assert status == -9
            status, _ = killed.run(0, "never")
            assert (status, end_state(git)) == (0, expected), f"killed {when} git command {at} of {commands}"
            deaths += 1
    print(f"{deaths} deaths survived, {commands} git commands in a pass")
    return deaths


def test_a_sample_of_deaths_is_survived(killed: Killed, git: Git, repo: source.Repository) -> None:
    assert check(killed, git, repo, 9) > 8


@pytest.mark.full
def test_twice_as_many_deaths_and_more_are_survived(killed: Killed, git: Git, repo: source.Repository) -> None:
    assert check(killed, git, repo, 2) > 60
