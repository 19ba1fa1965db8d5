"""The names that a configuration's `template:` is checked against are those of the installed client."""

from pathlib import Path

from loop.cloud import template_fields
from loop.config import template_fields as shipped


def test_the_shipped_names_are_what_make_docs_prints():
    assert Path(shipped.__file__).read_text(encoding="utf-8") == template_fields.text()
