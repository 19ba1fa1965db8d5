"""A configuration is a map of file names to text here; nothing touches a disk."""

from collections.abc import Callable, Mapping
from textwrap import dedent

import pytest

from loop.config import Loaded, load
from loop.errors import ConfigError

SOUND = """\
environment: e
platform: {endpoint: emulator}
services:
  web: {source: services/web}
suites:
  smoke: {pytest: tests}
"""


class Files(dict[str, str]):
    """`files["configs/e.yaml"] = text`; loads as a repository would."""

    def load(self, name: str = "e", **variables: str) -> Loaded:
        return load(name, read=self.get, variables=variables)

    def problems(self, name: str = "e", **variables: str) -> list[str]:
        with pytest.raises(ConfigError) as raised:
            self.load(name, **variables)
        return list(raised.value.problems)


@pytest.fixture
def files() -> Files:
    return Files({"configs/e.yaml": SOUND})


@pytest.fixture
def given(files: Files) -> Callable[..., Files]:
    """A sound environment with further lines, or with other files beside it."""

    def given(more: str = "", beside: Mapping[str, str] | None = None) -> Files:
        files["configs/e.yaml"] = SOUND + dedent(more)
        files.update({name: dedent(text) for name, text in (beside or {}).items()})
        return files

    return given


@pytest.fixture
def only(files: Files) -> Callable[[str], Files]:
    """An environment with exactly this text."""

    def only(text: str) -> Files:
        files["configs/e.yaml"] = dedent(text)
        return files

    return only
