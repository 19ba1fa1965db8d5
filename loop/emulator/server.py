"""The emulator's process: composes its parts, counts its clients, leaves nothing running when the last one is gone."""

import asyncio
import fcntl
import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO

from loop.emulator.access import Policies
from loop.emulator.admin import Admin
from loop.emulator.attach import ENDPOINTS, Endpoints, told
from loop.emulator.builds import Builds
from loop.emulator.contract import Contract
from loop.emulator.desired import Revision, Service
from loop.emulator.faults import Faults
from loop.emulator.gcs import serve_storage
from loop.emulator.images import Images
from loop.emulator.instances import Instances
from loop.emulator.issuer import LIFETIME, Issuer
from loop.emulator.logs import Logs
from loop.emulator.operations import Operations
from loop.emulator.ports import Reservations, readdressed
from loop.emulator.quotas import Quotas
from loop.emulator.rest import Rest
from loop.emulator.retention import Retention
from loop.emulator.rollout import Rollouts
from loop.emulator.router import Router
from loop.emulator.secrets import FILE as SECRETS
from loop.emulator.secrets import Secrets
from loop.emulator.services import Services
from loop.emulator.store import Kind, Store
from loop.emulator.venvs import base_python
from loop.emulator.wire import server

FIRST_CLIENT = 10.0  # seconds; then nobody will come
CACHE = "LOOP_EMULATOR_CACHE"
LIFETIME_VARIABLE = "LOOP_EMULATOR_TOKEN_LIFETIME"
DEFAULT = Quotas()


def serve(
    state: Path,
    *,
    standalone: bool = False,
    attach_fd: int | None = None,
    cache: Path | None = None,
    startup: float = 10.0,
    quotas: Quotas = DEFAULT,
) -> int:
    """Serve until the last client is gone, or until SIGTERM or SIGINT."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    state = Path(state).absolute()
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with (state / "emulator.lock").open("w") as lock:
        if not _sole(lock):
            print(f"another emulator serves {state}", file=sys.stderr)
            return 1
        cache = cache or Path(os.environ.get(CACHE) or state / "venvs")
        emulator = _Emulator(state, cache.absolute(), startup, quotas)
        asyncio.run(emulator.run(standalone=standalone, attach_fd=attach_fd))
    return 0


def _sole(lock: IO[str]) -> bool:
    """One emulator per state: an earlier one may need a moment to end."""
    deadline = time.monotonic() + 5.0
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


class _Emulator:
    """Everything that lives as long as the process; built in the router's own thread."""

    def __init__(self, state: Path, cache: Path, startup: float, quotas: Quotas) -> None:
        self._state = state
        self._cache = cache
        self._startup = startup
        self._quotas = quotas
        self._clients = 0
        self._token = secrets.token_hex(16)

    async def run(self, *, standalone: bool, attach_fd: int | None) -> None:
        self._over = asyncio.Event()
        self._standalone = standalone
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._over.set)
        self._compose()
        endpoints, lease = await self._open()
        self._publish(endpoints, lease)
        if attach_fd is not None:
            starter = await asyncio.open_connection(sock=socket.socket(fileno=attach_fd))
            self._starter = asyncio.ensure_future(self._hold(endpoints, *starter))
        elif not standalone:
            loop.call_later(FIRST_CLIENT, self._stop_if_alone)
        if standalone:
            print(json.dumps(told(endpoints)), flush=True)
        await self._over.wait()
        self._close()
        os._exit(0)  # open calls and connections have nothing left to do, and must not delay the end

    def _compose(self) -> None:
        """Restore what lies on disk, then let the work go on that was under way."""
        self._store = Store(self._state / "resources.db")
        self._logs = Logs(self._state / "logs.db", self._quotas.log_reads_per_minute)
        buckets, self._storage = serve_storage(self._state / "storage")
        images = Images(self._state / "images")
        images.discard_unfinished()
        operations = Operations(self._store)
        ports = Reservations(self._store)
        secrets_there = Secrets(self._state / SECRETS)
        contract = Contract(secrets_there, state=self._state, path=_path(self._state / "toolchain"))
        self._instances = Instances(images, self._logs, contract, self._startup)
        store = self._store
        self._issuer = Issuer(self._state, float(os.environ.get(LIFETIME_VARIABLE) or LIFETIME))
        router = Router(
            self._logs,
            self._instances,
            lambda name: store.get(Kind.REVISION, name, Revision),
            self._issuer.refusal,
        )
        self._rollouts = Rollouts(store, operations, self._instances, router, ports)
        services = Services(store, operations, self._rollouts, Retention(store, self._quotas))
        policies = Policies(store, self._rollouts.reroute)
        builds = Builds(store, operations, self._logs, buckets, images, self._cache)
        sockets, moved = ports.restore()
        if moved:
            _readdress(store, moved)
        self._rollouts.restore()
        for key, listening in sockets.items():
            router.listen(key, listening)
        unfinished = operations.unfinished()
        offered = (services, policies, operations, builds, self._logs)
        methods = [method for each in offered for method in each.methods()]
        faults = Faults()
        paths = [method.path for method in methods]
        self._admin = Admin(self._rollouts.url, self._issuer.key_file, Rest(self._state), faults, paths)
        self._grpc, self._grpc_port = server(methods, faults.around)
        for operation in unfinished:
            (builds if operation.name.startswith("operations/build/") else services).go_on(operation)

    async def _open(self) -> tuple[Endpoints, int]:
        admin = await asyncio.start_server(self._admin.serve, "127.0.0.1", 0)
        endpoints = Endpoints(
            grpc=f"127.0.0.1:{self._grpc_port}",
            storage=f"http://127.0.0.1:{self._storage.server_port}",
            admin=f"http://127.0.0.1:{_port(admin)}",
            pid=os.getpid(),
        )

        self._admin.endpoints = told(endpoints)

        async def lease(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            said = await reader.readline()
            if secrets.compare_digest(said.strip(), self._token.encode()) and not self._over.is_set():
                await self._hold(endpoints, reader, writer)
            writer.close()

        return endpoints, _port(await asyncio.start_server(lease, "127.0.0.1", 0))

    def _publish(self, endpoints: Endpoints, lease: int) -> None:
        """Where the next client finds us, and the word by which it knows that it is us who answers there."""
        aside = self._state / f".{ENDPOINTS}"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({**asdict(endpoints), "lease": f"127.0.0.1:{lease}", "token": self._token}, file)
        os.replace(aside, self._state / ENDPOINTS)

    async def _hold(self, endpoints: Endpoints, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, for as long as its connection is open."""
        self._clients += 1
        try:
            writer.write(json.dumps(asdict(endpoints)).encode() + b"\n")
            while await reader.read(1024):
                pass
        except ConnectionError:
            pass  # that is how a killed client says good-bye
        finally:
            self._clients -= 1
            self._stop_if_alone()

    def _stop_if_alone(self) -> None:
        if self._clients == 0 and not self._standalone:
            self._over.set()

    def _close(self) -> None:
        watchdog = threading.Timer(1.0, os._exit, (1,))  # whatever hangs: nothing may be left running
        watchdog.daemon = True
        watchdog.start()
        (self._state / ENDPOINTS).unlink(missing_ok=True)
        stopping = threading.Thread(target=self._grpc.stop, args=(0,), daemon=True)
        stopping.start()
        self._instances.kill_all()
        stopping.join(0.3)
        self._logs.close()
        self._store.close()


def _port(serving: asyncio.Server) -> int:
    return int(serving.sockets[0].getsockname()[1])


def _path(toolchain: Path) -> str:
    """PATH of revisions: `python` is the base interpreter, not one that happens to hold loop's own packages."""
    toolchain.mkdir(exist_ok=True)
    for name in ("python", "python3"):
        link = toolchain / name
        link.unlink(missing_ok=True)
        link.symlink_to(base_python())
    return os.pathsep.join([str(toolchain), os.environ.get("PATH", os.defpath)])


def _readdress(store: Store, moved: dict[int, int]) -> None:
    """A port was busy and its service lives elsewhere now: whoever was told the old address is told the new one."""
    with store.change():
        for service in store.every(Kind.SERVICE, Service):
            for env in service.template.containers[0].env:
                env.value = readdressed(env.value, moved)
            service.uri = readdressed(service.uri, moved)
            service.urls[:] = [readdressed(url, moved) for url in service.urls]
            for status in service.traffic_statuses:
                status.uri = readdressed(status.uri, moved)
            store.put(Kind.SERVICE, service.name, service)
        for revision in store.every(Kind.REVISION, Revision):
            for env in revision.containers[0].env:
                env.value = readdressed(env.value, moved)
            store.put(Kind.REVISION, revision.name, revision)
