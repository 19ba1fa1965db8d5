"""Signs tokens and says what a token is worth. The key never leaves this service: backend asks `/introspect`."""

import hashlib
import os
import secrets
import time
from typing import Any

import jwt

import settings


def signing_key() -> bytes:
    """From JWT_SECRET; without one, a key of this process, so that only one instance may run."""
    given = os.environ.get("JWT_SECRET", "")
    return hashlib.sha256(given.encode()).digest() if given else secrets.token_bytes(32)


KEY = signing_key()
REVOKED: set[str] = set()


def issued(name: str, *, audience: str, seconds: int) -> str:
    now = int(time.time())
    claims = {"iss": settings.ISSUER, "aud": audience, "sub": name, "iat": now, "exp": now + seconds}
    return jwt.encode(claims | {"jti": secrets.token_hex(8), "idp": "password"}, KEY, algorithm="HS256")


def introspected(token: str) -> dict[str, Any]:
    """The answer of RFC 7662. Audience and issuer are the asking service's to compare."""
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"], options={"verify_aud": False})
    except jwt.InvalidTokenError:
        return {"active": False}
    return {"active": False} if claims["jti"] in REVOKED else {"active": True, **claims}


def revoke(token: str) -> None:
    claims = introspected(token)
    if claims["active"]:
        REVOKED.add(claims["jti"])
