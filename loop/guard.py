"""Every child process of `loop` starts here, so that `kill -9` of the parent leaves nothing running.

A parent that is killed can not clean up, so a small guard process does: this same file, run as a script. The guard
holds the read end of a pipe whose write end only the parent has; when that pipe closes it kills the child's whole
process group. It may import the standard library only, for it runs with `-I -S` in about 15 ms.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

Stream = int | IO[bytes] | IO[str] | None


def readable(descriptors: Sequence[int], seconds: float | None) -> list[int]:
    """Those that can be read, or are at their end, within so many seconds; None waits for ever.

    poll and not select, which takes no descriptor above 1023: an emulator of many services has more.
    """
    asked = select.poll()
    for each in descriptors:
        asked.register(each, select.POLLIN)
    return [each for each, _ in asked.poll(None if seconds is None else max(0, round(seconds * 1000)))]


class Child:
    """A running child; its process group dies with it, with `stop`, and with this process."""

    def __init__(self, guard: "subprocess.Popen[bytes]", lifeline: int, report: int, pid: int, started: str) -> None:
        self.pid = pid
        self.started = started
        """The kernel's start time of the child: with the pid it names one process for ever (see `alive`)."""
        self._guard = guard
        self._lifeline = lifeline
        self._report = report
        self._lock = threading.Lock()

    @property
    def stdout(self) -> IO[bytes] | None:
        """The parent's end, where `stdout=PIPE` was asked for."""
        return self._guard.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        return self._guard.stderr

    @property
    def stdin(self) -> IO[bytes] | None:
        return self._guard.stdin

    def poll(self) -> int | None:
        """The exit status (a signal as -N), or None while it runs."""
        status = self._guard.poll()
        if status is None:
            return None
        with self._lock:
            if self._lifeline >= 0:
                self._close_pipes()
                if status < 0 and alive(self.pid, self.started):  # someone killed the guard, not the child
                    _kill_group(self.pid)
        return status

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status, or None after `timeout` seconds; wakes up in the moment of the exit."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._sleep_until_exit(left)
        return status

    def stop(self, grace: float = 2.0) -> int:
        """SIGTERM to the group, after `grace` seconds SIGKILL; the exit status."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a zombie's group
                os.killpg(self.pid, signal.SIGTERM)
            if self.wait(grace) is None:
                self._cut()
        status = self.wait()
        assert status is not None
        return status

    def kill(self) -> int:
        """SIGKILL to the group at once; the exit status."""
        if self.poll() is None:
            self._cut()
        status = self.wait()
        assert status is not None
        return status

    def _cut(self) -> None:
        """The guard sees the closed pipe and kills the group, exactly as if this process had died."""
        with self._lock:
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = os.open(os.devnull, os.O_WRONLY)

    def _sleep_until_exit(self, seconds: float | None) -> None:
        # The guard holds the only write end of the report pipe, so its end of file is the guard's end.
        with self._lock:
            if self._report < 0:
                return
            report = os.dup(self._report)
        try:
            if readable([report], seconds):
                self._guard.wait()
        finally:
            os.close(report)

    def _close_pipes(self) -> None:
        os.close(self._lifeline)
        os.close(self._report)
        self._lifeline = self._report = -1


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: Stream = None,
    stderr: Stream = None,
    stdin: Stream = subprocess.DEVNULL,
) -> Child:
    """Run `argv` (looked up in the PATH of `env`) in a process group of its own, tied to the life of this process."""
    if not Path(cwd).is_dir():
        raise FileNotFoundError(2, "no such folder to run in", str(cwd))
    theirs, lifeline = os.pipe()
    report, told = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(theirs), str(told), *argv],
            cwd=cwd, env=dict(env), stdin=stdin, stdout=stdout, stderr=stderr,
            pass_fds=(theirs, told), start_new_session=True,
        )  # fmt: skip
    except OSError:
        os.close(lifeline)
        os.close(report)
        raise
    finally:
        os.close(theirs)
        os.close(told)
    return _started(guard, lifeline, report, argv[0])


def alive(pid: int, started: str) -> bool:
    """Whether that very process still runs: a reused pid and a zombie do not count."""
    return started != "" and start_time(pid) == started


def start_time(pid: int) -> str:
    """The kernel's start time of a running process as text; empty where there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return "" if os.path.exists("/proc/self/stat") else _start_time_by_ps(pid)
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _start_time_by_ps(pid: int) -> str:
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(
        command, capture_output=True, text=True, env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()


def _started(guard: "subprocess.Popen[bytes]", lifeline: int, report: int, name: str) -> Child:
    told = _read_line(report)
    kind, _, rest = told.partition(" ")
    if kind == "pid":
        pid, _, started = rest.partition(" ")
        return Child(guard, lifeline, report, int(pid), started)
    os.close(lifeline)
    os.close(report)
    for stream in (guard.stdin, guard.stdout, guard.stderr):
        if stream is not None:
            stream.close()
    guard.wait()
    if kind == "errno":
        raise OSError(int(rest), os.strerror(int(rest)), name)
    raise ChildProcessError(f"the guard of {name} ended before it started it")


def _read_line(fd: int) -> str:
    told = b""
    while not told.endswith(b"\n"):
        part = os.read(fd, 4096)
        if not part:
            break
        told += part
    return told.decode().strip()


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


# From here on: what runs in the guard process.


def guard(lifeline: int, report: int, argv: Sequence[str]) -> NoReturn:
    os.set_inheritable(lifeline, False)
    os.set_inheritable(report, False)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        child = os.posix_spawnp(
            argv[0], list(argv), os.environ, setpgroup=0, setsigmask=[], setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
        )
    except OSError as error:
        os.write(report, f"errno {error.errno}\n".encode())
        os._exit(127)
    _let_go_of_streams()
    with contextlib.suppress(BrokenPipeError):  # the parent is gone already: the loop below sees it too
        os.write(report, f"pid {child} {start_time(child)}\n".encode())
    _exit_like(_outlive(child, lifeline, woken))


def _let_go_of_streams() -> None:
    """A pipe's reader must see its end when the child closes it, not when the guard ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)


def _outlive(child: int, lifeline: int, woken: int) -> int:
    """Wait for the child or for the parent's end, whichever comes first; the child's wait status."""
    while not _has_ended(child):
        ready = readable([lifeline, woken], None)
        if lifeline in ready:
            break
        os.read(woken, 512)
    _kill_group(child)  # before it is reaped: until then nobody else can be given its group
    return os.waitpid(child, 0)[1]


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _exit_like(status: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        os._exit(code)
    import resource  # only here: a core file of the guard would be mistaken for the child's

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    os._exit(128 - code)


if __name__ == "__main__":
    guard(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
