"""The stack as the cases see it: three addresses from the environment, users who sign up, and WebSockets."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

PATIENCE = 30.0  # seconds; how long a loaded machine may take over one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    name: str
    password: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


def client_of(service: str) -> Iterator[httpx.Client]:
    address = os.environ[f"LOOP_URL_{service}"]
    with httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def auth() -> Iterator[httpx.Client]:
    yield from client_of("AUTH")


@pytest.fixture(scope="session")
def backend() -> Iterator[httpx.Client]:
    yield from client_of("BACKEND")


@pytest.fixture(scope="session")
def frontend() -> Iterator[httpx.Client]:
    yield from client_of("FRONTEND")


@pytest.fixture
def sign_up(auth: httpx.Client) -> Callable[[], User]:
    """A new user each time, signed in: no case meets another's threads, settings or quota."""

    def user() -> User:
        person = {"name": f"user-{secrets.token_hex(6)}", "password": secrets.token_urlsafe(12)}
        assert auth.post("/users", json=person).status_code == 201
        answer = auth.post("/token", json=person)
        assert answer.status_code == 200, answer.text
        return User(**person, token=answer.json()["access_token"])

    return user


@pytest.fixture
def user(sign_up: Callable[[], User]) -> User:
    return sign_up()


@pytest.fixture
def ticket(auth: httpx.Client) -> Callable[[User], str]:
    def bought(user: User) -> str:
        answer = auth.post("/tickets", headers=user.headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ticket"])

    return bought


Opener = Callable[..., AbstractContextManager[ClientConnection]]


@pytest.fixture
def websocket() -> Opener:
    """Opens a channel of backend; a refused handshake carries what the service said of it."""
    address = os.environ["LOOP_URL_BACKEND"].replace("http", "ws", 1)

    def opened(path: str, **options: Any) -> ClientConnection:
        try:
            channel: ClientConnection = connect(address + path, open_timeout=PATIENCE, proxy=None, **options)
        except InvalidStatus as refused:
            refused.add_note(json.loads(refused.response.body)["detail"])
            raise
        return channel

    return opened
