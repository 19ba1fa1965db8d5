"""The page and where it finds the other services; it calls neither of them itself."""

import html
import json
import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Agents</title></head>
<body data-config="{config}">
<h1>Agents</h1>
<form id="chat"><input name="input" autocomplete="off"><button>Send</button></form>
<ol id="messages"></ol>
</body>
</html>
"""


def config() -> dict[str, str]:
    backend = os.environ.get("BACKEND_URL", "")
    return {"auth": os.environ.get("AUTH_URL", ""), "backend": backend, "websocket": backend.replace("http", "ws", 1)}


async def health(_: Request) -> Response:
    return JSONResponse({"status": "ok", "service": "frontend", "revision": os.environ.get("K_REVISION", "none")})


async def page(_: Request) -> Response:
    return HTMLResponse(PAGE.format(config=html.escape(json.dumps(config()))))


async def api_config(_: Request) -> Response:
    return JSONResponse(config())


app = Starlette(routes=[Route("/", page), Route("/health", health), Route("/api/config", api_config)])
