"""The router's check of callers: tokens of the emulator's own issuer, obtained by google-auth as it is."""

import json
import os
import stat
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.auth import crypt, jwt
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account

from loop.emulator import attach

APP = """
import http.server, json, os
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({key.lower(): value for key, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def log_message(self, *args): ...
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""


@dataclass(frozen=True)
class Private:
    """An emulator with one private service that has a tag."""

    target: Any
    admin: str
    name: str
    url: str
    tagged: str

    @property
    def key_file(self) -> str:
        with urllib.request.urlopen(f"{self.admin}/account") as answer:
            return str(json.load(answer)["key_file"])

    def token(self, audience: str = "") -> str:
        key = service_account.IDTokenCredentials.from_service_account_file(
            self.key_file, target_audience=audience or self.url
        )
        key.refresh(Request())
        return str(key.token)

    def put(self, policy: Any) -> None:
        request = iam_policy_pb2.SetIamPolicyRequest(resource=self.target.service_name(self.name), policy=policy)
        self.target.services.set_iam_policy(request)


def ask(url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> tuple[int, Any]:
    """Status, and what the app saw or how it was refused."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {})) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("WWW-Authenticate")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory, connect: Any) -> Iterator[Private]:
    before = os.environ.get("LOOP_EMULATOR_TOKEN_LIFETIME")
    os.environ["LOOP_EMULATOR_TOKEN_LIFETIME"] = "5"
    try:
        emulator = attach(tmp_path_factory.mktemp("private"))
    finally:
        os.environ.pop("LOOP_EMULATOR_TOKEN_LIFETIME")
        if before is not None:
            os.environ["LOOP_EMULATOR_TOKEN_LIFETIME"] = before
    with emulator:
        target = connect(emulator.endpoints)
        image = target.image("app", {"Procfile": "web: python main.py\n", "main.py": APP})
        name = f"p{uuid.uuid4().hex[:8]}"
        made = target.wait(
            target.deploy(name, image, invoker_iam_disabled=False, traffic=[{"type_": 1, "percent": 100, "tag": "try"}])
        )
        here = Private(target, emulator.endpoints.admin, name, made.uri, made.traffic_statuses[0].uri)
        here.put(policy_pb2.Policy())
        yield here


def test_a_service_whose_policy_nobody_set_is_open(private: Private) -> None:
    found = private.target.services.get_iam_policy(
        iam_policy_pb2.GetIamPolicyRequest(resource=private.target.service_name(private.name))
    )
    assert not found.bindings, "the fixture set one"
    name = f"{private.name}x"
    image = private.target.services.get_service(name=private.target.service_name(private.name)).template.containers[0]
    made = private.target.wait(private.target.deploy(name, image.image, invoker_iam_disabled=False))
    assert ask(made.uri)[0] == 200


def test_no_token_is_403_and_a_token_for_the_service_passes(private: Private) -> None:
    assert ask(private.url) == (403, None)
    assert ask(private.url, bearer(private.token()))[0] == 200


def test_a_tag_is_as_private_as_its_service_and_takes_the_services_audience(private: Private) -> None:
    assert private.tagged != private.url
    assert ask(private.tagged)[0] == 403
    assert ask(private.tagged, bearer(private.token()))[0] == 200
    assert ask(private.tagged, bearer(private.token(private.tagged)))[0] == 401


@pytest.mark.parametrize("audience", ["https://another.example", "http://127.0.0.1:1"])
def test_a_token_for_another_audience_is_401_and_says_why(private: Private, audience: str) -> None:
    status, why = ask(private.url, bearer(private.token(audience)))
    assert status == 401
    assert 'error="invalid_token"' in why


def test_what_is_no_token_of_the_issuer_is_401(private: Private) -> None:
    token = private.token()
    head, claims, signature = token.split(".")
    other = crypt.RSASigner.from_service_account_file(private.key_file)
    forged = jwt.encode(other, jwt.decode(token, verify=False)).decode()
    for bad in ("x", f"{head}.{claims}.", f"{head}.{claims}.{signature[::-1]}", forged, f"e30.{claims}.{signature}"):
        assert ask(private.url, bearer(bad))[0] == 401, bad
    assert ask(private.url, {"Authorization": f"Basic {token}"})[0] == 401


def test_a_token_is_401_once_it_has_expired(private: Private) -> None:
    token = private.token()
    assert ask(private.url, bearer(token))[0] == 200
    until = time.monotonic() + 20
    while (status := ask(private.url, bearer(token))[0]) == 200 and time.monotonic() < until:
        time.sleep(0.1)
    assert status == 401
    assert ask(private.url, bearer(private.token()))[0] == 200


def test_the_serverless_header_counts_first_and_reaches_the_app_unsigned(private: Private) -> None:
    token = private.token()
    both = {"X-Serverless-Authorization": f"Bearer {token}", "Authorization": "Bearer the-apps-own"}
    status, seen = ask(private.url, both)
    assert status == 200
    assert seen["authorization"] == "Bearer the-apps-own"
    assert seen["x-serverless-authorization"].endswith(".SIGNATURE_REMOVED_BY_GOOGLE")
    assert ask(private.url, both | {"X-Serverless-Authorization": "Bearer x"} | bearer(token))[0] == 401


def test_a_refused_upload_meets_the_refusal_and_no_reset(private: Private) -> None:
    for size in (10, 3_000_000):
        assert ask(private.url, body=b"x" * size)[0] == 403
    assert ask(private.url, bearer(private.token()), body=b"x" * 3_000_000)[0] == 200


def test_a_custom_audience_is_taken_beside_the_services_own(private: Private) -> None:
    services, name = private.target.services, private.target.service_name(private.name)
    service = services.get_service(name=name)
    service.custom_audiences = ["https://acme.example"]
    private.target.wait(services.update_service(service=service, update_mask={"paths": ["custom_audiences"]}))
    assert ask(private.url, bearer(private.token("https://acme.example")))[0] == 200
    assert ask(private.url, bearer(private.token()))[0] == 200


def test_only_the_account_gets_tokens(private: Private) -> None:
    with open(private.key_file) as file:
        info = json.load(file)
    info["client_email"] = "someone@else"
    someone = service_account.IDTokenCredentials.from_service_account_info(info, target_audience=private.url)
    with pytest.raises(RefreshError, match="invalid_grant"):
        someone.refresh(Request())


def test_the_key_lies_where_only_its_owner_reads(private: Private) -> None:
    assert stat.S_IMODE(os.stat(private.key_file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(private.key_file)).st_mode) == 0o700


def test_a_policy_and_the_account_outlive_the_emulator(tmp_path: Any, connect: Any) -> None:
    def account(emulator: Any) -> str:
        with urllib.request.urlopen(f"{emulator.endpoints.admin}/account") as answer:
            key_file = json.load(answer)["key_file"]
        with open(key_file) as file:
            return str(json.load(file)["private_key"])

    with attach(tmp_path) as first:
        target = connect(first.endpoints)
        image = target.image("app", {"Procfile": "web: python main.py\n", "main.py": APP})
        made = target.wait(target.deploy("kept", image, invoker_iam_disabled=False))
        request = iam_policy_pb2.SetIamPolicyRequest(resource=made.name, policy=policy_pb2.Policy())
        target.services.set_iam_policy(request)
        key, pid = account(first), first.endpoints.pid
        os.kill(pid, 9)
    with attach(tmp_path) as second:
        assert ask(made.uri)[0] == 403
        assert account(second) == key
        target = connect(second.endpoints)
        target.wait(target.services.delete_service(name=made.name))
        target.wait(target.deploy("kept", image, invoker_iam_disabled=False))
        assert ask(made.uri)[0] == 200, "the policy went with the service"
