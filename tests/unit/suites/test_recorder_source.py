"""What the recorder may not do, for it runs inside other people's interpreters."""

import ast
import sys
from pathlib import Path

import pytest

import loop.suites

FOLDER = Path(loop.suites.__path__[0]) / "recorder"
FILES = sorted(FOLDER.glob("*.py"))
ALLOWED = sys.stdlib_module_names | {"pytest", "loop_tokens", "loop_tracing"}


def imported(tree: ast.AST) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_recorder_is_python_3_8_and_imports_the_standard_library_and_pytest_only(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    assert {name.partition(".")[0] for name in imported(tree)} <= ALLOWED
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


def test_the_recorder_is_alone_in_its_folder() -> None:
    assert [path.name for path in FILES] == ["loop_recorder.py", "loop_tokens.py", "loop_tracing.py"]
