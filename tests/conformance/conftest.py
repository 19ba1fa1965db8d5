"""The target of the conformance suite: the emulator, or with `--live PROJECT` a real project (see `make live`)."""

import contextlib
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core import exceptions

from loop.emulator import attach

PORT_ECHO = """
import http.server, json, os, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"revision": os.environ["K_REVISION"], "service": os.environ["K_SERVICE"],
            "configuration": os.environ["K_CONFIGURATION"], "greeting": os.environ.get("GREETING", ""),
            "pid": os.getpid(), "path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): print("served", self.path, flush=True)
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Echo).serve_forever()
"""


@pytest.fixture(scope="session")
def state(tmp_path_factory) -> Path:
    """The emulator's state folder."""
    return tmp_path_factory.mktemp("conformance")


@pytest.fixture(scope="session")
def target(pytestconfig, state, targets):
    note = pytestconfig.pluginmanager.get_plugin("conformance-ledger").note
    live = pytestconfig.pluginmanager.get_plugin("conformance-live")
    if live is None:
        with attach(state, startup=4.0) as emulator:
            offered = targets.emulated(emulator.endpoints, "loop-conformance", "loop-conformance-source", note)
            yield offered
            offered.close()
        return
    project, region = pytestconfig.getoption("--live"), pytestconfig.getoption("--live-region")
    offered = targets.real(project, region, live.credentials, note)
    try:
        with contextlib.suppress(exceptions.Conflict):
            offered.storage.create_bucket(offered.bucket, location=offered.region)
        yield offered
    finally:
        live.left = offered.clean_up()
        offered.close()


@pytest.fixture(scope="session")
def echo_image(target) -> str:
    return target.image("echo", {"Procfile": "web: python main.py\n", "main.py": PORT_ECHO})


@pytest.fixture
def never() -> Iterator[str]:
    """A requirements.txt whose package index takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"--index-url http://127.0.0.1:{silent.getsockname()[1]}/\nsomething==1\n"


@pytest.fixture
def name() -> str:
    """A service's name that no other test and no other run uses."""
    return f"lc-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def service(target, echo_image, name):
    """A service whose only revision is `NAME-one`."""
    return target.wait(target.deploy(name, echo_image, revision=f"{name}-one"))
