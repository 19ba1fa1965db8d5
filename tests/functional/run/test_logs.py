"""`loop logs`: what a service wrote, of which revision, and as it goes on; nothing of it unredacted."""

import json
import signal
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLW9mLXRoZS1wbGFudA"
LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEFAULT|INFO|ERROR) +a-l[a-z2-7]{6}-0  "


@pytest.fixture
def ran(stack: Any) -> Any:
    """One run of Initial; a says a few words when it is asked."""
    stack.without_fixer()
    coloured = f"{JWT[:30]}\\x1b[1m{JWT[30:]}"
    said = f'print("asked", self.path, "{JWT}", flush=True); print("two\\nlines", "{coloured}", flush=True)'
    app = stack.read("services/a/app.py").replace("def do_GET(self):", f"def do_GET(self):\n        {said}")
    stack.write("services/a/app.py", app)
    stack.commit("Talkative")
    assert stack.loop("run", "--env", "local").returncode == 1
    return stack


def test_lines_carry_time_severity_and_revision_oldest_first(ran: Any) -> None:
    import re

    shown = ran.loop("logs", "a")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert all(re.match(LINE, line) for line in lines), lines
    assert "starting a-l" in lines[0]
    assert [line[:24] for line in lines] == sorted(line[:24] for line in lines)
    assert any("asked /health [redacted" in line for line in lines)
    assert JWT.split(".")[1] not in shown.stdout
    assert " - 200" not in shown.stdout


def test_more_than_fits_into_one_answer_is_read(stack: Any) -> None:
    stack.without_fixer()
    loud = 'print(("x" * 9000 + "\\n") * 600, flush=True)\n'
    app = stack.read("services/a/app.py")
    stack.write("services/a/app.py", app.replace("ANSWER =", f"{loud}ANSWER =", 1))
    stack.commit("Loud")
    assert stack.loop("run", "--env", "local").returncode == 1
    shown = stack.loop("logs", "a", "-n", "700")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("x" * 9000) == 600


def test_a_number_a_revision_and_the_request_log_can_be_asked_for(ran: Any) -> None:
    last = ran.loop("logs", "a", "-n", "2").stdout.splitlines()
    assert last == ran.loop("logs", "a", "--env", "local").stdout.splitlines()[-2:]
    requests = ran.loop("logs", "b", "--requests").stdout
    assert "GET http" in requests
    assert "/via - 200, " in requests
    mine, others = (ran.record(1, 0)["services"][name]["revision"] for name in ("a", "b"))
    assert mine in ran.loop("logs", "a", "--revision", mine).stdout
    none = ran.loop("logs", "a", "--revision", mine, "--since", "1ms")
    assert (none.returncode, none.stdout) == (0, "")
    assert f"no line of a ({mine}) in the last 1ms" in none.stderr
    for revision in ("a-labcdef-9", others):
        unknown = ran.loop("logs", "a", "--revision", revision)
        assert (unknown.returncode, unknown.stdout) == (2, "")
        assert f"error: a has no revision {revision}" in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("c",), ("no service is called c", "SERVICE takes: a, b")),
        (("a", "--env", "lokal"), ("there is no environment lokal", "there are: local")),
        (("a", "--since", "10"), ("expected a time with its unit such as 90s, 10m, 2h or 1d, found 10", "--since 10m")),
        (("a", "--since", "soon"), ("expected a duration", "--since 10m")),
    ],
)
def test_a_mistyped_word_is_answered_with_those_that_there_are(stack: Any, arguments: Any, said: Any) -> None:
    shown = stack.loop("logs", *arguments)
    assert shown.returncode == 2
    assert all(sentence in shown.stderr for sentence in said), shown.stderr


def test_of_several_environments_one_must_be_named(stack: Any) -> None:
    stack.write("configs/other.yaml", stack.read("configs/local.yaml").replace("environment: local", ""))
    shown = stack.loop("logs", "a")
    assert shown.returncode == 2
    assert "--env takes: local, other" in shown.stderr


def test_following_shows_what_comes_until_ctrl_c(ran: Any, nothing_runs: Callable[[Path], None]) -> None:
    url = ran.record(1, 0)["services"]["a"]["url"]
    follower = ran.start("logs", "a", "--follow", "--since", "1d")
    before = follower.stdout.readline()
    assert "starting a-l" in before
    urllib.request.urlopen(f"{url}/from-outside").read()
    assert any("asked /from-outside" in line for line in follower.stdout)
    follower.send_signal(signal.SIGINT)
    rest, errors = follower.communicate(timeout=20)
    assert follower.returncode == 0, errors
    assert "Traceback" not in errors
    assert "from-outside" not in rest
    nothing_runs(ran.root)


def test_who_has_read_enough_may_go(ran: Any) -> None:
    follower = ran.start("logs", "a", "--follow")
    url = ran.record(1, 0)["services"]["a"]["url"]
    follower.stdout.readline()
    follower.stdout.close()
    with suppress(OSError):  # where it was gone at once, so is the emulator that it held
        urllib.request.urlopen(f"{url}/one-more").read()
    assert follower.wait(timeout=20) == 0
    assert "Traceback" not in follower.stderr.read()
    follower.stderr.close()


def test_the_lines_of_a_failed_start_are_in_terminal_brief_and_report(stack: Any) -> None:
    stack.write("services/a/app.py", "print('no such table: users', flush=True)\nraise SystemExit(1)\n")
    keep = "import os, shutil, sys\nshutil.copy(os.environ['LOOP_BRIEF'], '../../brief.json')\nsys.exit(3)\n"
    stack.write("fix.py", keep)
    stack.commit("It does not start")
    run = stack.loop("run", "--env", "local")
    assert "  | no such table: users" in run.stderr
    assert "  | no such table: users" in run.stdout
    assert "no such table: users" in stack.report(1, 0)
    brief = json.loads((stack.root / ".loop" / "brief.json").read_text())
    assert "no such table: users" in next(s for s in brief["services"] if s["name"] == "a")["log"]
    assert "no such table: users" in stack.loop("logs", "a").stdout
