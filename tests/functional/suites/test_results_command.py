"""`loop results FILE...`: result files alone, without a run or a configuration."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys, typer
from loop.cli.results import results
app = typer.Typer()
app.command()(results)
app(sys.argv[1:])
"""
GOOD = '<testsuite name="s"><testcase name="a"/><testcase name="b"><failure message="got 403"/></testcase></testsuite>'


def results(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_counts_and_failing_cases_are_told_for_each_file(tmp_path: Path) -> None:
    good = write(tmp_path / "good.xml", GOOD)
    answer = results(good)
    assert answer.returncode == 0
    assert f"{good}: 1 passed, 1 failed" in answer.stdout
    assert "failed b: got 403" in answer.stdout


def test_json_gives_counts_and_flags_for_each_file(tmp_path: Path) -> None:
    good = write(tmp_path / "good.xml", GOOD)
    cut = write(tmp_path / "cut.xml", GOOD[:60])
    answer = results("--json", good, cut)
    assert answer.returncode == 4
    one, two = json.loads(answer.stdout)["files"]
    assert (one["path"], one["flags"]) == (str(good), [])
    assert one["counts"] == {"passed": 1, "failed": 1, "error": 0, "skipped": 0}
    assert two["counts"]["passed"] == 1
    assert two["flags"] == ["truncated at byte 60"]


def test_a_file_that_can_carry_no_verdict_ends_with_4(tmp_path: Path) -> None:
    for text in ("", "<html/>", '<testsuite name="s"/>', GOOD[:60]):
        assert results(write(tmp_path / "bad.xml", text)).returncode == 4
    assert results(tmp_path / "missing.xml").returncode == 4


def test_no_secret_is_printed(tmp_path: Path) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    inner = f'<testcase name="x {token}"><failure message="sent {token}"/></testcase>'
    bad = write(tmp_path / "r.xml", f'<testsuite name="{token}" tests="9">{inner}</testsuite>')
    for answer in (results(bad), results("--json", bad)):
        assert token not in answer.stdout + answer.stderr
        assert answer.returncode == 0


def test_a_file_that_claims_more_than_it_holds_says_so(tmp_path: Path) -> None:
    inner = '<testsuite name="s" tests="{}"><testcase name="a"/></testsuite>'
    more = write(tmp_path / "more.xml", inner.format(25))
    lost = write(tmp_path / "lost.xml", f'<testsuites tests="25">{inner.format(1)}</testsuites>')
    told, refused = results(more), results(lost)
    assert "counts disagree: s says 25 tests and holds 1" in told.stdout
    assert "suites are missing: the root says 25 tests, the suites in it 1" in refused.stdout
    assert (told.returncode, refused.returncode) == (0, 4)
