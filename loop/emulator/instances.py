"""The processes of revisions: started with Cloud Run's container contract, probed, logged, restarted when asked for.

A process is started here and nowhere else. What a revision is and who may reach it is decided elsewhere.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from loop import guard
from loop.emulator.images import Images, ImageUnknown
from loop.emulator.logs import Logs
from loop.emulator.names import ServiceName, service_of, short_name
from loop.emulator.ports import free_port

GRACE = 10.0  # seconds between SIGTERM and SIGKILL: the container contract's
LONGEST_LINE = 256 * 1024  # bytes of one log entry: Logging's quota page
PORT_ATTEMPTS = 3


class Failure(StrEnum):
    IMAGE = "image"
    SECRETS = "secrets"
    CONTAINER = "container"


class StartFailed(Exception):
    """A revision does not start; the message says why, for its condition."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.message = message


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

    def __init__(self, images: Images, logs: Logs, home: Path, path: str, startup: float) -> None:
        self._images = images
        self._logs = logs
        self._home = home
        self._path = path
        self._startup = startup
        self._lock = threading.Lock()
        self._starting: dict[str, threading.Lock] = {}
        self._running: dict[str, Instance] = {}
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
            return instance

    def stop(self, name: str) -> None:
        """In the background, after its open requests (for as long as the contract grants)."""
        instance = self._running.pop(name, None)
        if instance is not None:
            threading.Thread(target=_retire, args=(instance,), daemon=True, name=f"stop {name}").start()

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
                _await_probe(instance, _probe(revision, port, self._startup))
            except StartFailed:
                instance.stopping = True
                lost_the_port = instance.child.poll() is not None and _answers(port)
                instance.child.kill()
                for reader in instance.readers:
                    reader.join(1.0)  # the lines that say why must be readable when the condition is
                if lost_the_port and attempt + 1 < PORT_ATTEMPTS:
                    continue  # another program took the port between our look and its bind
                raise
            return instance
        raise AssertionError("unreachable")

    def _launch(self, revision: Any, port: int) -> Instance:
        if self._closed:
            raise StartFailed(Failure.CONTAINER, "The emulator is stopping.")
        container = revision.containers[0]
        try:
            image = self._images.find(container.image)
        except ImageUnknown as unknown:
            raise StartFailed(Failure.IMAGE, str(unknown)) from unknown
        child = self._spawn(_argv(container, image.command), image.root, self._environment(revision, port, image.venv))
        instance = Instance(child, port)
        for stream, name in ((child.stdout, "stdout"), (child.stderr, "stderr")):
            reader = threading.Thread(
                target=self._read, args=(revision.name, name, stream, instance), daemon=True, name=f"log {name}"
            )
            reader.start()
            instance.readers.append(reader)
        return instance

    def _spawn(self, argv: list[str], cwd: Path, env: Mapping[str, str]) -> guard.Child:
        try:
            return guard.start(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as error:
            raise StartFailed(
                Failure.CONTAINER, f"The container's command could not be run: {error.strerror}: {error.filename}."
            ) from error

    def _environment(self, revision: Any, port: int, venv: str) -> dict[str, str]:
        service = service_of(revision.name)
        for each in revision.containers[0].env:
            if each.HasField("value_source"):
                secret = each.value_source.secret_key_ref.secret
                raise StartFailed(
                    Failure.SECRETS, f"Secret {secret} of {each.name} was not found: there are none here."
                )
        bin_of_venv = [str(Path(venv) / "bin")] if venv else []
        return {
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PATH": os.pathsep.join([*bin_of_venv, self._path]),
            **{each.name: each.value for each in revision.containers[0].env},
            "PORT": str(port),
            "K_SERVICE": service.service,
            "K_REVISION": short_name(revision.name),
            "K_CONFIGURATION": service.service,
        }

    def _read(self, revision: str, name: str, stream: IO[bytes], instance: Instance) -> None:
        service = service_of(revision)
        with contextlib.closing(stream):
            while line := stream.readline(LONGEST_LINE):
                text = line.decode(errors="replace").rstrip("\r\n")
                if text:
                    self._logs.write(
                        service.project, f"run.googleapis.com/{name}", {**resource(revision), **_payload(text)}
                    )
        if name == "stderr" and not instance.stopping:
            status = instance.child.wait()
            self.say(revision, f"Container called exit({status}).", "ERROR" if status else "INFO")

    def say(self, revision: str, text: str, severity: str) -> None:
        """What Cloud Run itself has to say of a revision."""
        entry = {**resource(revision), "textPayload": text, "severity": severity}
        self._logs.write(service_of(revision).project, "run.googleapis.com/varlog/system", entry)


def resource(revision: str) -> dict[str, Any]:
    service = service_of(revision)
    return {"resource": {"type": "cloud_run_revision", "labels": labels(service, short_name(revision))}}


def labels(service: ServiceName, revision: str) -> dict[str, str]:
    return {
        "service_name": service.service,
        "revision_name": revision,
        "configuration_name": service.service,
        "location": service.region,
        "project_id": service.project,
    }


@dataclass(frozen=True, slots=True)
class Probe:
    seconds: float
    delay: float
    port: int
    path: str
    """Empty for a TCP probe."""


def _probe(revision: Any, port: int, startup: float) -> Probe:
    probe = revision.containers[0].startup_probe
    path = probe.http_get.path or "/" if probe.HasField("http_get") else ""
    if is_default(probe):
        return Probe(startup, 0.0, port, path)
    seconds = probe.initial_delay_seconds + (probe.failure_threshold or 3) * (probe.period_seconds or 10)
    return Probe(float(seconds), float(probe.initial_delay_seconds), port, path)


def is_default(probe: Any) -> bool:
    """What Cloud Run fills in by itself: TCP, one attempt of 240 s."""
    return not probe.ByteSize() or (probe.HasField("tcp_socket") and probe.period_seconds == 240)


def _await_probe(instance: Instance, probe: Probe) -> None:
    deadline = time.monotonic() + probe.seconds
    pause = probe.delay
    while True:
        status = instance.child.wait(pause)
        if status is not None:
            raise StartFailed(
                Failure.CONTAINER, f"{_failed(probe)} The process ended with {_ending(status)} before it did."
            )
        if _passes(probe):
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


def _passes(probe: Probe) -> bool:
    if not probe.path:
        return _answers(probe.port)
    connection = http.client.HTTPConnection("127.0.0.1", probe.port, timeout=1.0)
    try:
        connection.request("GET", probe.path)
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


def _retire(instance: Instance) -> None:
    deadline = time.monotonic() + GRACE
    while instance.in_flight and time.monotonic() < deadline:
        if instance.child.wait(0.05) is not None:
            break
    instance.stopping = True
    instance.child.stop(GRACE)


def _argv(container: Any, command: str) -> list[str]:
    """`command` and `args` of the container stand for ENTRYPOINT and CMD (Container's proto comments)."""
    if container.command:
        return [*container.command, *container.args]
    if container.args:
        return ["sh", "-c", f'{command} "$@"', "sh", *container.args]
    return ["sh", "-c", command]


def _payload(line: str) -> dict[str, Any]:
    """A line that is a JSON object becomes jsonPayload; some of its keys move up (Run's page on structured logs)."""
    if not line.startswith("{"):
        return {"textPayload": line}
    try:
        payload = json.loads(line)
    except ValueError:
        return {"textPayload": line}
    raised: dict[str, Any] = {}
    severity = payload.pop("severity", None)
    if isinstance(severity, str):
        raised["severity"] = severity.upper()
    trace = payload.pop("logging.googleapis.com/trace", None)
    if isinstance(trace, str):
        raised["trace"] = trace
    if set(payload) == {"message"} and isinstance(payload["message"], str):
        return {**raised, "textPayload": payload["message"]}
    return {**raised, "jsonPayload": payload}
