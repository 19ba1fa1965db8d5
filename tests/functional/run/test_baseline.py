"""A case that is skipped since the baseline keeps the goal from being met, until somebody says why that is right."""

from typing import Any

SKIPPED = "smoke::tests/test_smoke.py::test_b_reaches_a"
GONE = "smoke::tests/test_smoke.py::test_a_answers"


def test_a_weakened_case_counts_until_it_is_accepted_and_again_when_it_ran_since(stack: Any) -> None:
    stack.without_fixer()
    stack.write("services/a/answer.txt", "right\n")
    before = stack.loop("baseline", "show", "--env", "local")
    assert before.returncode == 2
    good = stack.commit("All green")
    text = stack.read("tests/test_smoke.py")
    assert stack.loop("run", "--env", "local").returncode == 0
    shown = stack.loop("baseline", "show").stdout
    assert f"local-1 initial: commit {good[:10]} All green" in shown
    assert "3 cases: 3 passed" in shown
    skipping = text.replace("def test_b", "import pytest\n@pytest.mark.skip\ndef test_b").replace(
        "def test_a_a", "def a_a"
    )
    stack.write("tests/test_smoke.py", skipping)
    stack.commit("Skip one, drop one")
    assert stack.loop("run", "--env", "local").returncode == 1
    refused = stack.loop("baseline", "accept", "smoke::nowhere", SKIPPED, "--reason", "x")
    assert refused.returncode == 2
    assert f"weakened there: {SKIPPED}, {GONE}" in refused.stderr
    assert "smoke::nowhere" in refused.stderr
    accepted = stack.loop("baseline", "accept", SKIPPED, GONE, "--reason", "b moves to another team")
    assert accepted.returncode == 0, accepted.stderr
    assert "loop resume local-2 --again" in accepted.stderr
    run = stack.loop("resume", "local-2", "--again")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1/1" in run.stdout
    report = stack.report(2, 1).replace("\\", "")
    for case in (SKIPPED, GONE):
        assert f"{case} no longer counts: accepted by " in report
    assert "(b moves to another team)" in report
    assert f"accepted: {SKIPPED} (" in (shown := stack.loop("baseline", "show").stdout)
    assert "b moves to another team" in shown
    nothing = stack.loop("baseline", "accept", SKIPPED, "--reason", "x")
    assert nothing.returncode == 2
    assert "no case is weakened there" in nothing.stderr
    stack.write("tests/test_smoke.py", text)
    stack.commit("All run again")
    assert stack.loop("run", "--env", "local").returncode == 0
    stack.write("tests/test_smoke.py", skipping)
    stack.commit("Skip it once more")
    again = stack.loop("run", "--env", "local")
    assert again.returncode == 1, again.stdout
    assert stack.record(4, 0)["judgement"]["weakened"] == [SKIPPED, GONE]
    assert stack.record(4, 0)["judgement"]["notes"] == []
