"""Sign-up, sign-in, tokens. See the README of the example for the whole stack."""

import asyncio
import os

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import accounts
import settings
import tokens
from web import bearer, fields, say

USERS: dict[str, accounts.Account] = {}


async def health(_: Request) -> Response:
    return JSONResponse({"status": "ok", "service": "auth", "revision": os.environ.get("K_REVISION", "none")})


async def sign_up(request: Request) -> Response:
    name, password = await fields(request, "name", "password")
    account = await asyncio.to_thread(accounts.opened, name, password)
    if USERS.setdefault(name, account) is not account:
        raise HTTPException(409, "this name is taken")
    return JSONResponse({"name": name}, 201)


async def sign_in(request: Request) -> Response:
    name, password = await fields(request, "name", "password")
    if not await asyncio.to_thread(accounts.matches, USERS.get(name), password):
        raise HTTPException(401, "name or password is wrong")
    token = tokens.issued(name, audience=settings.API_AUDIENCE, seconds=settings.API_SECONDS)
    return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": settings.API_SECONDS})


async def ticket(request: Request) -> Response:
    claims = tokens.introspected(bearer(request))
    if not claims["active"] or claims["aud"] != settings.API_AUDIENCE:
        raise HTTPException(401, "the token is not valid")
    token = tokens.issued(claims["sub"], audience=settings.TICKET_AUDIENCE, seconds=settings.TICKET_SECONDS)
    return JSONResponse({"ticket": token, "expires_in": settings.TICKET_SECONDS})


async def introspect(request: Request) -> Response:
    (token,) = await fields(request, "token")
    return JSONResponse(tokens.introspected(token))


async def sign_out(request: Request) -> Response:
    tokens.revoke(bearer(request))
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/users", sign_up, methods=["POST"]),
        Route("/token", sign_in, methods=["POST"]),
        Route("/tickets", ticket, methods=["POST"]),
        Route("/introspect", introspect, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
    ],
    exception_handlers={HTTPException: say},
)
