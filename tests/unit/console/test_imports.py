"""What a command does not need is not imported: `loop --help` answers in 0.3 s."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["loop.console.choose", "loop.console.summary", "loop.console.listing", "loop.console.jsonlines"]
)
def test_text_needs_neither_rich_nor_jinja(module: str) -> None:
    loaded = _loaded_by(module)
    assert not {"rich", "jinja2", "pydantic", "sqlalchemy", "loop.reports"} & loaded


def test_rendering_imports_jinja_only_when_html_is_rendered() -> None:
    assert "jinja2" not in _loaded_by("loop.reports.render")


def _loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
