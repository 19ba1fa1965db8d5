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
