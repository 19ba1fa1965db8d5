"""Children live and die with their parent: real processes, real `kill -9`."""

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loop import guard

ENV = {"PATH": os.environ["PATH"]}


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def sh(script: str, cwd: Path, **streams: int) -> guard.Child:
    return guard.start(["sh", "-c", script], cwd=cwd, env=ENV, **streams)


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9), ("kill -15 $$", -15)])
def test_passes_on_the_exit_status(tmp_path: Path, script: str, status: int) -> None:
    assert sh(script, tmp_path).wait(5) == status


def test_runs_in_the_given_folder_with_exactly_the_given_environment(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        code = "import os, sys; print(os.getcwd()); print(sorted(os.environ)); print(os.getpgid(0) == os.getpid())"
        child = guard.start(
            [sys.executable, "-c", code], cwd=tmp_path, env={"ONLY": "this", "LC_ALL": "C.UTF-8"}, stdout=out.fileno()
        )
        assert child.wait(5) == 0
    assert (tmp_path / "out").read_text().splitlines() == [str(tmp_path), "['LC_ALL', 'ONLY']", "True"]


def test_pid_is_the_real_childs(tmp_path: Path) -> None:
    child = sh("echo $$; exec sleep 60", tmp_path, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert int(child.stdout.readline()) == child.pid
    assert guard.alive(child.pid, child.started)
    assert not guard.alive(child.pid, child.started + "0")
    assert child.stop() == -signal.SIGTERM
    assert not guard.alive(child.pid, child.started)
    child.stdout.close()


def test_missing_executable_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        guard.start(["no-such-program"], cwd=tmp_path, env=ENV)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        guard.start(["true"], cwd=tmp_path / "nowhere", env=ENV)


def test_file_without_execute_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with pytest.raises(PermissionError, match="plain"):
        guard.start(["./plain"], cwd=tmp_path, env=ENV)


def test_wait_gives_up_at_its_deadline_and_wakes_at_the_exit(tmp_path: Path) -> None:
    child = sh("read line", tmp_path, stdin=subprocess.PIPE)
    assert child.wait(0.05) is None
    assert child.poll() is None
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(child.wait, 10) for _ in range(2)]
        assert child.stdin is not None
        child.stdin.close()
        assert [each.result(5) for each in waiting] == [1, 1]


def test_stop_kills_what_ignores_the_polite_signal(tmp_path: Path) -> None:
    child = sh("trap '' TERM; echo ready; while :; do sleep 0.1; done", tmp_path, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    assert child.stop(grace=0.1) == -signal.SIGKILL
    child.stdout.close()


def test_stop_after_the_end_returns_the_status_it_ended_with(tmp_path: Path) -> None:
    child = sh("exit 3", tmp_path)
    assert child.wait(5) == 3
    assert child.stop() == 3
    assert child.kill() == 3


def test_leftovers_of_the_group_die_when_the_child_exits(tmp_path: Path) -> None:
    child = sh("sleep 60 & echo $!", tmp_path, stdout=subprocess.PIPE)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    assert child.wait(5) == 0
    assert until(lambda: guard.start_time(grandchild) == "")
    assert child.stdout.read() == b""  # the pipe is closed: nobody holds it any more
    child.stdout.close()


def test_no_descriptor_leaks_into_the_child(tmp_path: Path) -> None:
    other = sh("exec sleep 60", tmp_path)
    code = "import os; print(sorted(int(n) for n in os.listdir('/dev/fd'))[:4])"
    child = guard.start([sys.executable, "-c", code], cwd=tmp_path, env=ENV, stdout=subprocess.PIPE)
    assert child.stdout is not None
    listed = child.stdout.read().decode().strip()
    child.stdout.close()
    assert listed in ("[0, 1, 2]", "[0, 1, 2, 3]")  # 3 is the listing's own
    assert child.wait(5) == 0
    other.kill()


def test_a_killed_guard_takes_its_child_along_at_the_next_look(tmp_path: Path) -> None:
    child = sh("exec sleep 60", tmp_path)
    os.kill(child._guard.pid, signal.SIGKILL)
    assert child.wait(5) == -signal.SIGKILL
    assert until(lambda: not guard.alive(child.pid, child.started))


PARENT = """
    import os, sys, time
    from pathlib import Path
    from loop import guard
    script = "trap '' TERM HUP; sleep 60 & echo $!; wait"
    children = [guard.start(["sh", "-c", script], cwd=Path("."), env=dict(os.environ), stdout=1) for _ in range(3)]
    print("pids", *(child.pid for child in children), flush=True)
    time.sleep(60)
"""


def test_kill_9_of_the_parent_kills_children_and_grandchildren_at_once(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [
        int(word) for line in (parent.stdout.readline() for _ in range(4)) for word in line.split() if word != "pids"
    ]
    assert len(pids) == 6
    assert all(guard.start_time(pid) for pid in pids)
    parent.kill()
    parent.wait()
    killed = time.monotonic()
    assert until(lambda: not any(guard.start_time(pid) for pid in pids), 2.0)
    assert time.monotonic() - killed < 1.0
    parent.stdout.close()


def test_a_descriptor_beyond_what_select_takes_is_waited_for() -> None:
    reading, writing = os.pipe()
    high = fcntl.fcntl(reading, fcntl.F_DUPFD, 1500)
    try:
        assert guard.readable([high], 0.0) == []
        os.write(writing, b"x")
        assert guard.readable([high], 5.0) == [high]
    finally:
        for each in (reading, writing, high):
            os.close(each)
