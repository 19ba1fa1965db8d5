"""Emulators for these tests: the clients are those of the conformance suite, the states are the tests' own."""

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from loop.emulator import attach


@pytest.fixture(scope="session")
def connect(targets: ModuleType) -> Iterator[Callable[[Any], Any]]:
    """Google's clients for an attachment's endpoints."""
    opened = []

    def clients(endpoints: Any) -> Any:
        target = targets.emulated(endpoints, "acme", "acme-source")
        opened.append(target)
        return target

    yield clients
    for target in opened:
        target.close()


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with attach(tmp_path_factory.mktemp("shared"), startup=3.0) as emulator:
        yield emulator.endpoints


@pytest.fixture(scope="session")
def shared(shared_emulator: Any, connect: Callable[[Any], Any]) -> Any:
    """Clients of one emulator for the tests that need no state of their own; each has services of its own."""
    return connect(shared_emulator)


@pytest.fixture
def until() -> Callable[..., Any]:
    """The first true value of a condition within a deadline."""

    def wait(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.01)
        return value

    return wait
