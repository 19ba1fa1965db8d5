"""docs/pains.md names tests that exist: a table of promises is worth what stands behind each row."""

import ast
import re
from pathlib import Path

from loop.core.model import ProblemKind

TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs" / "pains.md").read_text(encoding="utf-8")
SUITE = "functional/run/test_fault_suite.py"
ROWS = [line.split(" | ") for line in PAGE.splitlines() if re.match(r"\| \d", line)]


def names(path: str) -> set[str]:
    """Test functions of that file, methods included."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def fault_rows() -> list[list[object]]:
    """The arguments of the `Fault(...)` rows; None for what is not written out."""
    calls = (n for n in ast.walk(ast.parse((TESTS / SUITE).read_text(encoding="utf-8"))) if isinstance(n, ast.Call))
    rows = (c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "Fault")
    return [[each.value if isinstance(each, ast.Constant) else None for each in row.args] for row in rows]


def test_all_thirty_five_are_there_in_order() -> None:
    assert [int(row[0].strip("| ")) for row in ROWS] == list(range(1, 36))
    assert {len(row) for row in ROWS} == {4}


def test_every_row_names_a_test() -> None:
    assert [row[0] for row in ROWS if "`" not in row[3]] == []


def test_every_named_test_exists() -> None:
    named = re.findall(r"`((?:unit|functional|conformance)/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 50
    missing = [f"{path}::{name}" for path, name in named if name and name not in names(path)]
    assert missing == []
    assert [path for path, _ in named if not (TESTS / path).is_file()] == []


def test_every_row_of_the_fault_suite_stands_for_something_on_the_page_and_the_other_way_round() -> None:
    named = set(re.findall(r"`fault: ([^`]+)`", PAGE))
    assert named == {row[0] for row in fault_rows()}


NO_ROW = {ProblemKind.SUITE_NOT_RUN: "whatever keeps a suite from running is the reason itself"}


def test_every_reason_that_makes_results_invalid_has_a_row_in_the_fault_suite() -> None:
    shown = {row[4] for row in fault_rows() if row[2] == "invalid"}
    assert {kind for kind in ProblemKind if kind.value not in shown} == set(NO_ROW)
    assert [kind.value for kind in NO_ROW if f"`{kind.value}`" not in PAGE] == []
