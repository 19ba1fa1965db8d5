"""Secrets of the file `secrets.yaml`: versions, `latest`, other projects, and that no value stands in a message."""

import json
import uuid

import pytest
from google.api_core import exceptions

from loop.emulator import attach

ENV = """
import http.server, json, os
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end": os._exit(0)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())
    def log_message(self, *args): ...
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), App).serve_forever()
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def target(state, connect):
    with attach(state) as emulator:
        yield connect(emulator.endpoints)


@pytest.fixture(scope="module")
def image(target):
    return target.image("env", {"Procfile": "web: python main.py", "main.py": ENV})


@pytest.fixture
def name():
    return f"s{uuid.uuid4().hex[:8]}"


def template(image, **secrets):
    env = []
    for variable, told in secrets.items():
        secret, _, version = told.rpartition(":")
        env.append({"name": variable, "value_source": {"secret_key_ref": {"secret": secret, "version": version}}})
    return {"containers": [{"image": image, "env": env}]}


def test_numbers_latest_and_other_projects_are_resolved(state, target, image, name):
    secrets = {"db": {1: "first", 2: "second", 10: "tenth"}, "projects/other/secrets/key": {"1": "theirs"}}
    (state / "secrets.yaml").write_text(json.dumps(secrets))
    asked = {
        "ONE": "db:1", "LATEST": "db:latest", "FULL": "projects/acme/secrets/db:2",
        "THEIRS": "projects/other/secrets/key:latest",
    }  # fmt: skip
    service = target.wait(target.deploy(name, image, template=template(image, **asked)))
    env = target.get(service.uri)
    assert [env[key] for key in asked] == ["first", "tenth", "second", "theirs"]
    read = target.revisions.get_revision(name=service.latest_ready_revision)
    assert "tenth" not in str(read)


def test_latest_is_resolved_when_a_process_starts(state, target, image, name):
    (state / "secrets.yaml").write_text("db: {1: old}\n")
    service = target.wait(target.deploy(name, image, template=template(image, DB="db:latest")))
    (state / "secrets.yaml").write_text("db: {1: old, 2: new}\n")
    assert target.get(service.uri)["DB"] == "old"
    assert target.status(f"{service.uri}/end") == 503
    assert target.until(lambda: target.status(service.uri) == 200 and target.get(service.uri)["DB"] == "new")


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("", r"env\[1\].*projects/acme/secrets/db/versions/3 was not found"),
        ("db: {1: hidden-value}", r"db/versions/3 was not found; .*/secrets\.yaml, as db: \{3: \"TEXT\"\}"),
        ("db: {3: 12345678}", "version 3 of db is not text"),
        ("db: hidden-value", "db is not a list of versions"),
        ("- db", "does not hold secrets by their names"),
        ("db: {3: 'hidden-value", "can not be read as YAML"),
    ],
)
def test_what_can_not_be_resolved_fails_the_revision_without_showing_a_value(state, target, image, name, file, says):
    (state / "secrets.yaml").write_text(file)
    wanted = template(image, DB="db:3")
    wanted["containers"][0]["env"].insert(0, {"name": "PLAIN", "value": "x"})
    with pytest.raises(exceptions.InternalServerError, match=says) as failed:
        target.wait(target.deploy(name, image, template=wanted))
    assert "hidden-value" not in str(failed.value)
    assert "12345678" not in str(failed.value)
    assert target.logged(name, "secrets")


def test_a_secret_without_a_version_is_refused(target, image, name):
    with pytest.raises(exceptions.InvalidArgument, match="names no version"):
        target.deploy(name, image, template=template(image, DB="db:"))
