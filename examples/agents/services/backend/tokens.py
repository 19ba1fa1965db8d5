"""Who is asking. Auth alone holds the signing key, so each token is shown to its `/introspect`."""

import asyncio
import json
import logging
import os
import urllib.request
from dataclasses import dataclass
from typing import Any

import settings

LOG = logging.getLogger("uvicorn.error")
# Services call each other directly, whatever proxy the machine's environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AuthUnavailable(Exception):
    """Nobody can be let in or turned away while auth does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    name: str
    provider: str


async def api_user(token: str) -> User | None:
    return await vouched(token, issuer=settings.API_ISSUER, audience=settings.API_AUDIENCE)


async def ticket_user(ticket: str) -> User | None:
    return await vouched(ticket, issuer=settings.TICKET_ISSUER, audience=settings.TICKET_AUDIENCE)


async def vouched(token: str, *, issuer: str, audience: str) -> User | None:
    claims = await asyncio.to_thread(introspected, token)
    if not claims["active"]:
        return None
    if (claims["iss"], claims["aud"]) != (issuer, audience):
        LOG.warning("a token by %s for %s came where %s for %s is due", claims["iss"], claims["aud"], issuer, audience)
        return None
    return User(name=claims["sub"], provider=claims["idp"])


def introspected(token: str) -> dict[str, Any]:
    request = urllib.request.Request(
        os.environ["AUTH_URL"].rstrip("/") + "/introspect",
        data=json.dumps({"token": token}).encode(),
        headers={"content-type": "application/json", "user-agent": "agents-backend"},
    )
    try:
        with DIRECT.open(request, timeout=20) as answer:
            claims: dict[str, Any] = json.load(answer)
    except OSError as error:  # urllib's own errors are its children
        raise AuthUnavailable(str(error)) from error
    return claims
