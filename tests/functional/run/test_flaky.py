"""`loop flaky` on a real journal: the same images and the same test, and another outcome."""

from typing import Any

COIN = """

def test_z_coin():
    assert os.environ["COIN"] == "heads"
"""


def test_a_case_that_changes_its_mind_is_named_and_a_repaired_one_is_not(stack: Any) -> None:
    stack.without_fixer()
    stack.write("tests/test_smoke.py", stack.read("tests/test_smoke.py") + COIN)
    stack.commit("A coin")
    assert stack.loop("flaky").returncode == 2
    for coin, right in (("heads", "wrong"), ("tails", "wrong"), ("heads", "right")):
        if right == "right":
            stack.write("services/a/answer.txt", "right\n")
            stack.commit("Answer rightly")
        stack.loop("run", "--env", "local", env={"COIN": coin})
    head, _, titles, first, second = stack.loop("flaky").stdout.splitlines()
    assert head == "local: 2 cases of 4 changed over 3 valid iterations, oldest first."
    assert titles.split() == ["Last", "Passed", "Flips", "Case"]
    assert first.split() == ["PFP", "2/3", "2/2", "flaky", "smoke::tests/test_smoke.py::test_z_coin"]
    assert second.split() == ["FFP", "1/3", "1/2", "smoke::tests/test_smoke.py::test_a_is_right"]
    assert "over 2 valid iterations" in stack.loop("flaky", "--last", "2").stdout


def test_a_case_that_another_helper_decides_is_not_flaky(stack: Any) -> None:
    stack.without_fixer()
    text = stack.read("tests/test_smoke.py")
    stack.write("tests/test_smoke.py", text + "\n\ndef test_z_helped():\n    import helpers\n    helpers.check()\n")
    for body in ("assert False", "pass"):
        stack.write("tests/helpers.py", f"def check():\n    {body}\n")
        stack.commit("Another helper")
        stack.loop("run", "--env", "local")
    row = stack.loop("flaky").stdout.splitlines()[-1]
    assert row.split() == ["FP", "1/2", "1/1", "smoke::tests/test_smoke.py::test_z_helped"]
    fixed = stack.record(2, 0)["judgement"]["baseline"]["fixed"]
    assert [case["credit"] for case in fixed] == ["tests"]
