"""Each case's requests carry its own W3C trace id, whatever client makes them; and nothing breaks when one can not."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

CLIENTS = """
import asyncio, os, urllib.request
URL = os.environ["TARGET"]

def test_urllib():
    urllib.request.urlopen(URL + "/urllib").read()

def test_requests():
    import requests
    assert requests.get(URL + "/requests").status_code == 200

def test_httpx():
    import httpx
    assert httpx.get(URL + "/httpx").status_code == 200

def test_httpx_async():
    import httpx
    async def go():
        async with httpx.AsyncClient() as client:
            return await client.get(URL + "/httpx-async")
    assert asyncio.run(go()).status_code == 200

def test_aiohttp():
    import aiohttp
    async def go():
        async with aiohttp.ClientSession() as session:
            async with session.get(URL + "/aiohttp") as answer:
                return answer.status
    assert asyncio.run(go()) == 200

def test_websockets():
    import websockets
    async def go():
        try:
            async with websockets.connect(URL.replace("http", "ws") + "/websockets"): pass
        except websockets.exceptions.InvalidHandshake:
            pass
    asyncio.run(go())

def test_websockets_sync():
    from websockets.exceptions import InvalidHandshake
    from websockets.sync.client import connect
    try:
        connect(URL.replace("http", "ws") + "/websockets-sync")
    except InvalidHandshake:
        pass

def test_thread():
    import threading
    thread = threading.Thread(target=lambda: urllib.request.urlopen(URL + "/thread").read())
    thread.start()
    thread.join()

def test_fixture(loop_trace):
    urllib.request.urlopen(urllib.request.Request(URL + "/fixture", headers=loop_trace.headers)).read()
    assert loop_trace.traceparent.startswith("00-" + loop_trace.id)

def test_environment():
    assert os.environ["LOOP_TRACEPARENT"]
    headers = {"traceparent": os.environ["LOOP_TRACEPARENT"]}
    urllib.request.urlopen(urllib.request.Request(URL + "/environment", headers=headers)).read()
"""
NAMES = ["urllib", "requests", "httpx", "httpx-async", "aiohttp", "websockets", "websockets-sync", "thread", "fixture",
         "environment"]  # fmt: skip


@pytest.fixture
def seen() -> Iterator[tuple[str, dict[str, list[str]]]]:
    """A server's address, and the traceparent headers that it got by path."""
    got: dict[str, list[str]] = {}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.setdefault(self.path.strip("/"), []).extend(self.headers.get_all("traceparent") or [])
            self.send_response(302 if self.path == "/redirect" else 200)
            self.send_header("Location", "/redirected")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()
        thread.join()


def run(project, target: str, text: str, *arguments: str, **more: object):
    project.write(test_a=text)
    project.env |= {"TARGET": target, "no_proxy": "*"}
    return project.pytest("test_a.py", *arguments, **more)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_every_client_sends_exactly_one_trace_that_is_its_cases_own(project, seen, arguments: tuple[str, ...]) -> None:
    target, got = seen
    ran = run(project, target, CLIENTS, *arguments)
    assert set(ran.outcomes.values()) == {"passed"}, [case.detail for case in ran.cases]
    traces = {name: ran.case(f"::test_{name.replace('-', '_')}").trace for name in NAMES}
    assert {name: [header.split("-")[1] for header in got[name]] for name in NAMES} == {
        name: [traces[name]] for name in NAMES
    }
    assert len(set(traces.values())) == len(NAMES)
    assert all(
        re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", header) for headers in got.values() for header in headers
    )


def test_a_redirected_request_carries_the_trace_on(project, seen) -> None:
    target, got = seen
    text = """
import os, urllib.request, requests, httpx
URL = os.environ["TARGET"] + "/redirect"
def test_x():
    urllib.request.urlopen(URL).read()
    requests.get(URL)
    httpx.get(URL, follow_redirects=True)
"""
    ran = run(project, target, text)
    trace = ran.case("test_x").trace
    assert [header.split("-")[1] for header in got["redirected"]] == [trace] * 3


def test_a_header_that_the_test_sets_itself_is_left_alone(project, seen) -> None:
    target, got = seen
    text = """
import os, urllib.request, requests
def test_x():
    mine = {"traceparent": "mine"}
    requests.get(os.environ["TARGET"] + "/own", headers=mine)
    urllib.request.urlopen(urllib.request.Request(os.environ["TARGET"] + "/own", headers=mine)).read()
"""
    assert set(run(project, target, text).outcomes.values()) == {"passed"}
    assert got["own"] == ["mine", "mine"]


def test_trace_off_changes_nothing(project, seen) -> None:
    target, got = seen
    text = """
import os, urllib.request
def test_x(loop_trace):
    assert "LOOP_TRACEPARENT" not in os.environ
    urllib.request.urlopen(os.environ["TARGET"] + "/off").read()
"""
    ran = run(project, target, text, trace=False)
    assert ran.outcomes == {"test_a.py::test_x": "passed"}
    assert got == {"off": []}
    assert ran.case("test_x").trace == ""


def test_all_attempts_of_a_case_share_its_trace(project, seen) -> None:
    target, got = seen
    text = """
import os, urllib.request, pytest
@pytest.mark.flaky(reruns=2)
def test_x():
    urllib.request.urlopen(os.environ["TARGET"] + "/again").read()
    assert False
"""
    ran = run(project, target, text, "-p", "pytest_rerunfailures")
    assert {header.split("-")[1] for header in got["again"]} == {ran.case("test_x").trace}
    assert len(got["again"]) == 3


def test_a_library_that_looks_different_than_expected_breaks_no_test(project, seen) -> None:
    target, _ = seen
    for name in ("requests", "httpx", "aiohttp"):
        project.file(f"{name}/__init__.py", "def get(): return 'odd'")
    project.file("websockets/client.py", "ClientProtocol = None")
    project.file("websockets/__init__.py", "")
    text = """
import aiohttp, httpx, requests, websockets.client
def test_x(): assert (requests.get(), httpx.get(), aiohttp.get()) == ("odd", "odd", "odd")
"""
    assert run(project, target, text, "-p", "no:xdist").outcomes == {"test_a.py::test_x": "passed"}


def test_odd_headers_of_a_test_go_out_as_they_are(project, seen) -> None:
    target, _ = seen
    text = """
import requests
class Frozen(dict):
    def __setitem__(self, name, value): raise TypeError("frozen")
class Session(requests.Session): pass
def test_x():
    request = requests.Request("GET", "http://127.0.0.1:1/").prepare()
    request.headers = Frozen()
    try:
        Session().send(request)
    except requests.ConnectionError:
        pass
"""
    assert run(project, target, text).outcomes == {"test_a.py::test_x": "passed"}


def test_a_pytest_that_a_test_starts_records_nothing(project, seen) -> None:
    target, _ = seen
    text = """
import os, subprocess, sys
def test_outer():
    if not os.environ.get("INNER"):
        command = [sys.executable, "-m", "pytest", "-p", "loop_recorder", __file__]
        subprocess.run(command, env={**os.environ, "INNER": "1"}, check=True)
def test_other(): pass
"""
    ran = run(project, target, text)
    assert [case.id for case in ran.cases] == ["s::test_a.py::test_outer", "s::test_a.py::test_other"]
    assert ran.kinds == []


def test_the_record_survives_a_test_that_closes_every_file(project, seen) -> None:
    target, _ = seen
    text = """
import os
def test_x():
    os.closerange(3, 64)
    open(os.environ["MINE"], "w").write("mine")
    keep = [os.open(os.environ["MINE"], os.O_RDWR) for _ in range(20)]
def test_y(): pass
"""
    mine = project.file("mine", "")
    project.env["MINE"] = str(mine)
    ran = run(project, target, text, "-s")
    assert ran.outcomes == {"test_a.py::test_x": "passed", "test_a.py::test_y": "passed"}
    assert mine.read_text() == "mine"
