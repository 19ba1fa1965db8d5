"""Fresh tokens for a running suite: only for who knows the address, only as long as the suite runs."""

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from loop.errors import AccessDenied, Cancelled
from loop.suites import tokens

FETCHING = """
def test_each_is_fresh(loop_token):
    assert [loop_token("api"), loop_token("api")] == ["token-1", "token-2"]

def test_one_that_can_not_be_had(loop_token):
    loop_token("denied")

def test_of_no_service(loop_token):
    loop_token("nobody")
"""


def counting() -> Callable[[], str]:
    made: list[str] = []

    def fresh() -> str:
        made.append("token")
        return f"token-{len(made)}"

    return fresh


def denied() -> str:
    raise AccessDenied("calling denied: hunter2hunter2 is refused", where="services/denied", hint="loop resume")


def stopped() -> str:
    raise Cancelled


SERVICES = {"api": counting, "denied": lambda: denied, "stopped": lambda: stopped}


@pytest.fixture
def address() -> Any:
    fresh = {name: make() for name, make in SERVICES.items()}
    with tokens.serving(fresh, lambda text: text.replace("hunter2hunter2", "[redacted]")) as url:
        yield url


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_every_answer_is_made_anew(address: str) -> None:
    assert [get(f"{address}/api") for _ in range(2)] == [(200, "token-1"), (200, "token-2")]


def test_who_does_not_know_the_address_gets_nothing_and_learns_nothing(address: str) -> None:
    parts = urlsplit(address)
    word = parts.path.strip("/")
    assert len(word) >= 40
    for path in ("/api", "/", f"/{word[:-1]}/api", f"/{word}x/api", "//api", f"/api/{word}"):
        assert get(f"http://{parts.netloc}{path}") == (404, ""), path


def test_it_listens_on_loopback_only(address: str) -> None:
    assert urlsplit(address).hostname == "127.0.0.1"


def test_only_questions_are_answered(address: str) -> None:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request("POST", f"{parts.path}/api", b"x")
    assert connection.getresponse().status == 501
    connection.close()


def test_a_refusal_is_told_in_words_and_without_secrets(address: str) -> None:
    assert get(f"{address}/denied") == (503, "calling denied: [redacted] is refused (services/denied); loop resume")
    assert get(f"{address}/stopped") == (503, "the run is being stopped")
    status, words = get(f"{address}/nobody")
    assert (status, words) == (404, "there is no service 'nobody'; there are: api, denied, stopped")


def test_it_ends_with_its_block_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with tokens.serving({"api": counting()}, str) as url:
        assert get(f"{url}/api")[0] == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/api")
    assert threading.active_count() <= before


def test_the_fixture_fetches_each_time_and_a_refusal_fails_the_case_with_its_words(project: Any, address: str) -> None:
    project.env["LOOP_TOKEN_URL"] = address
    project.env |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    project.write(test_it=FETCHING)
    ran = project.pytest("test_it.py")
    assert ran.case("test_each_is_fresh").outcome == "passed"
    assert "no token for denied: calling denied: [redacted] is refused" in ran.case("can_not_be_had").message
    assert "no token for nobody: there is no service 'nobody'" in ran.case("of_no_service").message


def test_under_xdist_every_worker_fetches(project: Any, address: str) -> None:
    project.env["LOOP_TOKEN_URL"] = address
    case = "def test_%d(loop_token):\n    assert loop_token('api').startswith('token-')\n"
    project.write(test_it="".join(case % n for n in range(4)))
    ran = project.pytest("test_it.py", "-n", "2")
    assert set(ran.outcomes.values()) == {"passed"}


def test_without_an_address_the_case_says_where_tokens_come_from(project: Any) -> None:
    project.write(test_it="def test_it(loop_token):\n    loop_token('api')\n")
    assert "LOOP_TOKEN_URL is not set" in project.pytest("test_it.py").case("test_it").message
