"""One emulator for all tests of this folder; every test has services of its own."""

import io
import itertools
import tarfile
import threading
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from loop.cloud import Built, Created, Endpoints, Order, Platform, connect
from loop.core import names
from loop.core.environment import Health, Identity, PlatformTarget, Proof, Service
from loop.emulator import attach

SERVER = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

print("starting as", os.environ["K_REVISION"], flush=True)
if os.environ.get("CRASH"):
    print("can not open the database", file=sys.stderr, flush=True)
    sys.exit(3)

if os.environ.get("SLOW"):
    time.sleep(1.5)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        broken = bool(os.environ.get("BROKEN"))
        body = json.dumps({"revision": os.environ["K_REVISION"], "mode": os.environ.get("MODE"), "path": self.path})
        self.send_response(500 if broken else int(os.environ.get("STATUS", "200")))
        self.send_header("X-Revision", os.environ.get("CLAIM") or os.environ["K_REVISION"])
        self.end_headers()
        self.wfile.write(b"the pool is empty" if broken else body.encode())
        print("answered", self.path, flush=True)

    def log_message(self, *_): ...

ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
TARGET = PlatformTarget(
    project="acme", region="us-central1", repository="us-docker.pkg.dev/acme/loop", bucket="acme-loop",
    endpoint="emulator", build_timeout=60.0,
)  # fmt: skip
UID = "abc234"
WAITING = threading.Event()


def wait(seconds: float) -> None:
    """As the engine's, never cancelled."""
    WAITING.wait(seconds)


def archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


@dataclass(frozen=True)
class Stage:
    """A platform and an image that starts SERVER, to deploy as any service."""

    platform: Platform
    folder: Path
    counter: itertools.count
    emulator: object
    """Its endpoints, for who looks past the platform or sets faults (docs/emulator.md)."""

    def service(self, **fields) -> Service:
        name = f"web{next(self.counter)}"
        health = Health(path="/health", within=5.0, identity=Identity(header="X-Revision"), proof=Proof.ANSWERED)
        return replace(Service(name=name, service=name, source=name, health=health), **fields)

    def archive(self, **files: str) -> tuple[Path, str]:
        """An archive (`server_py` is server.py) and a digest that nothing else has."""
        number = next(self.counter)
        named = {name.replace("_", "."): text for name, text in files.items()}
        return archive(
            self.folder / f"{number}.tar.gz", named | {"number": str(number)}
        ), f"sha256:{sha256(str(number).encode()).hexdigest()}"

    def build(self, service: Service, digest: str = "", **files: str) -> str:
        path, fresh = self.archive(**({"server_py": SERVER, "Procfile": "web: python3 server.py\n"} | files))
        source = self.platform.upload(path, digest or fresh)
        built = self.platform.await_build(self.platform.submit_build(service, digest or fresh, source), wait=wait)
        assert isinstance(built, Built), built
        return built.image

    def order(self, service: Service, k: int = 0, *, digest: str = "sha256:" + "d" * 64, **env: str) -> Order:
        labels = names.labels(UID, k, "c" * 40, digest)
        image = service.image or self.build(service)
        return Order(
            service=service, revision=names.revision_name(service.service, UID, k), image=image, env=env, labels=labels
        )

    def await_order(self, order: Order):
        operation = self.platform.request_revision(order, wait=wait)
        return self.platform.await_revision(operation, order.service, order.revision, wait=wait)

    def deploy(self, service: Service, k: int = 0, **env: str) -> Order:
        order = self.order(service, k, **env)
        created = self.await_order(order)
        assert isinstance(created, Created), created
        return order


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloud")
    with attach(folder / "state") as attachment:
        there = attachment.endpoints
        platform = connect(TARGET, Endpoints(grpc=there.grpc, storage=there.storage, admin=there.admin))
        yield Stage(platform, folder, itertools.count(), there)
        platform.close()


@pytest.fixture(scope="session")
def image(stage):
    """An image that starts SERVER."""
    return stage.build(stage.service())
