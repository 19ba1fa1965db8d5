"""Reading requests. Each service is deployed from its own folder, so backend has its own copy of these few lines."""

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(401, "a bearer token is required")
    return token


async def fields(request: Request, *names: str) -> list[str]:
    """The named members of a JSON object, each of which must be a string that is not empty."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    values: list[Any] = [body.get(name) if isinstance(body, dict) else None for name in names]
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, str) or not value:
            raise HTTPException(422, f"'{name}' must be a text")
    return values


async def say(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)
