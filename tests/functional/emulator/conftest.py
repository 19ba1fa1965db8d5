"""Emulators for these tests: the clients are those of the conformance suite, the states are the tests' own."""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from loop.emulator import attach


def conformance() -> ModuleType:
    """The conformance suite's clients; the two folders are no packages, so it is loaded by its path."""
    name = "loop_conformance_clients"
    if name not in sys.modules:
        path = Path(__file__).parents[2] / "conformance" / "conftest.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[[Any], Any]]:
    """Google's clients for an attachment's endpoints."""
    opened = []

    def clients(endpoints: Any) -> Any:
        target = conformance().clients(endpoints.grpc, endpoints.storage, "acme", "acme-source")
        opened.append(target)
        return target

    yield clients
    for target in opened:
        target.channel.close()
        target.storage.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, connect: Callable[[Any], Any]) -> Iterator[Any]:
    """One emulator for the tests that need no state of their own; each has services of its own."""
    with attach(tmp_path_factory.mktemp("shared"), startup=3.0) as emulator:
        target = connect(emulator.endpoints)
        yield target


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
