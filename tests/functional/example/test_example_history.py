"""The example's history is real: three defects, three fixes, and the cases that each of them mends.

The services run by their own Procfiles, without loop: what loop reports of this stack elsewhere has its reference here.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "agents"
SUITE = "examples/agents/tests/e2e/test_priority1_critical.py"
OAUTH = "test_002_websocket_authentication_real"
CHAT = "test_003_websocket_message_exchange_real"
EXECUTION = "test_008_agent_execution_real"
ENV = {
    name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "LOOP_", "PYTEST_", "COV_"))
} | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_CONFIG_GLOBAL": os.devnull,  # nobody's name, signing key or hooks: as on a fresh machine
    "GIT_CONFIG_NOSYSTEM": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    failure: str | None
    seconds: float


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=root, env=ENV, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    shutil.copytree(EXAMPLE, root / "examples/agents", ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    shutil.copy(ROOT / "pyproject.toml", root)  # pytest's settings as loop's own runs of the suite have them
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=start")
    return root


@pytest.fixture
def fix(clone: Path, tmp_path: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    brief = tmp_path / "brief.json"
    brief.write_text(json.dumps({"goal": "96%", "failing": []}))

    def fixed() -> subprocess.CompletedProcess[str]:
        env = ENV | {"LOOP_BRIEF": str(brief)}
        return subprocess.run(
            [clone / "examples/agents/fix.py"], cwd=clone, env=env, capture_output=True, text=True, check=False
        )

    return fixed


def address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where the service listens, by its own word: it was given port 0, so no two tests can want the same."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.01)
    raise AssertionError(f"the service does not listen:\n{log.read_text()}")


@contextmanager
def service(clone: Path, name: str, env: dict[str, str]) -> Iterator[str]:
    folder, log = clone / "examples/agents/services" / name, clone.parent / f"{name}.log"
    command = (folder / "Procfile").read_text().removeprefix("web: ")
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=folder,
            env=ENV | env | {"PORT": "0"},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield address(process, log)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def stack(clone: Path) -> Iterator[dict[str, str]]:
    """Three services, none of which knows a secret: backend asks auth what a token is worth."""
    with (
        service(clone, "auth", {}) as auth,
        service(clone, "backend", {"AUTH_URL": auth}) as backend,
        service(clone, "frontend", {"AUTH_URL": auth, "BACKEND_URL": backend}) as frontend,
    ):
        yield {"LOOP_URL_AUTH": auth, "LOOP_URL_BACKEND": backend, "LOOP_URL_FRONTEND": frontend}


def graded(clone: Path) -> dict[str, Case]:
    result = clone.parent / "result.xml"
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "junit_family=xunit1",
        "-o",
        "junit_duration_report=call",
        f"--junitxml={result}",
    ]
    with stack(clone) as urls:
        command = [sys.executable, "-m", "pytest", *options, SUITE]
        run = subprocess.run(command, cwd=clone, env=ENV | urls, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return {str(case.get("name")): case_of(case) for case in ET.parse(result).iter("testcase")}


def case_of(element: ET.Element) -> Case:
    assert [child.tag for child in element if child.tag in ("error", "skipped")] == [], ET.tostring(element)
    failure = element.find("failure")
    message = None if failure is None else str(failure.get("message"))
    return Case(failure=message, seconds=float(str(element.get("time"))))


def failures(cases: dict[str, Case]) -> dict[str, str]:
    assert len(cases) == 25
    too_quick = [name for name, case in cases.items() if case.failure is None and case.seconds <= 0.002]
    assert not too_quick  # no pass without work
    return {name: case.failure for name, case in cases.items() if case.failure is not None}


def assert_fails(found: dict[str, str], wanted: dict[str, str]) -> None:
    assert set(found) == set(wanted)
    for name, part in wanted.items():
        assert part in found[name]


def changed(clone: Path) -> list[str]:
    return git(clone, "diff", "--name-only", "HEAD~1", "HEAD").split()


def test_each_fix_mends_what_it_says_and_nothing_else(
    clone: Path, fix: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    cases = graded(clone)
    assert_fails(failures(cases), {OAUTH: "HTTP 403", CHAT: "HTTP 401", EXECUTION: "/api/chat answered HTTP 404"})

    assert fix().returncode == 0  # 22 of 25 again, but the chat gets further than before
    assert changed(clone) == [f"examples/agents/services/{name}/settings.py" for name in ("auth", "backend")]
    wanted = {
        OAUTH: "HTTP 403",
        CHAT: "the handshake chose the subprotocol None",
        EXECUTION: "/api/chat answered HTTP 404",
    }
    assert_fails(failures(graded(clone)), wanted)

    assert fix().returncode == 0
    assert changed(clone) == ["examples/agents/services/backend/channels.py"]
    assert_fails(failures(graded(clone)), {OAUTH: "HTTP 403", EXECUTION: "/api/chat answered HTTP 404"})

    assert fix().returncode == 0
    assert changed(clone) == [SUITE]
    assert_fails(failures(graded(clone)), {OAUTH: "HTTP 403"})


def test_the_fixer_gives_its_reasons_and_gives_up_when_nothing_is_left(
    clone: Path, fix: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    names = [CHAT, CHAT, EXECUTION]
    for name in names:
        assert fix().returncode == 0
        trailers = dict(
            line.split(": ", 1) for line in git(clone, "log", "-1", "--format=%(trailers:unfold)").splitlines() if line
        )
        assert set(trailers) == {"Root-cause", "Fixes-case", "Learned"}
        suite, path, _, case = trailers["Fixes-case"].split("::")
        assert (suite, path, case) == ("p1-critical", SUITE, name)
        assert git(clone, "status", "--porcelain") == ""
    head = git(clone, "rev-parse", "HEAD")
    given_up = fix()
    assert (given_up.returncode, given_up.stdout) == (3, "nothing left to fix\n")
    assert git(clone, "rev-parse", "HEAD") == head


def test_the_fixer_says_when_a_patch_does_not_fit(
    clone: Path, fix: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    settings = clone / "examples/agents/services/auth/settings.py"
    settings.write_text(settings.read_text().replace('"agents-ws"', '"something-else"'))
    git(clone, "commit", "--quiet", "--all", "--message=meddle")
    refused = fix()
    assert refused.returncode == 1
    assert refused.stderr.startswith("1-jwt-config.patch: ")
    assert "services/auth/settings.py" in refused.stderr
    assert git(clone, "status", "--porcelain") == ""


def test_the_fixer_wants_a_brief(clone: Path) -> None:
    refused = subprocess.run(
        [clone / "examples/agents/fix.py"], cwd=clone, env=ENV, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "LOOP_BRIEF" in refused.stderr


def test_all_services_share_one_environment() -> None:
    wanted = {
        (EXAMPLE / "services" / name / "requirements.txt").read_bytes() for name in ("auth", "backend", "frontend")
    }
    assert len(wanted) == 1
    assert all(re.fullmatch(rb"[A-Za-z-]+==[\d.]+", line) for line in wanted.pop().split())
