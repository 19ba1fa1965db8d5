"""Agents, threads and messages over HTTP; the WebSocket side is in channels.py."""

import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import quota
from agents import AGENTS, Agent, BadInput
from channels import ROUTES, publish
from store import STORE
from tokens import AuthUnavailable, User
from web import json_object, say, say_auth_is_away, text_field, user_of


async def health(_: Request) -> Response:
    revision = os.environ.get("K_REVISION", "none")
    return JSONResponse(
        {"status": "ok", "service": "backend", "revision": revision, "database": "ok" if STORE.alive() else "down"}
    )


def agent_of(request: Request) -> Agent:
    agent = AGENTS.get(request.path_params["agent"])
    if agent is None:
        raise HTTPException(404, "no such agent")
    return agent


async def list_agents(request: Request) -> Response:
    await user_of(request)
    return JSONResponse([{"name": agent.name, "description": agent.description} for agent in AGENTS.values()])


async def show_agent(request: Request) -> Response:
    user, agent = await user_of(request), agent_of(request)
    chosen = {"tone": "plain"} | STORE.settings(user.name, agent.name)
    return JSONResponse({"name": agent.name, "description": agent.description, "settings": chosen})


async def configure_agent(request: Request) -> Response:
    user, agent = await user_of(request), agent_of(request)
    STORE.keep_settings(user.name, agent.name, await json_object(request))
    return await show_agent(request)


async def answer_of(request: Request) -> tuple[Agent, str]:
    user, agent = await user_of(request), agent_of(request)
    text = await text_field(request, "input")
    wait = quota.seconds_to_wait(user.name)
    if wait:
        raise HTTPException(429, "too many executions", headers={"retry-after": str(wait)})
    try:
        return agent, agent.answer(text)
    except BadInput as error:
        raise HTTPException(422, str(error)) from error


async def execute_agent(request: Request) -> Response:
    began = time.perf_counter()
    agent, output = await answer_of(request)
    spent = round((time.perf_counter() - began) * 1000, 3)
    return JSONResponse({"agent": agent.name, "output": output, "milliseconds": spent})


async def stream_agent(request: Request) -> Response:
    agent, output = await answer_of(request)
    return StreamingResponse(lines(agent, output), media_type="application/x-ndjson")


async def lines(agent: Agent, output: str) -> AsyncIterator[str]:
    yield json.dumps({"event": "started", "agent": agent.name}) + "\n"
    for number, word in enumerate(output.split(" "), start=1):
        yield json.dumps({"event": "word", "number": number, "text": word}) + "\n"
    yield json.dumps({"event": "finished"}) + "\n"


async def threads(request: Request) -> Response:
    user = await user_of(request)
    if request.method == "GET":
        return JSONResponse(STORE.threads(user.name))
    return JSONResponse(STORE.open_thread(user.name, await text_field(request, "title")), 201)


async def thread_of(request: Request) -> tuple[User, dict[str, Any]]:
    user = await user_of(request)
    found = STORE.thread(user.name, request.path_params["thread"])
    if found is None:
        raise HTTPException(404, "no such thread")
    return user, found


async def one_thread(request: Request) -> Response:
    _, found = await thread_of(request)
    if request.method == "GET":
        return JSONResponse(found)
    STORE.drop_thread(found["id"])
    return Response(status_code=204)


async def messages(request: Request) -> Response:
    user, found = await thread_of(request)
    if request.method == "GET":
        return JSONResponse(STORE.messages(found["id"]))
    message = STORE.add_message(found["id"], "user", await text_field(request, "text"))
    publish(user.name, {"event": "message", "thread": found["id"], "number": message["number"]})
    return JSONResponse(message, 201)


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/api/agents", list_agents),
        Route("/api/agents/{agent}", show_agent, methods=["GET"]),
        Route("/api/agents/{agent}/settings", configure_agent, methods=["PUT"]),
        Route("/api/agents/{agent}/execute", execute_agent, methods=["POST"]),
        Route("/api/agents/{agent}/stream", stream_agent, methods=["POST"]),
        Route("/api/threads", threads, methods=["GET", "POST"]),
        Route("/api/threads/{thread:int}", one_thread, methods=["GET", "DELETE"]),
        Route("/api/threads/{thread:int}/messages", messages, methods=["GET", "POST"]),
        *ROUTES,
    ],
    exception_handlers={HTTPException: say, AuthUnavailable: say_auth_is_away},
)
