"""Reading requests and refusing them. Each service is deployed from its own folder, so auth has a copy of its own."""

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

import settings
import tokens


def bearer(connection: HTTPConnection) -> str:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


async def user_of(request: Request) -> tokens.User:
    token = bearer(request)
    user = await tokens.api_user(token) if token else None
    if user is None:
        raise HTTPException(401, "a valid bearer token is required", headers={"www-authenticate": "Bearer"})
    return user


async def json_object(request: Request) -> dict[str, Any]:
    body, size = b"", 0
    async for (
        part
    ) in request.stream():  # to its end, also when it is too long: a client reads no answer while it writes
        size += len(part)
        body += part if size <= settings.LARGEST_BODY else b""
    if size > settings.LARGEST_BODY:
        raise HTTPException(413, f"a body may hold {settings.LARGEST_BODY} bytes")
    try:
        value = json.loads(body)
    except ValueError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise HTTPException(422, "the body must be an object")
    return value


async def text_field(request: Request, name: str) -> str:
    value = (await json_object(request)).get(name)
    if not isinstance(value, str) or not value.strip():
        raise HTTPException(422, f"'{name}' must be a text")
    return value


async def say(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


async def say_auth_is_away(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": f"auth does not answer: {error}"}, 503)
