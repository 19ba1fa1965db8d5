"""Secrets as files: at the very paths that the template names, seen by that process alone, where this can be done."""

import json
import uuid
from pathlib import Path

import pytest
from google.api_core import exceptions

from loop.emulator import attach, mounts

FILES = """
import http.server, json, os, pathlib, sys
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = {}
        for name in json.loads(os.environ["LOOK"]):
            for path in [pathlib.Path(name), *pathlib.Path(name).rglob("*")]:
                if path.is_file():
                    found[str(path)] = [path.read_text(), oct(path.stat().st_mode & 0o777)]
        self.send_response(200)
        self.end_headers()
        here = {"cwd": os.getcwd(), "uid": os.getuid(), "hosts": os.path.exists("/etc/hosts"), "in": sys.stdin.read()}
        self.wfile.write(json.dumps({"found": found, **here}).encode())
    def log_message(self, *args): ...
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), App).serve_forever()
"""
needs_mounts = pytest.mark.skipif(not mounts.offered(), reason="this machine lets no ordinary process mount")


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    state = tmp_path_factory.mktemp("volumes")
    secrets = {"db": {1: "first", 2: "second"}, "key": {1: "k-one\nwith two lines\n"}}
    (state / "secrets.yaml").write_text(json.dumps(secrets))
    return state


@pytest.fixture(scope="module")
def target(state, connect):
    with attach(state, startup=5.0) as emulator:
        yield connect(emulator.endpoints)


@pytest.fixture(scope="module")
def image(target):
    return target.image("files", {"Procfile": "web: python main.py", "main.py": FILES})


@pytest.fixture
def name():
    return f"v{uuid.uuid4().hex[:8]}"


def template(image, look=(), **volumes):
    """`volumes`: of each its mount path and its source."""
    return {
        "containers": [{
            "image": image, "env": [{"name": "LOOK", "value": json.dumps(list(look))}],
            "volume_mounts": [{"name": each, "mount_path": path} for each, (path, _) in volumes.items()],
        }],
        "volumes": [{"name": each, "secret": source} for each, (_, source) in volumes.items()],
    }  # fmt: skip


@needs_mounts
def test_files_are_where_the_template_says_and_nowhere_else(target, image, name):
    items = [{"path": "old/password", "version": "1"}, {"path": "password", "version": "latest", "mode": 0o600}]
    secrets = {
        "db": (f"/{name}/db", {"secret": "db", "items": items}),
        "key": ("/etc/loop-key", {"secret": "key", "default_mode": 0o640}),
    }
    wanted = template(image, [f"/{name}", "/etc/loop-key"], **secrets)
    said = target.get(target.wait(target.deploy(name, image, template=wanted)).uri)
    assert said["found"] == {
        f"/{name}/db/old/password": ["first", "0o444"],
        f"/{name}/db/password": ["second", "0o400"],
        "/etc/loop-key/key": ["k-one\nwith two lines\n", "0o440"],
    }
    assert said["hosts"]
    assert said["in"] == ""
    assert said["cwd"].endswith("/root")
    assert not Path(f"/{name}").exists()
    assert not Path("/etc/loop-key").exists()


@needs_mounts
def test_a_mount_hides_what_lies_there_and_leaves_what_lies_beside(target, image, name, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "hidden").write_text("hidden")
    (tmp_path / "beside").write_text("beside")
    wanted = template(image, [str(tmp_path)], key=(str(tmp_path / "mine"), {"secret": "key"}))
    said = target.get(target.wait(target.deploy(name, image, template=wanted)).uri)
    assert {Path(path).name for path in said["found"]} == {"key", "beside"}
    assert (tmp_path / "mine" / "hidden").read_text() == "hidden"


@needs_mounts
def test_a_version_that_is_not_there_fails_the_revision(target, image, name):
    wanted = template(image, key=("/keys", {"secret": "key", "items": [{"path": "key", "version": "7"}]}))
    with pytest.raises(exceptions.InternalServerError, match=r"volumes\[0\].*key/versions/7 was not found"):
        target.wait(target.deploy(name, image, template=wanted))


@needs_mounts
def test_a_program_that_is_not_there_is_said_as_without_a_mount(target, image, name):
    wanted = template(image, key=("/keys", {"secret": "key"}))
    wanted["containers"][0]["command"] = ["no-such-program"]
    with pytest.raises(exceptions.FailedPrecondition, match="exit status 127"):
        target.wait(target.deploy(name, image, template=wanted))
    assert target.logged(name, "no-such-program: No such file")


@pytest.mark.skipif(mounts.offered(), reason="this machine lets an ordinary process mount")
def test_where_the_machine_does_not_allow_it_the_template_is_refused_with_the_way_out(target, image, name):
    with pytest.raises(exceptions.MethodNotImplemented, match="as an environment variable"):
        target.deploy(name, image, template=template(image, key=("/keys", {"secret": "key"})))


@pytest.mark.parametrize(
    ("volumes", "error", "says"),
    [
        ({"key": ("keys", {"secret": "key"})}, exceptions.InvalidArgument, "absolute"),
        ({"key": ("/", {"secret": "key"})}, exceptions.InvalidArgument, "absolute"),
        ({"key": ("/proc/x", {"secret": "key"})}, exceptions.InvalidArgument, "nothing can be mounted"),
        ({"key": ("/k", {})}, exceptions.InvalidArgument, "names no secret"),
        ({"key": ("/k", {"secret": "k", "items": [{"path": "../x", "version": "1"}]})},
         exceptions.InvalidArgument, "not below"),
        ({"key": ("/k", {"secret": "k", "items": [{"path": "x"}]})}, exceptions.InvalidArgument, "path and a version"),
        ({"a": ("/k", {"secret": "k"}), "b": ("/k/l", {"secret": "k"})}, exceptions.InvalidArgument, "another mount"),
    ],
)  # fmt: skip
def test_what_can_not_be_mounted_is_refused(target, image, name, volumes, error, says):
    with pytest.raises(error, match=says):
        target.deploy(name, image, template=template(image, **volumes))


def test_a_mount_of_no_volume_is_refused(target, image, name):
    wanted = template(image, key=("/keys", {"secret": "key"})) | {"volumes": []}
    with pytest.raises(exceptions.InvalidArgument, match="no volume 'key'"):
        target.deploy(name, image, template=wanted)
