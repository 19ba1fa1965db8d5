"""Streams what pytest does as JSON lines, because pytest's own XML loses reruns and is green and partial after a kill.

Runs inside the interpreter of the project under test (Python 3.8, pytest 7.0 and later), so: standard library and
pytest only, no import of loop. It may not change an outcome, an option or the terminal output.

`LOOP_RECORD` names the file that lines are appended to; without it nothing is recorded. `LOOP_ONLY` names a file with
the ids of the cases to run, of those that the arguments name; without it all run. Under xdist only the
controller writes. One line is one `write`, so that what was said survives SIGKILL. Kinds of line (key `e`):
session, collected, sifted, collect, start, report, finish, trouble, end.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import loop_tokens  # type: ignore[import-not-found]
import loop_tracing  # type: ignore[import-not-found]
import pytest

TEXT_LIMIT = 64_000
"""Characters of one text; head and tail are kept. The reader redacts first and cuts further afterwards."""

SIFTED = "loop_sifted"
"""What a worker of xdist tells its controller by."""


def clip(text: str) -> str:
    if len(text) <= TEXT_LIMIT:
        return text
    half = TEXT_LIMIT // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def message_of(report: Any) -> str:
    """The failure's own words: of the crash where pytest knows it, of a skip its reason, else the `E` lines."""
    longrepr = report.longrepr
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        return str(longrepr[2])
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    text = str(longrepr or "")
    told = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return "\n".join(told) or text.strip()


class Lines:
    """Appends to the record; a file descriptor that a test closed or replaced is never written to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = -1
        self.inode = 0

    def write(self, **event: Any) -> None:
        line = json.dumps(event, separators=(",", ":"), default=str) + "\n"
        try:
            os.write(self._descriptor(), line.encode("utf-8", "backslashreplace"))
        except OSError:
            self.fd = -1  # a full disk must not fail a test; the reader misses the end and says so

    def _descriptor(self) -> int:
        try:
            if self.fd >= 0 and os.fstat(self.fd).st_ino == self.inode:
                return self.fd
        except OSError:
            pass
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        self.inode = os.fstat(self.fd).st_ino
        return self.fd


class Recorder:
    """The hooks of the process that sees every report: pytest itself, or xdist's controller."""

    def __init__(self, lines: Lines, config: pytest.Config) -> None:
        self.lines = lines
        self.listed = False
        self.sifted = False
        root = getattr(config, "rootpath", None) or config.rootdir  # type: ignore[attr-defined]
        lines.write(
            e="session",
            pytest=pytest.__version__,
            python=platform.python_version(),
            rootdir=str(root),
            plugins=sorted({dist.project_name for _, dist in config.pluginmanager.list_plugin_distinfo()}),
        )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """The controller of xdist has no items; every worker collects the same, so the first one is enough."""
        if not self.listed:
            self._collected(list(ids))

    def _collected(self, ids: list[str]) -> None:
        self.listed = True
        self.lines.write(e="collected", ids=ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of xdist has ended; what it sifted out, every other one did as well."""
        found = getattr(node, "workeroutput", {}).get(SIFTED)
        if found and not self.sifted:
            self.sift(found)

    def sift(self, found: dict[str, Any]) -> None:
        self.sifted = True
        self.lines.write(e="sifted", **found)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome == "passed":
            return
        self.lines.write(
            e="collect",
            id=report.nodeid,
            outcome=report.outcome,
            message=clip(message_of(report)),
            text=clip(report.longreprtext) if report.outcome == "failed" else "",
        )

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.lines.write(e="start", id=nodeid, at=time.time())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        event: dict[str, Any] = {
            "e": "report",
            "id": report.nodeid,
            "when": report.when,
            "outcome": report.outcome,
            "seconds": report.duration,
        }
        if report.outcome != "passed":
            event["message"] = clip(message_of(report))
        if report.outcome not in ("passed", "skipped"):
            event["text"] = clip(report.longreprtext)
            event["sections"] = [[name, clip(text)] for name, text in report.sections]
        if report.user_properties:
            event["properties"] = [[str(name), clip(str(value))] for name, value in report.user_properties]
        if hasattr(report, "wasxfail"):
            event["wasxfail"] = str(report.wasxfail)
        if hasattr(report, "context"):
            event["part"] = True  # a subtest: one report of several of the same phase
        trace = getattr(report, "loop_trace", "")
        if trace:
            event["trace"] = trace
        self.lines.write(**event)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.lines.write(e="finish", id=nodeid)

    def pytest_internalerror(self, excrepr: Any) -> None:
        self.lines.write(e="trouble", kind="internal error", text=clip(str(excrepr)))

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        self.lines.write(e="trouble", kind="interrupted", text=clip(str(excinfo.value)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        reason = session.shouldstop or session.shouldfail or ""
        self.lines.write(e="end", exit=int(exitstatus), reason=str(reason) if reason else "")


class Sieve:
    """The hooks of the process that collects: which collected cases are not to run, and who said so.

    By the items themselves, for a plugin may rename one; a name that is still there was replaced and not dropped.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self.tell = tell
        self.collected: list[pytest.Item] = []
        self.deselected: set[int] = set()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self.collected.append(item)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected.update(map(id, items))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        kept, names = {id(item) for item in session.items}, {item.nodeid for item in session.items}
        found: dict[str, list[str]] = {}
        for item in self.collected:
            if id(item) not in kept and item.nodeid not in names:
                found.setdefault("deselected" if id(item) in self.deselected else "dropped", []).append(item.nodeid)
        if found:
            self.tell({how: {"count": len(ids), "first": ids[0]} for how, ids in found.items()})
        self.collected = []


class Tracer:
    """The hooks of the process that runs the cases: gives each its trace id, and the report carries it home."""

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        loop_tracing.begin(item.nodeid)
        yield
        loop_tracing.end()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self) -> Any:
        made = yield
        trace = loop_tracing.current()
        if trace is not None and made.excinfo is None:
            made.get_result().loop_trace = trace.id


class Selection:
    """Keeps the cases that are to be tried again; the arguments stay what they were."""

    def __init__(self, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            self.ids = frozenset(json.load(file))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        others = [item for item in items if item.nodeid not in self.ids]
        if others:
            config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if item.nodeid in self.ids]


@pytest.fixture
def loop_trace() -> Any:
    """The case's W3C trace: `id`, `traceparent` and `headers`, for a client that is not marked by itself."""
    return loop_tracing.current() or loop_tracing.Trace()


@pytest.fixture(scope="session")
def loop_token() -> Callable[[str], str]:
    """`loop_token("backend")`: a fresh ID token for that service; to be asked for again, for tokens expire."""

    def fresh(service: str) -> str:
        try:
            return str(loop_tokens.token(service))
        except loop_tokens.NoToken as error:
            pytest.fail(f"no token for {service}: {error}", pytrace=False)

    return fresh


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("LOOP_TRACE") != "off":
        loop_tracing.mark_libraries()
        config.pluginmanager.register(Tracer(), "loop-tracer")
    only = os.environ.get("LOOP_ONLY", "")  # also for the workers of xdist, which inherit it
    if only:
        config.pluginmanager.register(Selection(only), "loop-selection")
    path = os.environ.pop("LOOP_RECORD", "")  # a pytest that a test starts must not write here
    tell: Callable[[dict[str, Any]], None] | None = None
    if hasattr(config, "workerinput"):
        output = config.workeroutput  # type: ignore[attr-defined]
        tell = functools.partial(output.__setitem__, SIFTED)
    elif path:
        recorder = Recorder(Lines(path), config)
        config.pluginmanager.register(recorder, "loop-recorder")
        tell = recorder.sift
    if tell and not only:  # where failed cases run again, the others are left out by ourselves
        config.pluginmanager.register(Sieve(tell), "loop-sieve")


def pytest_unconfigure() -> None:
    loop_tracing.unmark_libraries()
