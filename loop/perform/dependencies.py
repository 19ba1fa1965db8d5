"""Is what the services need there? Asked before test time is spent: a suite against a dead database says nothing.

A dependency is tried until it answers or its time is up; one that does not is recorded, for no commit brings it back.
"""

import http.client
import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from loop import config
from loop.cloud.probes import Headers
from loop.core.actions import ProbeDependency
from loop.core.environment import Dependency
from loop.core.events import DependencyProbed
from loop.core.state import IterationState
from loop.errors import UsageError, Wait
from loop.perform import identity
from loop.perform.databases import Answer, ping, select_one
from loop.perform.emit import Emit
from loop.perform.setting import Setting

PAUSE = 0.2
"""Seconds between two attempts."""


def probe(action: ProbeDependency, setting: Setting, emit: Emit) -> None:
    it = emit.state.iteration(action.iteration)
    dependency = next(d for d in it.dependencies if d.name == action.dependency)
    began = time.monotonic()
    found = _tried(dependency, it, setting, emit)
    emit(
        DependencyProbed(
            iteration=it.number,
            dependency=dependency.name,
            reachable=found.good,
            detail=setting.redact(found.detail),
            seconds=time.monotonic() - began,
        )
    )


def drivers(dependencies: Iterable[Dependency]) -> None:
    """Found out before anything is built: a UsageError where a client that a probe needs is not installed."""
    asked = next((d.name for d in dependencies if d.postgres), None)
    if asked is None:
        return
    try:
        import psycopg  # noqa: F401 - whether it can be imported is the question: it also needs libpq
    except ImportError as error:
        raise UsageError(
            "a postgres: probe needs psycopg, which can not be imported here",
            where=f"dependencies.{asked}",
            hint="pip install 'loop[postgres]'",
        ) from error


def filled(dependency: Dependency, reveal: Callable[..., str]) -> Dependency:
    """With its address and what is expected of it revealed; a secret within a database's may hold any character."""

    def address(text: str | None) -> str | None:
        return text and reveal(text, encode=config.encoded_in(text))

    return replace(
        dependency,
        http=dependency.http and reveal(dependency.http),
        tcp=dependency.tcp and reveal(dependency.tcp),
        postgres=address(dependency.postgres),
        redis=address(dependency.redis),
        expect={key: reveal(text) for key, text in dependency.expect.items()},
    )


def answered(dependency: Dependency, headers: Headers, wait: Wait) -> Answer:
    """Its answer, or its last refusal when its time is up; `dependency` is filled."""
    attempt = _attempt(dependency, headers)
    until = time.monotonic() + dependency.within
    while not (found := attempt()).good and time.monotonic() < until:
        wait(PAUSE)
    return found


def _tried(dependency: Dependency, it: IterationState, setting: Setting, emit: Emit) -> Answer:
    there = filled(dependency, partial(setting.reveal_tested, it=it))
    headers = identity.headers_to(there.http, it, setting, emit) if there.http else dict
    return answered(there, headers, emit.wait)


def _attempt(dependency: Dependency, headers: Headers) -> Callable[[], Answer]:
    if dependency.postgres:
        postgres = dependency.postgres
        return lambda: select_one(postgres)
    if dependency.redis:
        redis = dependency.redis
        return lambda: ping(redis)
    if dependency.tcp:
        host, _, port = dependency.tcp.rpartition(":")
        return lambda: _connected(host.strip("[]"), int(port))
    url = dependency.http or ""
    return lambda: _answered(url, dependency.expect, headers())


def _connected(host: str, port: int) -> Answer:
    try:
        socket.create_connection((host, port), timeout=2.0).close()
    except OSError as error:
        return Answer(good=False, detail=f"{host}:{port}: {error.strerror or error}")
    return Answer(good=True, detail="accepts connections")


def _answered(url: str, expect: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    request = urllib.request.Request(url)  # noqa: S310 - config admits http(s) only
    for name, value in headers.items():
        request.add_unredirected_header(name, value)  # a token is for this service alone
    try:
        with urllib.request.urlopen(request, timeout=5.0) as answer:  # noqa: S310 - config admits http(s) only
            body, status = answer.read(65_536), answer.status
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(good=False, detail=f"{url}: {error}")
    wrong = _differs(body, expect) if expect else ""
    if wrong:
        return Answer(good=False, detail=f"{url}: {wrong}")
    as_wanted = "".join(f", {key} is {value}" for key, value in expect.items())
    return Answer(good=True, detail=f"HTTP {status}{as_wanted}")


def _differs(body: bytes, expect: Mapping[str, str]) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return f"answered no JSON, expected {dict(expect)}"
    found = {key: document.get(key) if isinstance(document, dict) else None for key in expect}
    wrong = [f"{key} is {found[key]}, expected {value}" for key, value in expect.items() if str(found[key]) != value]
    return "; ".join(wrong)
