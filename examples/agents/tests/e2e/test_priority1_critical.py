"""Priority 1: what must work before anyone is let onto staging. Every case talks to the deployed services."""

import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

AGENTS = ["calculator", "summary", "triage"]
PATIENCE = 30.0
USERS_AT_ONCE = 20
QUOTA = 20  # executions per user and minute

Note = Callable[[str, object], None]


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def execute(backend: httpx.Client, user: Any, agent: str, text: str) -> httpx.Response:
    return backend.post(f"/api/agents/{agent}/execute", json={"input": text}, headers=user.headers)


def new_thread(backend: httpx.Client, user: Any, title: str) -> int:
    answer = backend.post("/api/threads", json={"title": title}, headers=user.headers)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def say(backend: httpx.Client, user: Any, thread: int, text: str) -> int:
    answer = backend.post(f"/api/threads/{thread}/messages", json={"text": text}, headers=user.headers)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


def texts(backend: httpx.Client, user: Any, thread: int) -> list[str]:
    answer = backend.get(f"/api/threads/{thread}/messages", headers=user.headers)
    assert answer.status_code == 200, answer.text
    return [message["text"] for message in answer.json()]


class TestWebSocket:
    def test_001_websocket_connection_real(self, websocket: Any, record_property: Note) -> None:
        with websocket("/ws/echo") as channel:

            def round_trip() -> None:
                channel.send("are you there?")
                assert channel.recv(timeout=PATIENCE) == "are you there?"

            taken = [milliseconds(round_trip) for _ in range(20)]
        record_property("websocket_ms", round(statistics.median(taken), 3))

    def test_002_websocket_authentication_real(self, websocket: Any, user: Any) -> None:
        with websocket("/ws/account", additional_headers=user.headers) as channel:
            assert json.loads(channel.recv(timeout=PATIENCE))["user"] == user.name

    def test_003_websocket_message_exchange_real(self, websocket: Any, user: Any, ticket: Any) -> None:
        protocols = ["agents.v1", f"ticket.{ticket(user)}"]
        with websocket("/ws/chat", subprotocols=protocols) as channel:
            assert channel.subprotocol == "agents.v1", f"the handshake chose the subprotocol {channel.subprotocol}"
            for number in range(10):
                channel.send(json.dumps({"agent": "calculator", "input": f"{number} * 7"}))
                answer = json.loads(channel.recv(timeout=PATIENCE))
                assert answer == {"user": user.name, "agent": "calculator", "output": str(number * 7)}

    def test_004_websocket_refuses_unknown_ticket(self, websocket: Any, user: Any) -> None:
        forged = user.token[:-6] + "forged"
        for protocols in (["agents.v1"], ["agents.v1", f"ticket.{forged}"], ["agents.v1", f"ticket.{user.token}"]):
            with pytest.raises(InvalidStatus) as refused:
                websocket("/ws/chat", subprotocols=protocols)
            assert refused.value.response.status_code == 401


class TestAgents:
    def test_005_agent_discovery_real(self, backend: httpx.Client, user: Any) -> None:
        found = backend.get("/api/agents", headers=user.headers).json()
        assert [agent["name"] for agent in found] == AGENTS
        for agent in found:
            shown = backend.get(f"/api/agents/{agent['name']}", headers=user.headers).json()
            assert shown["description"] == agent["description"] != ""

    def test_006_agent_configuration_real(self, backend: httpx.Client, sign_up: Any) -> None:
        first, second = sign_up(), sign_up()
        kept = backend.put("/api/agents/summary/settings", json={"tone": "formal"}, headers=first.headers)
        assert kept.status_code == 200, kept.text
        shown = [backend.get("/api/agents/summary", headers=user.headers).json() for user in (first, second)]
        assert [agent["settings"] for agent in shown] == [{"tone": "formal"}, {"tone": "plain"}]

    def test_007_agent_execution_needs_token(self, backend: httpx.Client, user: Any) -> None:
        path, body = "/api/agents/triage/execute", {"input": "a refund, please"}
        assert backend.post(path, json=body).status_code == 401
        forged = {"authorization": f"Bearer {user.token[:-6]}forged"}
        assert backend.post(path, json=body, headers=forged).status_code == 401
        assert backend.post(path, json=body, headers=user.headers).status_code == 200

    def test_008_agent_execution_real(self, backend: httpx.Client, user: Any) -> None:
        teams = {"a refund for this invoice": "billing", "all is down": "outage", "login denied": "access"}
        for text, team in teams.items():
            answer = backend.post("/api/chat", json={"input": text}, headers=user.headers)
            assert answer.status_code == 200, f"POST {answer.url.path} answered HTTP {answer.status_code}"
            assert answer.json()["output"] == team

    def test_009_agent_answers_follow_input(self, backend: httpx.Client, user: Any) -> None:
        sums = {"1 + 2": "3", "10 / 4": "2.5", "-(2 + 3) * 4": "-20"}
        given = {text: execute(backend, user, "calculator", text).json()["output"] for text in sums}
        assert given == sums

    def test_010_agent_refuses_what_it_can_not_do(self, backend: httpx.Client, user: Any) -> None:
        assert execute(backend, user, "poet", "a sonnet").status_code == 404
        for text in ("1 / 0", "__import__('os')", "2 **", " "):
            refused = execute(backend, user, "calculator", text)
            assert (refused.status_code, bool(refused.json()["detail"])) == (422, True)

    def test_011_agent_startup_real(self, backend: httpx.Client, user: Any, record_property: Note) -> None:
        began = time.perf_counter()
        request: dict[str, Any] = {
            "json": {"input": "The site is down. It is down since noon."},
            "headers": user.headers,
        }
        with backend.stream("POST", "/api/agents/summary/stream", **request) as answer:
            lines = answer.iter_lines()
            first = json.loads(next(lines))
            taken = (time.perf_counter() - began) * 1000
            *_, last = map(json.loads, lines)
        assert (first, last) == ({"event": "started", "agent": "summary"}, {"event": "finished"})
        record_property("agent_startup_ms", round(taken, 3))


class TestMessages:
    def test_012_thread_creation_real(self, backend: httpx.Client, user: Any) -> None:
        made = [new_thread(backend, user, title) for title in ("Invoices", "Outage")]
        listed = backend.get("/api/threads", headers=user.headers).json()
        assert listed == [{"id": made[0], "title": "Invoices"}, {"id": made[1], "title": "Outage"}]

    def test_013_thread_switching_real(self, backend: httpx.Client, user: Any) -> None:
        first, second = new_thread(backend, user, "first"), new_thread(backend, user, "second")
        for thread, text in ((first, "a"), (second, "b"), (first, "c"), (second, "d")):
            say(backend, user, thread, text)
        assert (texts(backend, user, first), texts(backend, user, second)) == (["a", "c"], ["b", "d"])

    def test_014_message_history_in_order(self, backend: httpx.Client, user: Any) -> None:
        thread, said = new_thread(backend, user, "history"), [f"message {number}" for number in range(1, 11)]
        assert [say(backend, user, thread, text) for text in said] == list(range(1, 11))
        assert texts(backend, user, thread) == said

    def test_015_threads_are_private(self, backend: httpx.Client, sign_up: Any) -> None:
        owner, other = sign_up(), sign_up()
        thread = new_thread(backend, owner, "mine")
        say(backend, owner, thread, "for my eyes")
        assert backend.get(f"/api/threads/{thread}/messages", headers=other.headers).status_code == 404
        assert backend.delete(f"/api/threads/{thread}", headers=other.headers).status_code == 404
        assert texts(backend, owner, thread) == ["for my eyes"]

    def test_016_message_text_survives_unchanged(self, backend: httpx.Client, user: Any) -> None:
        thread = new_thread(backend, user, "texts")
        said = ["naïve café 東京 🚀", "line one\nline two\ttabbed", "'; drop table messages; --", "long " * 2000]
        for text in said:
            say(backend, user, thread, text)
        assert texts(backend, user, thread) == said


class TestScalability:
    def test_017_concurrent_users_real(self, backend: httpx.Client, sign_up: Any, record_property: Note) -> None:
        def session(number: int) -> list[str]:
            user = sign_up()
            thread = new_thread(backend, user, f"thread of {number}")
            output = execute(backend, user, "calculator", f"{number} * {number}").json()["output"]
            say(backend, user, thread, output)
            return texts(backend, user, thread)

        with ThreadPoolExecutor(USERS_AT_ONCE) as pool:
            results = list(pool.map(session, range(USERS_AT_ONCE)))
        assert results == [[str(number * number)] for number in range(USERS_AT_ONCE)]
        record_property("concurrent_users", USERS_AT_ONCE)

    def test_018_rate_limit_real(self, backend: httpx.Client, sign_up: Any) -> None:
        eager, calm = sign_up(), sign_up()
        answers = [execute(backend, eager, "triage", "slow and down") for _ in range(QUOTA + 1)]
        assert [answer.status_code for answer in answers] == [200] * QUOTA + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        assert execute(backend, calm, "triage", "slow and down").status_code == 200

    def test_019_concurrent_messages_keep_their_numbers(self, backend: httpx.Client, user: Any) -> None:
        thread, said = new_thread(backend, user, "busy"), [f"text {number}" for number in range(24)]
        with ThreadPoolExecutor(8) as pool:
            numbers = dict(zip(said, pool.map(lambda text: say(backend, user, thread, text), said), strict=True))
        assert texts(backend, user, thread) == sorted(said, key=lambda text: numbers[text])
        assert sorted(numbers.values()) == list(range(1, 25))

    def test_020_resilience_to_bad_requests(self, backend: httpx.Client, user: Any) -> None:
        def status_of(content: bytes) -> int:
            return backend.post("/api/threads", content=content, headers=user.headers).status_code

        bodies = (b"{not json", b"[1, 2]", b'{"title": 7}', b'{"title": "' + b"x" * 70_000 + b'"}')
        assert [status_of(body) for body in bodies] == [400, 422, 422, 413]
        health = backend.get("/health").json()
        assert (health["status"], health["database"]) == ("ok", "ok")

    def test_021_response_times_real(self, backend: httpx.Client, user: Any, record_property: Note) -> None:
        bodies: list[Any] = []
        taken = [
            milliseconds(lambda: bodies.append(backend.get("/api/agents", headers=user.headers).json()))
            for _ in range(20)
        ]
        assert all([agent["name"] for agent in body] == AGENTS for body in bodies)
        record_property("api_ms", round(statistics.median(taken), 3))
        record_property("api_slowest_ms", round(max(taken), 3))


class TestUserExperience:
    def test_022_page_leads_to_the_services(self, frontend: httpx.Client) -> None:
        page = frontend.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert '<form id="chat">' in page.text
        config = frontend.get("/api/config").json()
        answers = {
            name: httpx.get(config[name] + "/health", timeout=PATIENCE, trust_env=False) for name in ("auth", "backend")
        }
        assert {name: answer.json()["service"] for name, answer in answers.items()} == {name: name for name in answers}

    def test_023_session_lifecycle_real(self, auth: httpx.Client, backend: httpx.Client, user: Any) -> None:
        wrong = auth.post("/token", json={"name": user.name, "password": "not the password"})
        assert wrong.status_code == 401
        assert backend.get("/api/threads", headers=user.headers).status_code == 200
        assert auth.post("/sign-out", headers=user.headers).status_code == 204
        assert backend.get("/api/threads", headers=user.headers).status_code == 401

    def test_024_answer_streams_in_order(self, backend: httpx.Client, user: Any) -> None:
        body = {"input": "The login page is slow today. The login page times out, the page is blank. Please help."}
        whole = execute(backend, user, "summary", body["input"]).json()["output"]
        with backend.stream("POST", "/api/agents/summary/stream", json=body, headers=user.headers) as answer:
            events = [json.loads(line) for line in answer.iter_lines()]
        assert (events[0]["event"], events[-1]["event"]) == ("started", "finished")
        assert [event["number"] for event in events[1:-1]] == list(range(1, len(events) - 1))
        assert " ".join(event["text"] for event in events[1:-1]) == whole
        assert execute(backend, user, "summary", body["input"]).json()["output"] == whole

    def test_025_events_reach_the_user(self, backend: httpx.Client, websocket: Any, user: Any) -> None:
        thread = new_thread(backend, user, "watched")
        with websocket("/ws/events", additional_headers=user.headers) as channel:
            numbers = [say(backend, user, thread, text) for text in ("one", "two", "three")]
            events = [json.loads(channel.recv(timeout=PATIENCE)) for _ in numbers]
        assert events == [{"event": "message", "thread": thread, "number": number} for number in numbers]
