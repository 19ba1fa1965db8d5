"""The WebSocket side. A handshake is refused with a plain HTTP answer, so that a client can say why."""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

import settings
import tokens
from agents import AGENTS, BadInput
from web import bearer

LOG = logging.getLogger("uvicorn.error")
SUBSCRIBERS: defaultdict[str, set[asyncio.Queue[dict[str, Any]]]] = defaultdict(set)


def publish(user: str, event: dict[str, Any]) -> None:
    for queue in SUBSCRIBERS[user]:
        queue.put_nowait(event)


async def refuse(websocket: WebSocket, status: int, detail: str) -> None:
    LOG.warning("%s: handshake refused with HTTP %d: %s", websocket.url.path, status, detail)
    await websocket.send_denial_response(JSONResponse({"detail": detail}, status))


async def asking(
    websocket: WebSocket, token: str, check: Callable[[str], Awaitable[tokens.User | None]]
) -> tokens.User | None:
    """The user, or None when the handshake has been refused here."""
    try:
        user = await check(token) if token else None
    except tokens.AuthUnavailable as error:
        await refuse(websocket, 503, f"auth does not answer: {error}")
        return None
    if user is None:
        await refuse(websocket, 401, "a valid token is required")
    return user


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


async def account(websocket: WebSocket) -> None:
    """People's own accounts: a password at auth is not enough here, the OAuth provider must have signed them in."""
    user = await asking(websocket, bearer(websocket), tokens.api_user)
    if user is None:
        return
    if user.provider != settings.OAUTH_PROVIDER:
        await refuse(websocket, 403, "only a token of the OAuth provider opens an account")
        return
    await websocket.accept()
    await websocket.send_json({"user": user.name, "revision": os.environ.get("K_REVISION", "none")})
    await websocket.close()


async def chat(websocket: WebSocket) -> None:
    """A page can not set headers on a WebSocket, so it offers its ticket as a subprotocol: agents.v1, ticket.<jwt>."""
    offered: list[str] = websocket.scope["subprotocols"]
    ticket = next((name.removeprefix("ticket.") for name in offered if name.startswith("ticket.")), "")
    user = await asking(websocket, ticket, tokens.ticket_user)
    if user is None:
        return
    await websocket.accept()
    try:
        while True:
            await websocket.send_json(answered(await websocket.receive_json(), user))
    except WebSocketDisconnect:
        return


def answered(question: dict[str, Any], user: tokens.User) -> dict[str, Any]:
    agent = AGENTS.get(str(question.get("agent")))
    if agent is None:
        return {"error": "no such agent"}
    try:
        return {"user": user.name, "agent": agent.name, "output": agent.answer(str(question.get("input", "")))}
    except BadInput as error:
        return {"error": str(error)}


async def events(websocket: WebSocket) -> None:
    user = await asking(websocket, bearer(websocket), tokens.api_user)
    if user is None:
        return
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    SUBSCRIBERS[user.name].add(queue)
    try:
        await websocket.accept()
        await deliver(websocket, queue)
    finally:
        SUBSCRIBERS[user.name].discard(queue)


async def deliver(websocket: WebSocket, queue: asyncio.Queue[dict[str, Any]]) -> None:
    """Ends when the client goes: what it says is not listened to, only that it is there."""
    gone = asyncio.create_task(websocket.receive())
    while True:
        event = asyncio.create_task(queue.get())
        await asyncio.wait({gone, event}, return_when=asyncio.FIRST_COMPLETED)
        if not event.done():
            event.cancel()
            return
        await websocket.send_json(event.result())


ROUTES = [
    WebSocketRoute("/ws/echo", echo),
    WebSocketRoute("/ws/account", account),
    WebSocketRoute("/ws/chat", chat),
    WebSocketRoute("/ws/events", events),
]
