"""What a suite really asked: every figure from the services' request logs, and nothing believed that they lack."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

ASKING = """
import os, time, urllib.request

def ask(path):
    return urllib.request.urlopen(os.environ["LOOP_URL_A"] + path).status

def test_asks(record_property):
    assert ask("/api/things?token=not-for-the-record") == 200
    record_property("things_ms", 12.5)

def test_fails():
    ask("/api/first")
    ask("/last")
    assert False, "as it should"

def test_asks_nothing():
    time.sleep(0.01)
"""
NOTHING = "import time\n\ndef test_against_a_mock():\n    time.sleep(0.01)\n"


def run(stack: Any, code: int) -> Any:
    stack.without_fixer()
    stack.commit("A case")
    ran = stack.loop("run", "--env", "local")
    assert ran.returncode == code, ran.stdout + ran.stderr
    return stack.record(1, 0)


def exercises(stack: Any, services: str) -> None:
    stack.configure("timeout: 60s", f"timeout: 60s, exercises: [{services}]")


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A server that answers for a service and is not behind the platform's router: no log shows its requests."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_requests_targets_and_passes_without_evidence_stand_in_the_report(stack: Any) -> None:
    stack.write("tests/test_smoke.py", ASKING)
    exercises(stack, "a")
    stack.write(
        "configs/local.yaml",
        stack.read("configs/local.yaml") + "targets:\n  api p50: {requests: '/api/*', below: 60s}\n"
        "  things: {property: things_ms, below: 10ms}\n  never: {property: absent_ms, below: 1ms}\n",
    )
    record = run(stack, 1)
    report = stack.report(1, 0)
    evidence = record["suites"]["smoke"]["evidence"]
    assert evidence["services"]["a"] == {"status": "read", "reason": "", "requests": 3, "by_trace": 3, "by_time": 0}
    assert evidence["services"]["b"]["requests"] == 0, "no probe of ours is counted"
    assert (evidence["asked"], evidence["cases"], evidence["bare"]) == (2, 3, 1)
    assert evidence["bare_ids"] == ["smoke::tests/test_smoke.py::test_asks_nothing"]
    asked = evidence["requests"]["smoke::tests/test_smoke.py::test_fails"]
    assert [(r["method"], r["path"], r["status"], r["service"]) for r in asked] == [
        ("GET", "/api/first", 200, "a"),
        ("GET", "/last", 200, "a"),
    ]
    assert asked[0]["revision"] == record["services"]["a"]["revision"]
    api, things, never = (target["measured"] for target in record["targets"])
    assert (api["n"], api["percentile"], api["met"], api["source"]) == (2, 50, True, "request log")
    assert (things["n"], things["value"], things["met"], things["source"]) == (1, 12.5, False, "property")
    assert never is None
    assert "12.5 ms, **missed**" in report
    assert "Passed without evidence" in report
    assert "`GET /last` - 200 from a" in report
    assert "not-for-the-record" not in report
    assert record["judgement"]["verdict"] == "failed", "a target is no gate"


def test_a_suite_that_reached_none_of_what_it_exercises_is_invalid(stack: Any) -> None:
    stack.write("tests/test_smoke.py", NOTHING)
    exercises(stack, "a, b")
    record = run(stack, 4)
    assert [p["kind"] for p in record["judgement"]["problems"]] == ["no evidence of a request"]
    assert "smoke sent no request to a, b" in stack.report(1, 0)


def test_requests_to_another_service_do_not_count_as_exercise(stack: Any) -> None:
    stack.write("tests/test_smoke.py", ASKING)
    exercises(stack, "b")
    record = run(stack, 4)
    assert [p["kind"] for p in record["judgement"]["problems"]] == ["no evidence of a request"]


def test_a_log_that_never_shows_the_marked_request_is_no_evidence(stack: Any, elsewhere: str) -> None:
    stack.write("tests/test_smoke.py", ASKING)
    exercises(stack, "a")
    stack.configure("a, health: /health}", f"a, health: {{path: /health, proof: routed}}, url: '{elsewhere}'}}")
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + "evidence: {wait: 1s}\n")
    record = run(stack, 4)
    assert [p["kind"] for p in record["judgement"]["problems"]] == ["no evidence of a request"]
    service = record["suites"]["smoke"]["evidence"]["services"]["a"]
    assert (service["status"], service["requests"]) == ("unavailable", 0)
    assert record["suites"]["smoke"]["evidence"]["bare"] == 0, "nobody knows whether the passes asked anything"
    assert "**evidence unavailable** for a" in stack.report(1, 0)


def test_a_service_that_names_another_revision_after_the_suite_is_contaminated(stack: Any) -> None:
    lying = stack.read("services/a/app.py").replace(
        "    def do_GET(self):\n",
        '    def do_GET(self):\n        if self.path == "/lie": os.environ["K_REVISION"] = "a-other"\n',
    )
    stack.write("services/a/app.py", lying)
    stack.write("tests/test_smoke.py", ASKING.replace("/last", "/lie"))
    stack.configure("a, health: /health}", "a, health: {path: /health, identity: {json: revision}}}")
    record = run(stack, 4)
    assert [p["kind"] for p in record["judgement"]["problems"]] == ["contaminated"]
    assert "its answer names a-other" in stack.report(1, 0)


def test_a_runner_without_trace_ids_is_joined_by_the_window_alone(stack: Any) -> None:
    stack.write("tests/test_smoke.py", ASKING)
    stack.configure("timeout: 60s", "timeout: 60s, trace: off, exercises: [a]")
    record = run(stack, 1)
    service = record["suites"]["smoke"]["evidence"]["services"]["a"]
    assert (service["requests"], service["by_trace"], service["by_time"]) == (3, 0, 3)
    asked = record["suites"]["smoke"]["evidence"]["requests"]["smoke::tests/test_smoke.py::test_fails"]
    assert all(request["by_time"] for request in asked)


DYING = """
import os, sys
if os.path.exists("flag"):
    print("the second start dies: no database", flush=True)
    sys.exit(3)
open("flag", "w").close()
"""


def test_a_service_that_died_during_the_suite_contaminates_it(stack: Any) -> None:
    app = stack.read("services/a/app.py").replace(
        "    def do_GET(self):", "    def do_GET(self):\n        self.die()", 1
    )
    die = "    def die(self):\n        if self.path == '/die':\n            os._exit(3)\n    def log_message"
    stack.write("services/a/app.py", DYING + app.replace("    def log_message", die, 1))
    stack.write(
        "tests/test_smoke.py",
        "import contextlib, os, urllib.request\n\ndef test_swallows_it():\n"
        "    with contextlib.suppress(OSError):\n"
        "        urllib.request.urlopen(os.environ['LOOP_URL_A'] + '/die')\n",
    )
    stack.without_fixer()
    stack.commit("A service that dies")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 4, run.stdout + run.stderr
    assert "its health is red since the suite ran (HTTP 503)" in " ".join(stack.report(1, 0).split())


RAISING = """    def do_GET(self):
        if self.path == "/jwt":
            print("token is t0p-s3cret-value", flush=True)
            return {}["jwt"]
"""
ASKING_FOR_IT = """
import os, urllib.request

def test_is_fine():
    assert urllib.request.urlopen(os.environ["LOOP_URL_A"] + "/health").status == 200

def test_wants_a_token():
    assert urllib.request.urlopen(os.environ["LOOP_URL_A"] + "/jwt").status == 200
"""


def raising(stack: Any, how: str) -> None:
    app = stack.read("services/a/app.py")
    stack.write("services/a/app.py", app.replace("    def do_GET(self):\n", how))
    stack.write("tests/test_smoke.py", ASKING_FOR_IT)


def test_the_traceback_of_a_service_names_the_layer_of_the_case_in_whose_time_it_was_written(stack: Any) -> None:
    raising(stack, RAISING)
    stack.configure("a, health: /health}", 'a, health: /health, env: {API_TOKEN: "${secret:TOKEN_OF_A}"}}')
    stack.without_fixer()
    stack.commit("A service that raises")
    ran = stack.loop("run", "--env", "local", env={"TOKEN_OF_A": "t0p-s3cret-value"})
    assert ran.returncode == 1, ran.stdout + ran.stderr
    record, report = stack.record(1, 0), stack.report(1, 0)
    evidence = record["suites"]["smoke"]["evidence"]
    assert set(evidence["lines"]) == {"smoke::tests/test_smoke.py::test_wants_a_token"}
    *_, last = evidence["lines"]["smoke::tests/test_smoke.py::test_wants_a_token"]
    assert (last["service"], last["text"], last["error"], last["by_time"]) == ("a", "KeyError: 'jwt'", True, True)
    assert "service (from HTTP 503 and a line in a's log, joined by time: `KeyError: 'jwt'`)" in report
    assert "What the services wrote meanwhile, joined by time (no other case ran):" in report
    assert "\na: KeyError: 'jwt'\n" in report
    (log,) = evidence["logs"]
    kept = stack.read(f"reports/local/1/evidence/0/{log['path']}")
    assert "Traceback (most recent call last):\n" in kept
    assert "token is [redacted" in kept
    assert "t0p-s3cret-value" not in kept + report + stack.report(1, 0, "json") + ran.stdout + ran.stderr
    assert "\n    | a (by time): KeyError: 'jwt'\n" in ran.stdout
    assert "  | a (by time): KeyError: 'jwt'\n" in stack.loop("show", "local-1").stdout
    assert log["path"] in report


STRUCTURED = """    def do_GET(self):
        if self.path == "/jwt":
            trace = "projects/local/traces/" + self.headers["traceparent"].split("-")[1]
            said = {"severity": "ERROR", "logging.googleapis.com/trace": trace}
            said["message"] = "no \\x1b[31mkey\\x07\\rfor \\u202eit"
            print(json.dumps(said), flush=True)
            return self.send_error(500)
"""


def test_a_line_with_the_trace_of_a_case_is_its_own_and_the_fixer_is_told(stack: Any, tmp_path: Any) -> None:
    raising(stack, STRUCTURED)
    stack.write(
        "fix.py",
        f"import os, shutil, sys\nshutil.copy(os.environ['LOOP_BRIEF'], {str(tmp_path)!r} + '/brief.json')\n"
        f"shutil.copy(os.environ['LOOP_BRIEF_MARKDOWN'], {str(tmp_path)!r} + '/brief.md')\nsys.exit(3)\n",
    )
    stack.commit("A service that says what it was asked by")
    ran = stack.loop("run", "--env", "local")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    said = "HTTP 500 and a line in a's log"
    assert f"Probable layer: service (from {said}: `no key for it`)" in stack.report(1, 0)
    (group,) = json.loads((tmp_path / "brief.json").read_text())["failures"]
    assert group["layer"] == {"probable": "service", "from": f"{said}: no key for it"}
    assert group["service_lines"] == [
        {"service": "a", "severity": "ERROR", "text": "no key for it", "joined_by": "trace"}
    ]
    assert "a (ERROR, by trace): no key for it" in (tmp_path / "brief.md").read_text()
