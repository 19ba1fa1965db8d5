"""Credentials as google-auth knows them, against sign-in servers on loopback: who we are, and what a refusal says.

Google's own address of impersonation is reached through a proxy, as it is on machines that have one.
"""

import datetime
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

from loop import errors
from loop.cloud.credentials import Credentials
from loop.core.environment import PlatformTarget

CALLER, OTHER = "caller@acme.iam.gserviceaccount.com", "deployer@acme.iam.gserviceaccount.com"
AUDIENCE = "https://web-1.europe-west1.run.app"
IAM = "iamcredentials.googleapis.com"
PEM = serialization.Encoding.PEM


def target(**fields):
    return PlatformTarget(project="acme", region="europe-west1", repository="r", bucket="b", **fields)


@pytest.fixture(scope="session")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class SignIn:
    """Answers like oauth2.googleapis.com and like IAM's credentials API, for a life of so many seconds."""

    def __init__(self, key):
        self.signer = crypt.RSASigner.from_string(private_pem(key))
        self.life, self.refused, self.asked = 3600, {}, []
        sign_in = self

        class Requests(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = sign_in.answer(self.path, body)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_): ...

        self.handler = Requests

    def answer(self, path, body):
        name = path.rpartition(":")[2] if ":" in path else "token"
        self.asked.append(name)
        if name in self.refused:
            return self.refused[name]
        if name == "generateAccessToken":
            end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.life)
            return 200, {"accessToken": "theirs", "expireTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if name == "generateIdToken":
            return 200, {"token": self.token(json.loads(body)["audience"], OTHER)}
        claims = jwt.decode(parse_qs(body)["assertion"][0], verify=False)
        if "target_audience" in claims:
            return 200, {"id_token": self.token(claims["target_audience"], claims["iss"])}
        return 200, {"access_token": "ours", "expires_in": self.life, "token_type": "Bearer"}

    def token(self, audience, email):
        claims = {"aud": audience, "email": email, "iat": int(time.time()), "exp": int(time.time()) + self.life}
        return jwt.encode(self.signer, claims).decode()


@contextmanager
def served(server) -> Iterator[int]:
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def sign_in(key, tmp_path, monkeypatch):
    """The key file of a service account is what the environment offers."""
    made = SignIn(key)
    with served(ThreadingHTTPServer(("127.0.0.1", 0), made.handler)) as port:
        offer(tmp_path, monkeypatch, key, port)
        yield made


def offer(folder, monkeypatch, key, port):
    account = {
        "type": "service_account", "client_email": CALLER, "private_key": private_pem(key), "private_key_id": "k",
        "token_uri": f"http://127.0.0.1:{port}/token", "client_id": "1", "project_id": "acme",
    }  # fmt: skip
    (folder / "key.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "key.json"))


def claims(token):
    return jwt.decode(token, verify=False)


def test_a_key_file_gives_a_token_for_the_audience_and_it_is_kept_while_it_is_good(sign_in):
    ours = Credentials(target())
    token = ours.token(AUDIENCE)
    assert (claims(token)["aud"], claims(token)["email"]) == (AUDIENCE, CALLER)
    assert ours.token(AUDIENCE) == token
    assert claims(ours.token("https://another"))["aud"] == "https://another"
    assert sign_in.asked == ["token", "token"]


def test_a_token_that_would_soon_expire_is_made_anew(sign_in):
    sign_in.life = 60
    ours = Credentials(target())
    ours.token(AUDIENCE)
    ours.token(AUDIENCE)
    assert len(sign_in.asked) == 2


def test_credentials_that_are_refused_are_said_so_at_once_with_the_command_that_mends_it(sign_in):
    sign_in.refused["token"] = 400, {"error": "invalid_grant", "error_description": "Token has been revoked."}
    waits = []
    for attempt in (lambda o: o.token(AUDIENCE, waits.append), lambda o: o.for_calls(waits.append)):
        with pytest.raises(errors.AccessDenied, match="revoked") as raised:
            attempt(Credentials(target()))
        assert "gcloud auth application-default login" in raised.value.hint
        assert raised.value.where.endswith("key.json")
    assert waits == []


def test_a_sign_in_that_can_not_be_reached_is_tried_again(key, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    offer(tmp_path, monkeypatch, key, port)
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            raise errors.Cancelled

    with pytest.raises(errors.Cancelled):
        Credentials(target()).token(AUDIENCE, wait)


def test_without_credentials_the_command_that_makes_them_is_named(monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with pytest.raises(errors.AccessDenied, match="there are no Google credentials here") as raised:
        Credentials(target()).for_calls()
    assert raised.value.hint == "gcloud auth application-default login"
    assert raised.value.where == "/nowhere/key.json"


def test_a_persons_credentials_make_no_token_and_impersonation_is_named(tmp_path, monkeypatch):
    person = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    (tmp_path / "adc.json").write_text(json.dumps(person))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    with pytest.raises(errors.AccessDenied, match="can not make the ID token") as raised:
        Credentials(target()).token(AUDIENCE)
    assert "impersonate: SERVICE_ACCOUNT" in raised.value.hint


# impersonation: the credentials API of IAM behind a proxy


class Tunnel(BaseHTTPRequestHandler):
    """CONNECT to any host leads to the one server."""

    port = 0

    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.port)) as there:
            pair = [self.connection, there]
            while readable := select.select(pair, [], [], 10)[0]:
                for one in readable:
                    data = one.recv(65_536)
                    if not data:
                        return
                    pair[1 - pair.index(one)].sendall(data)

    def log_message(self, *_): ...


def certificate(key, folder):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, IAM)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(IAM)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    both, alone = folder / "both.pem", folder / "certificate.pem"
    alone.write_bytes(made.public_bytes(PEM))
    both.write_bytes(private_pem(key).encode() + made.public_bytes(PEM))
    return both, alone


@pytest.fixture
def iam(sign_in, key, tmp_path, monkeypatch):
    both, alone = certificate(key, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    server = ThreadingHTTPServer(("127.0.0.1", 0), sign_in.handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with served(server) as port:
        tunnel = type("There", (Tunnel,), {"port": port})
        with served(ThreadingHTTPServer(("127.0.0.1", 0), tunnel)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy}")
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy}")
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(alone))
            yield sign_in


def test_acting_as_another_account_calls_and_signs_as_that_account(iam):
    theirs = Credentials(target(impersonate=OTHER))
    assert theirs.for_calls().token == "theirs"
    assert (claims(theirs.token(AUDIENCE))["email"], claims(theirs.token(AUDIENCE))["aud"]) == (OTHER, AUDIENCE)
    assert {"token", "generateAccessToken", "generateIdToken"} == set(iam.asked)


def test_who_may_not_act_as_the_account_is_told_the_role(iam):
    iam.refused["generateAccessToken"] = 403, {"error": {"message": "iam.serviceAccounts.getAccessToken denied"}}
    with pytest.raises(errors.AccessDenied, match=f"acting as {OTHER} is refused") as raised:
        Credentials(target(impersonate=OTHER)).for_calls()
    assert "roles/iam.serviceAccountTokenCreator" in raised.value.hint
    assert raised.value.where == OTHER


def test_an_emulators_account_is_not_replaced(iam, tmp_path):
    ours = Credentials(target(endpoint="emulator", impersonate=OTHER), lambda: str(tmp_path / "key.json"))
    assert claims(ours.token(AUDIENCE))["email"] == CALLER
