"""`loop known` on a real journal: a failure becomes a known issue, the next run is met but for it, until it expires."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

CASE = "smoke::tests/test_smoke.py::test_a_is_right"
FILE = "configs/known-issues.yaml"
SAID = ("--owner", "ann", "--reason", "the answer is not ours", "--until", "2099-12-31")


@pytest.fixture
def failed(stack: Any) -> Any:
    stack.without_fixer()
    stack.commit("No fixer")
    assert stack.loop("run", "--env", "local").returncode == 1
    return stack


def test_a_failure_is_listed_covered_and_expires(failed: Any) -> None:
    stack = failed
    added = stack.loop("known", "add", CASE, *SAID)
    assert added.returncode == 0, added.stderr
    assert "signature of its newest judged failure (local-1 initial)" in added.stderr
    (row,) = stack.loop("known", "list").stdout.splitlines()[1:]
    days = (date(2099, 12, 31) - datetime.now(UTC).date()).days
    assert f"ann    2099-12-31  {days}" in row
    assert row.endswith("active, would cover 1 case now")
    stack.commit("A known issue")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "met but for 1 known issue" in run.stderr + run.stdout
    assert "2/3 (2/2, 1 known)" in run.stdout
    expired = stack.loop("known", "expire", CASE)
    yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    assert (expired.returncode, expired.stdout) == (0, f"{FILE}: {CASE} expired on {yesterday}\n")
    assert "expired, would cover 1 case now" in stack.loop("known", "list").stdout
    stack.commit("It expired")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1
    assert f"expired on {yesterday}: 1 case counted plainly" in " ".join(stack.report(3, 0).split())
    again = stack.loop("known", "expire", CASE)
    assert again.returncode == 2
    assert "already" in again.stderr


def test_what_no_run_ever_had_is_refused_unless_it_is_yet_to_come(failed: Any) -> None:
    stack = failed
    refused = stack.loop("known", "add", CASE.replace("right", "wright"), "--signature", "x", *SAID)
    assert refused.returncode == 2
    assert f'did you mean "{CASE}"?' in refused.stderr
    assert not (stack.root / FILE).exists()
    unseen = stack.loop("known", "add", "smoke::*::test_later", "--signature", "HTTP 403", "--unseen", *SAID)
    assert unseen.returncode == 0, unseen.stderr
    (row,) = stack.loop("known", "list").stdout.splitlines()[1:]
    assert row.endswith("active")


def test_a_passing_case_has_no_signature_to_take(failed: Any) -> None:
    refused = failed.loop("known", "add", CASE.replace("is_right", "answers"), *SAID)
    assert refused.returncode == 2
    assert "--signature" in refused.stderr


@pytest.mark.parametrize(("until", "why"), [("2026-02-30", "calendar"), ("soon", "calendar"), ("2020-01-01", "over")])
def test_a_last_day_must_be_a_day_to_come(stack: Any, until: str, why: str) -> None:
    refused = stack.loop("known", "add", CASE, "--signature", "x", "--unseen", *SAID[:-1], until)
    assert refused.returncode == 2
    assert why in refused.stderr


def test_a_file_with_a_mistake_is_left_as_it_is(stack: Any) -> None:
    stack.write(FILE, "- pattern: x\n")
    refused = stack.loop("known", "add", CASE, "--signature", "x", "--unseen", *SAID)
    assert refused.returncode == 2
    assert f"{FILE}:1" in refused.stderr
    assert stack.read(FILE) == "- pattern: x\n"


def test_the_same_issue_is_not_listed_twice(stack: Any) -> None:
    arguments = ("known", "add", CASE, "--signature", "x", "--unseen", *SAID)
    assert stack.loop(*arguments).returncode == 0
    before = stack.read(FILE)
    refused = stack.loop(*arguments)
    assert refused.returncode == 2
    assert f"{FILE}:7" in refused.stderr
    assert stack.read(FILE) == before
