"""Private services through the real command line: strangers are refused, our probes and suites are let in."""

from pathlib import Path
from typing import Any

import pytest

ASKING = """
import json, os, time, urllib.error, urllib.request

def status(service, token="", header="Authorization"):
    request = urllib.request.Request(os.environ["LOOP_URL_" + service] + "/health")
    if token:
        request.add_header(header, "Bearer " + token)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
"""

CASES = (
    ASKING
    + """
def test_a_stranger_is_refused():
    assert status("A") == 403

def test_the_token_of_the_start_is_refused_once_it_has_expired():
    until = time.monotonic() + 30
    while status("A", os.environ["LOOP_TOKEN_A"]) == 200 and time.monotonic() < until:
        time.sleep(0.05)
    assert status("A", os.environ["LOOP_TOKEN_A"]) == 401

def test_a_fresh_one_is_let_in_then(loop_token):
    assert status("A", loop_token("a")) == 200

def test_any_client_can_fetch_one():
    with urllib.request.urlopen(os.environ["LOOP_TOKEN_URL"] + "/a") as answer:
        assert status("A", answer.read().decode(), "X-Serverless-Authorization") == 200

def test_a_public_service_needs_none():
    assert "LOOP_TOKEN_B" not in os.environ
    assert status("B") == 200
"""
)


@pytest.fixture
def private(stack: Any) -> Any:
    """The tiny stack with a private service `a`, without a fixer."""
    stack.write("services/a/answer.txt", "right\n")
    stack.configure("{source: services/a, health: /health}", "{source: services/a, health: /health, access: private}")
    stack.without_fixer()
    stack.write("tests/test_smoke.py", CASES)
    return stack


def test_a_suite_goes_on_after_its_token_expired_and_strangers_stay_out(private: Any) -> None:
    dependency = 'dependencies: {itself: {http: "${services.a.url}/health", expect: {status: ok}}}'
    private.write("configs/local.yaml", private.read("configs/local.yaml") + dependency + "\n")
    private.commit("A private service")
    run = private.loop("run", "--env", "local", env={"LOOP_EMULATOR_TOKEN_LIFETIME": "4"})
    assert run.returncode == 0, run.stdout + run.stderr
    assert private.record(1, 0)["judgement"]["counts"] == {"passed": 5}


def test_no_token_and_no_address_of_tokens_is_written_anywhere(private: Any, tmp_path: Path) -> None:
    told = tmp_path / "told"
    private.write(
        "tests/test_smoke.py",
        ASKING
        + f"""
def test_a_suite_that_tells_all(loop_token):
    told = [os.environ["LOOP_TOKEN_A"], os.environ["LOOP_TOKEN_URL"], loop_token("a")]
    open({str(told)!r}, "w").write("\\n".join(told))
    print(*told)
    assert status("A", told[0] + "x") == 200, told
""",
    )
    private.commit("A chatty suite")
    run = private.loop("run", "--env", "local")
    assert run.returncode == 1, run.stdout + run.stderr
    token, address, fresh = told.read_text().split()
    secret = (token.rpartition(".")[2], address.rpartition("/")[2], fresh.rpartition(".")[2])
    assert "[redacted" in private.report(1, 0)
    for path in [p for p in private.root.rglob("*") if p.is_file()]:
        assert not any(text.encode() in path.read_bytes() for text in secret), path
    assert not any(text in run.stdout + run.stderr for text in secret)


def test_access_is_kept_as_it_is_found_and_set_as_it_is_asked_for(private: Any) -> None:
    """Private by our doing, then private without it, then public again."""
    both = "\ndef test_it(loop_token):\n    assert status('A') == 403\n    assert status('A', loop_token('a')) == 200\n"
    private.write("tests/test_smoke.py", ASKING + both + "    assert status('A', os.environ['LOOP_TOKEN_A']) == 200\n")
    private.commit("A private service")
    assert private.loop("run", "--env", "local").returncode == 0
    private.configure(", access: private", "")
    private.commit("Left as it is")
    planned = private.loop("plan", "--env", "local")
    assert planned.stdout.count("settings and traffic are as wanted") == 2, planned.stdout
    run = private.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    private.configure("services/a, health: /health", "services/a, health: /health, access: public")
    private.write("tests/test_smoke.py", ASKING + "\ndef test_it():\n    assert status('A') == 200\n")
    private.commit("Open")
    planned = private.loop("plan", "--env", "local")
    assert "access: private -> public" in planned.stdout, planned.stdout
    run = private.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_private_candidate_is_called_at_its_tag_with_the_services_own_token(private: Any, tmp_path: Path) -> None:
    """And after the promotion, when the suites run once more, at the service's address."""
    told = tmp_path / "told"
    case = f"""
def test_it(loop_token):
    open({str(told)!r}, "a").write(os.environ["LOOP_URL_A"] + "\\n")
    assert status("A") == 403
    assert status("A", loop_token("a")) == status("A", os.environ["LOOP_TOKEN_A"]) == 200
"""
    private.write("tests/test_smoke.py", ASKING + case)
    private.commit("A private service")
    assert private.loop("run", "--env", "local").returncode == 0
    private.write("configs/local.yaml", private.read("configs/local.yaml") + "traffic: candidate\n")
    private.write("services/a/answer.txt", "right \n")
    private.commit("A candidate")
    run = private.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    before, at_its_tag, confirmed = told.read_text().split()
    assert before == confirmed != at_its_tag
