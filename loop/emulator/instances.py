"""The processes of revisions: started with Cloud Run's container contract, probed, logged, restarted when asked for.

A process is started here and nowhere else. What a revision is and who may reach it is decided elsewhere.
"""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from loop import guard
from loop.emulator import probes
from loop.emulator.contract import Contract, Given
from loop.emulator.failures import Failure, StartFailed
from loop.emulator.images import Images, ImageUnknown
from loop.emulator.logs import Logs
from loop.emulator.names import service_of
from loop.emulator.output import payload, resource
from loop.emulator.ports import free_port
from loop.emulator.probes import Probe

GRACE = 10.0  # seconds between SIGTERM and SIGKILL: the container contract's
LONGEST_LINE = 256 * 1024  # bytes of one log entry: Logging's quota page
PORT_ATTEMPTS = 3
RESTART_PAUSE = 1.0
"""Seconds; "Cloud Run limits instance restarts" (Run's page on health checks), without saying how."""


@dataclass(slots=True)
class Instance:
    child: guard.Child
    port: int
    in_flight: int = 0
    """Requests that the router has open; only the router's thread changes it."""
    readers: list[threading.Thread] = field(default_factory=list)
    stopping: bool = False

    @property
    def runs(self) -> bool:
        return self.child.poll() is None


class Instances:
    """At most one process per revision; `revision` is always the revision's proto."""

    def __init__(self, images: Images, logs: Logs, contract: Contract, startup: float) -> None:
        self._images = images
        self._logs = logs
        self._contract = contract
        self._startup = startup
        self._lock = threading.Lock()
        self._starting: dict[str, threading.Lock] = {}
        self._running: dict[str, Instance] = {}
        self._kept: set[str] = set()
        """Revisions with minimum instances: they do not wait for a request."""
        self._closed = False

    def running(self, name: str) -> Instance | None:
        instance = self._running.get(name)
        return instance if instance is not None and instance.runs else None

    def ensure(self, revision: Any) -> Instance:
        """The revision's running process, started if need be; blocks until it passed its probe."""
        with self._lock:
            one_at_a_time = self._starting.setdefault(revision.name, threading.Lock())
        with one_at_a_time:
            instance = self.running(revision.name)
            if instance is None:
                instance = self._start(revision)
                self._running[revision.name] = instance
                _in_background(f"watch {revision.name}", self._watch, revision, instance)
            return instance

    def keep(self, revision: Any) -> None:
        """Start it in the background, and again whenever its process ends, until it is stopped."""
        if revision.name not in self._kept:
            self._kept.add(revision.name)
            _in_background(f"keep {revision.name}", self._begin_keeping, revision)

    def release(self, name: str) -> None:
        """It goes on running; the next process is started by a request."""
        self._kept.discard(name)

    def stop(self, name: str) -> None:
        """In the background, after its open requests (for as long as the contract grants)."""
        self._kept.discard(name)
        instance = self._running.pop(name, None)
        if instance is not None:
            _in_background(f"stop {name}", _retire, instance)

    def kill_all(self) -> None:
        self._closed = True
        for instance in list(self._running.values()):
            instance.stopping = True
            instance.child.kill()

    def _start(self, revision: Any) -> Instance:
        for attempt in range(PORT_ATTEMPTS):
            port = free_port()
            instance = self._launch(revision, port)
            try:
                _await_probe(instance, probes.startup(revision, port, self._startup))
            except StartFailed:
                instance.stopping = True
                lost_the_port = instance.child.poll() is not None and probes.answers(port)
                instance.child.kill()
                for reader in instance.readers:
                    reader.join(1.0)  # the lines that say why must be readable when the condition is
                if lost_the_port and attempt + 1 < PORT_ATTEMPTS:
                    continue  # another program took the port between our look and its bind
                raise
            return instance
        raise AssertionError("unreachable")

    def _watch(self, revision: Any, instance: Instance) -> None:
        """Until the process ends: by itself, stopped, or killed here because its liveness probe failed."""
        probe = probes.liveness(revision, instance.port)
        failed = probe is not None and _outlived(instance, probe)
        if probe and failed:
            seconds = f"{probe.threshold} times, every {probe.period:g} seconds"
            text = f"The liveness probe GET {probe.path} failed {seconds}: the instance is killed and started again."
            self.say(revision.name, text, "ERROR")
            instance.child.kill()
        instance.child.wait()
        if failed or revision.name in self._kept:
            time.sleep(RESTART_PAUSE)
            if self._running.get(revision.name) is instance and not self._closed:
                self._restart(revision)

    def _begin_keeping(self, revision: Any) -> None:
        self._restart(revision)
        if revision.name not in self._kept:
            self.stop(revision.name)  # it was, while we started it

    def _restart(self, revision: Any) -> None:
        try:
            self.ensure(revision)
        except StartFailed as failed:
            self.say(revision.name, failed.message, "ERROR")

    def _launch(self, revision: Any, port: int) -> Instance:
        if self._closed:
            raise StartFailed(Failure.CONTAINER, "The emulator is stopping.")
        container = revision.containers[0]
        try:
            image = self._images.find(container.image)
        except ImageUnknown as unknown:
            raise StartFailed(Failure.IMAGE, str(unknown)) from unknown
        child = _spawn(self._contract.given(revision, image, port), image.root)
        instance = Instance(child, port)
        for stream, name in ((child.stdout, "stdout"), (child.stderr, "stderr")):
            reader = threading.Thread(
                target=self._read, args=(revision.name, name, stream, instance), daemon=True, name=f"log {name}"
            )
            reader.start()
            instance.readers.append(reader)
        return instance

    def _read(self, revision: str, name: str, stream: IO[bytes], instance: Instance) -> None:
        service = service_of(revision)
        with contextlib.closing(stream):
            while line := stream.readline(LONGEST_LINE):
                text = line.decode(errors="replace").rstrip("\r\n")
                if text:
                    self._logs.write(
                        service.project, f"run.googleapis.com/{name}", {**resource(revision), **payload(text)}
                    )
        if name == "stderr" and not instance.stopping:
            status = instance.child.wait()
            self.say(revision, f"Container called exit({status}).", "ERROR" if status else "INFO")

    def say(self, revision: str, text: str, severity: str) -> None:
        """What Cloud Run itself has to say of a revision."""
        entry = {**resource(revision), "textPayload": text, "severity": severity}
        self._logs.write(service_of(revision).project, "run.googleapis.com/varlog/system", entry)


def _spawn(given: Given, cwd: Path) -> guard.Child:
    stdin = subprocess.DEVNULL if given.stdin is None else subprocess.PIPE
    try:
        child = guard.start(
            given.argv, cwd=cwd, env=given.env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise StartFailed(
            Failure.CONTAINER, f"The container's command could not be run: {error.strerror}: {error.filename}."
        ) from error
    if child.stdin is not None and given.stdin is not None:
        with contextlib.suppress(BrokenPipeError), child.stdin:  # it ended, and will be judged by that
            child.stdin.write(given.stdin)
    return child


def _await_probe(instance: Instance, probe: Probe) -> None:
    deadline = time.monotonic() + probe.seconds
    pause = probe.delay
    while True:
        status = instance.child.wait(pause)
        if status is not None:
            raise StartFailed(
                Failure.CONTAINER, f"{_failed(probe)} The process ended with {_ending(status)} before it did."
            )
        if probe.passes():
            return
        if time.monotonic() > deadline:
            raise StartFailed(Failure.CONTAINER, f"{_failed(probe)} It had {probe.seconds:g} seconds.")
        pause = 0.02


def _failed(probe: Probe) -> str:
    what = f"answer GET {probe.path} with success" if probe.path else "listen"
    return (
        f"The container did not start up: it has to {what} on the port in its environment variable PORT={probe.port}."
    )


def _ending(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {-status}"


def _outlived(instance: Instance, probe: Probe) -> bool:
    """Whether the process still runs after its liveness probe failed as often as it may."""
    failures, pause = 0, probe.delay or probe.period
    while failures < probe.threshold:
        if instance.child.wait(pause) is not None:
            return False
        failures = 0 if probe.passes() else failures + 1
        pause = probe.period
    return not instance.stopping


def _in_background(name: str, work: Callable[..., None], *args: Any) -> None:
    threading.Thread(target=work, args=args, daemon=True, name=name).start()


def _retire(instance: Instance) -> None:
    deadline = time.monotonic() + GRACE
    while instance.in_flight and time.monotonic() < deadline:
        if instance.child.wait(0.05) is not None:
            break
    instance.stopping = True
    instance.child.stop(GRACE)
