"""The client's side of the emulator's life: find the one that runs or start it, and keep it alive while we live.

Standard library only, so that a command pays nothing for it. The emulator serves as long as one client's connection is
open; the kernel closes it when the client dies, however it dies. The starter is client number one through a socket
that the new process inherits, so there is no moment in which the emulator has no client.
"""

import contextlib
import fcntl
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from loop.errors import PlatformError

ENDPOINTS = "endpoints.json"
LOG = "emulator.log"
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    grpc: str
    """`127.0.0.1:4711`"""
    storage: str
    """`http://127.0.0.1:4712`"""
    admin: str
    """`http://127.0.0.1:4713`: `GET /urls?project=&region=&service=[&tag=]` answers `{"url": ...}`."""
    pid: int


def told(endpoints: Endpoints) -> dict[str, str]:
    """What a client needs; `loop emulator` prints it, and the admin port answers it."""
    return {"grpc": endpoints.grpc, "storage": endpoints.storage, "admin": endpoints.admin}


def serving_at(admin: str) -> dict[str, str]:
    """The endpoints of an emulator that somebody else keeps, by the `host:port` of its admin port."""
    hint = "start it with loop emulator, and name the address that it prints as admin"
    connection = http.client.HTTPConnection(admin, timeout=10)
    try:
        connection.request("GET", "/endpoints")
        answer = connection.getresponse()
        found = json.loads(answer.read()) if answer.status == http.client.OK else {}
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PlatformError(
            f"no emulator answers there: {error}", where=f"platform.endpoint {admin}", hint=hint
        ) from error
    finally:
        connection.close()
    if not isinstance(found, dict) or not {"grpc", "storage", "admin"} <= found.keys():
        raise PlatformError("that is no emulator's admin port", where=f"platform.endpoint {admin}", hint=hint)
    return {name: str(found[name]) for name in ("grpc", "storage", "admin")}


class Attachment:
    """A client's hold on the emulator: it lives at least until `close`, or until this process is gone."""

    def __init__(self, endpoints: Endpoints, connection: socket.socket) -> None:
        self.endpoints = endpoints
        self._connection = connection

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> "Attachment":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def attach(
    state: Path, *, cache: Path | None = None, startup: float | None = None, quotas: Mapping[str, int] | None = None
) -> Attachment:
    """Join the emulator that serves `state`, or start one; the options count only where it is started.

    `quotas` by their names in docs/emulator.md, as `{"tags-per-region": 3}`.
    """
    state = Path(state).absolute()
    state.mkdir(parents=True, exist_ok=True)
    with _locked(state / "attach.lock"):
        return _join(state) or _start(state, _options(cache, startup, quotas or {}))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _join(state: Path) -> Attachment | None:
    try:
        written = json.loads((state / ENDPOINTS).read_text())
        host, _, port = written["lease"].rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=2.0)
    except (OSError, ValueError, KeyError):
        return None
    try:
        connection.sendall(written["token"].encode() + b"\n")
        return Attachment(_endpoints(_read_line(connection)), connection)
    except (OSError, ValueError):
        connection.close()  # another program's port by now, or an emulator that is going away
        return None


def _options(cache: Path | None, startup: float | None, quotas: Mapping[str, int]) -> list[str]:
    options = ["--cache", str(cache)] if cache else []
    options += ["--startup", str(startup)] if startup is not None else []
    return options + [f"--quota={name}={number}" for name, number in quotas.items()]


def _start(state: Path, options: list[str]) -> Attachment:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-P", "-m", "loop.emulator", "--state", str(state), "--attach-fd", str(theirs.fileno())]
    command += options
    with theirs, (state / LOG).open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=state, env=_environment(),
            pass_fds=(theirs.fileno(),), start_new_session=True,
        )  # fmt: skip
    # It may outlive us; while we live somebody must reap it, or its pid would look alive.
    threading.Thread(target=process.wait, daemon=True, name="emulator-reaper").start()
    try:
        ours.settimeout(START_SECONDS)
        return Attachment(_endpoints(_read_line(ours)), ours)
    except (OSError, ValueError):
        ours.close()
        raise PlatformError(
            f"the emulator did not start: {_tail(state / LOG, begin)}",
            where=str(state),
            hint=f"read {state / LOG}, or serve it by hand: loop emulator",
        ) from None


def _environment() -> dict[str, str]:
    # The package must be importable from the state folder too, where this one was found through the working folder.
    root = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH")
    return os.environ | {
        "PYTHONPATH": f"{root}{os.pathsep}{path}" if path else root,
        "GRPC_ENABLE_FORK_SUPPORT": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _read_line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = connection.recv(4096)
        if not part:
            raise ConnectionError("the emulator closed the connection")
        line += part
    connection.settimeout(None)
    return line


def _endpoints(line: bytes) -> Endpoints:
    told: dict[str, Any] = json.loads(line)
    return Endpoints(**{field.name: told[field.name] for field in fields(Endpoints)})


def _tail(log: Path, begin: int) -> str:
    with log.open("rb") as written:
        written.seek(begin)
        lines = written.read().decode(errors="replace").strip().splitlines()
    return " | ".join(line.strip() for line in lines[-3:]) or "it said nothing"


def as_json(endpoints: Endpoints) -> str:
    return json.dumps(asdict(endpoints))
