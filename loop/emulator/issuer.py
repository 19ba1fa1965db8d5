"""Who may call a private service: the emulator's one account, the ID tokens that it is given, and their check.

The account's key lies in the state folder as a service-account key file whose `token_uri` is this process, so that
google-auth obtains tokens here as it does from Google. The key that signs the tokens is never written anywhere.
"""

import json
import os
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from loop.emulator.heads import Fields, Head

FILE = "account.json"
EMAIL = "loop@emulator.iam.gserviceaccount.com"
LIFETIME = 3600.0
"""Seconds; what Google gives an ID token."""
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
HEADERS = ("x-serverless-authorization", "authorization")
"""Where a token may stand; where both do, the first one counts."""
INVALID = 'Bearer error="invalid_token" error_description="The access token could not be verified"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The front's own answer to a caller that may not pass."""

    status: int
    text: str
    fields: Fields = ()


class Issuer:
    """Costs nothing until a token is asked for: keys are made then, and google-auth is imported then."""

    def __init__(self, folder: Path, lifetime: float = LIFETIME) -> None:
        self._path = folder / FILE
        self._lifetime = lifetime
        self._opening = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._signing = ""
        self._verifying: bytes = b""
        self._callers: bytes = b""

    def key_file(self) -> Path:
        """The account's key file, which is good as long as this process lives."""
        with self._opening:
            if self._server is None:
                account = self._private_key()
                self._signing = _new_key()
                self._callers, self._verifying = _public(account), _public(self._signing)
                self._server = self._listening()
                self._write(account)
        return self._path

    def refusal(self, head: Head, audiences: Collection[str]) -> Refusal | None:
        """None where the request carries a token of ours for one of the audiences that has not expired."""
        said = next((head.get(name) for name in HEADERS if head.get(name)), "")
        if not said:
            text = f"Forbidden: your client does not have permission to get {head.start[1]} from this server."
            return Refusal(status=403, text=text)
        kind, _, token = said.partition(" ")
        claims = _decoded(token.strip(), self._verifying) if kind.lower() == "bearer" and self._verifying else None
        if claims is None or claims.get("iss") != self._url or claims.get("aud") not in audiences:
            text = f"Unauthorized: your client does not have permission to the requested URL {head.start[1]}."
            return Refusal(status=401, text=text, fields=(("www-authenticate", INVALID),))
        return None

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}" if self._server else ""

    def _private_key(self) -> str:
        try:
            return str(json.loads(self._path.read_text())["private_key"])
        except (OSError, ValueError, KeyError):
            return _new_key()

    def _write(self, private_key: str) -> None:
        account = {
            "type": "service_account",
            "project_id": "emulator",
            "private_key_id": "emulator",
            "private_key": private_key,
            "client_email": EMAIL,
            "client_id": "0",
            "token_uri": f"{self._url}/token",
        }
        aside = self._path.with_suffix(".new")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(account, file)
        os.replace(aside, self._path)

    def _listening(self) -> ThreadingHTTPServer:
        issuer = self

        class Token(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
                status, answer = issuer._granted({key: values[-1] for key, values in form.items()})
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Token)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="tokens").start()
        return server

    def _granted(self, form: Mapping[str, str]) -> tuple[int, dict[str, object]]:
        """RFC 7523: an assertion that the account signed, for a token that we sign (`target_audience`, Google's)."""
        if form.get("grant_type") != GRANT:
            return 400, {"error": "unsupported_grant_type", "error_description": f"Only {GRANT} is emulated."}
        claims = _decoded(form.get("assertion", ""), self._callers)
        if claims is None or claims.get("iss") != EMAIL:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        audience = claims.get("target_audience")
        if not isinstance(audience, str) or not audience:
            return 400, {"error": "invalid_scope", "error_description": "Only ID tokens are emulated."}
        return 200, {"id_token": self._token(audience)}

    def _token(self, audience: str) -> str:
        from google.auth import crypt, jwt

        now = int(time.time())
        claims = {
            "iss": self._url,
            "aud": audience,
            "azp": EMAIL,
            "sub": "0",
            "email": EMAIL,
            "email_verified": True,
            "iat": now,
            "exp": int(now + self._lifetime),
        }
        signer = crypt.RSASigner.from_string(self._signing, "emulator")  # type: ignore[no-untyped-call]
        token: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
        return token.decode()


def without_signature(head: Head) -> Head:
    """As the container sees it: X-Serverless-Authorization is passed on without the token's signature."""
    fields = tuple((name, _unsigned(value) if name.lower() == HEADERS[0] else value) for name, value in head.fields)
    return Head(head.start, fields, head.size)


def _unsigned(value: str) -> str:
    signed, dot, _ = value.rpartition(".")
    return f"{signed}{dot}SIGNATURE_REMOVED_BY_GOOGLE" if dot else value


def _decoded(token: str, key: bytes) -> Mapping[str, Any] | None:
    """Its claims; None where the signature is not of that key, or its time is not now."""
    from google.auth import jwt
    from google.auth.exceptions import GoogleAuthError

    try:
        claims: Mapping[str, Any] = jwt.decode(token, certs=key)  # type: ignore[no-untyped-call]
    except (GoogleAuthError, ValueError):
        return None
    return claims


def _new_key() -> str:
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    return pem.decode()


def _public(private: str) -> bytes:
    from cryptography.hazmat.primitives import serialization as forms

    key = forms.load_pem_private_key(private.encode(), password=None)
    return key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
