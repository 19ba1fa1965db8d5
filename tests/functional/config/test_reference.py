"""The committed reference is what the program says: `make docs` writes it."""

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(("command", "file"), [("docs", "configuration.md"), ("schema", "configuration.schema.json")])
def test_the_committed_reference_is_what_the_program_says(command: str, file: str) -> None:
    said = subprocess.run([sys.executable, "-m", "loop", "config", command], capture_output=True, text=True, check=True)
    assert (DOCS / file).read_text() == said.stdout
