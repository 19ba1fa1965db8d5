"""A fix that empties a test gains a green case; the report says that it asserts nothing any more, and since when."""

import sys
from typing import Any

EMPTYING = """
import pathlib, subprocess
file = pathlib.Path("tests/test_smoke.py")
file.write_text(file.read_text().replace('assert ask("A", "/health")["answer"] == "right"', "assert True"))
subprocess.run(["git", "commit", "-qam", "Make it green"], check=True)
"""


def test_a_test_that_a_fix_emptied_is_marked_as_such_in_the_report(stack: Any) -> None:
    stack.write("fix.py", EMPTYING)
    stack.commit("A fixer that cheats")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    mark = "(asserts only what is always true): smoke::tests/test_smoke.py::test_a_is_right"
    assert mark not in stack.report(1, 0).replace("\\", "")
    assert f"emptied, had assertions in the iteration before {mark}" in stack.report(1, 1).replace("\\", "")


def test_a_flaky_case_counts_as_passed_with_its_mark_and_raw_stays_what_the_first_attempt_gave(stack: Any) -> None:
    stack.write("services/a/answer.txt", "right\n")
    flaky = (
        "\n\ndef test_z_flaky(tmp_path_factory):\n    import pathlib\n    seen = pathlib.Path('seen-once')\n"
        "    first = not seen.exists()\n    seen.touch()\n    assert not first\n"
    )
    stack.write("tests/test_smoke.py", stack.read("tests/test_smoke.py") + flaky)
    stack.write(".gitignore", "seen-once\n")
    stack.configure("timeout: 60s", "timeout: 60s, retry_failed: 2")
    stack.commit("A flaky case")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    judged = stack.record(1, 0)["judgement"]
    assert (judged["raw"]["passed"], judged["adjusted"]["passed"]) == (3, 4)
    assert judged["flaky"] == ["smoke::tests/test_smoke.py::test_z_flaky"]
    assert "retry 1: 1 of 1 failed cases passed" in stack.report(1, 0)
    assert sys.executable in stack.report(1, 0)
