"""A tiny stack in a repository of its own, and the real command line to turn the loop on it.

Two services of the standard library (no environment to install), three cases, one defect, and a fixer that repairs it:
Initial 2/3, Iteration 1 3/3. `Stack.change` makes it misbehave in one named way.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LOOP = [sys.executable, "-m", "loop"]
IDENTITY = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}

APP = """
import http.server, json, os, sys, urllib.request
print("starting", os.environ["K_REVISION"], flush=True)
ANSWER = open("answer.txt").read().strip()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"status": "ok", "revision": os.environ["K_REVISION"], "answer": ANSWER}
        if self.path == "/via" and "A_URL" in os.environ:
            body = json.load(urllib.request.urlopen(os.environ["A_URL"] + "/health"))
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *args): pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

CASES = """
import json, os, urllib.request

def ask(service, path):
    with urllib.request.urlopen(os.environ["LOOP_URL_" + service] + path) as answer:
        return json.load(answer)

def test_a_answers():
    assert ask("A", "/health")["status"] == "ok"

def test_b_reaches_a():
    assert ask("B", "/via")["status"] == "ok"

def test_a_is_right():
    assert ask("A", "/health")["answer"] == "right"
"""

FIXER = """
import json, os, pathlib, subprocess, sys
brief = json.load(open(os.environ["LOOP_BRIEF"]))
assert brief["failures"], brief
answer = pathlib.Path("services/a/answer.txt")
if answer.read_text().strip() == "right":
    print("nothing left to fix")
    sys.exit(3)
answer.write_text("right\\n")
subprocess.run(["git", "commit", "-qam", "Answer rightly\\n\\nRoot-cause: a typo"], check=True)
"""

CONFIG = """
environment: local
title: Tiny stack
mission: three green cases
platform: {{endpoint: emulator}}
services:
  a: {{source: services/a, health: /health}}
  b: {{source: services/b, after: [a], health: /health, env: {{A_URL: "${{services.a.url}}"}}}}
suites:
  smoke: {{pytest: tests, python: {python}, timeout: 60s}}
goal: {{pass_rate: 100%}}
limits: {{iterations: 3}}
fix: {{command: {python} fix.py}}
"""


@dataclass(frozen=True)
class Stack:
    root: Path

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def configure(self, old: str, new: str) -> None:
        text = self.read("configs/local.yaml")
        assert old in text
        self.write("configs/local.yaml", text.replace(old, new))

    def without_fixer(self) -> None:
        lines = self.read("configs/local.yaml").splitlines()
        self.write("configs/local.yaml", "\n".join(line for line in lines if not line.startswith("fix:")) + "\n")

    def git(self, *arguments: str) -> str:
        run = subprocess.run(
            ["git", *arguments], cwd=self.root, env=os.environ | IDENTITY, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    def commit(self, message: str = "A change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def loop(self, *arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*LOOP, *arguments], cwd=self.root, env=os.environ | IDENTITY | (env or {}), capture_output=True, text=True,
            timeout=240,
        )  # fmt: skip

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*LOOP, *arguments], cwd=self.root, env=os.environ | IDENTITY, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def report(self, run: int, iteration: int, suffix: str = "md") -> str:
        return self.read(f"reports/local/{run}/iteration-{iteration}.{suffix}")

    def record(self, run: int, iteration: int) -> Any:
        return json.loads(self.report(run, iteration, "json"))


def build(root: Path) -> Stack:
    stack = Stack(root)
    for service in ("a", "b"):
        stack.write(f"services/{service}/app.py", APP)
        stack.write(f"services/{service}/answer.txt", "wrong\n")
        stack.write(f"services/{service}/Procfile", "web: python app.py\n")
    stack.write("tests/test_smoke.py", CASES)
    stack.write("fix.py", FIXER)
    stack.write("configs/local.yaml", CONFIG.format(python=sys.executable))
    stack.git("init", "-q", "-b", "main")
    stack.commit("The stack")
    return stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return build(tmp_path / "repo")


@pytest.fixture
def make_stack(tmp_path: Path) -> Callable[[str], Stack]:
    return lambda name: build(tmp_path / name)


def processes_below(root: Path) -> list[str]:
    """Command lines of live processes whose working directory or command names that folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = os.readlink(entry / "cwd")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and int(entry.name) != os.getpid() and (str(root) in command or place.startswith(str(root))):
            found.append(f"{entry.name}: {command}")
    return found


@pytest.fixture
def nothing_runs() -> Callable[[Path], None]:
    """Asserts that within two seconds no process of that folder is alive."""

    def check(root: Path) -> None:
        assert not remaining(root, 2.0)

    return check


def remaining(root: Path, seconds: float) -> list[str]:
    until = time.monotonic() + seconds
    while (left := processes_below(root)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """Tests leave no process behind; what a test left is ended by its id before the next."""
    yield
    left = remaining(tmp_path, 3.0)
    for line in left:
        os.kill(int(line.partition(":")[0]), signal.SIGKILL)
    assert not left
