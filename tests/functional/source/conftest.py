"""Real repositories in temporary folders, with a git that knows nobody: no identity, no global configuration."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from loop import source

Git = Callable[..., str]
Write = Callable[..., None]
AUTHOR = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org"}
COMMITTER = {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org"}


@pytest.fixture(autouse=True)
def _bare_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """`git("add", "-A", at=folder)`: as a user would, with an identity of this command alone."""

    def run(*arguments: str, at: Path | None = None) -> str:
        env = {**os.environ, **AUTHOR, **COMMITTER}
        place = at or tmp_path / "clone"
        command = ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=True)
        return done.stdout.rstrip("\n")

    return run


@pytest.fixture
def empty(tmp_path: Path, git: Git) -> source.Repository:
    """A repository without a commit."""
    (tmp_path / "clone").mkdir()
    git("init", "--quiet")
    return source.find(tmp_path / "clone")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Files below the clone, or below another folder."""

    def files(contents: dict[str, str], at: Path | None = None) -> None:
        for name, content in contents.items():
            path = (at or tmp_path / "clone") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    return files


@pytest.fixture
def repo(empty: source.Repository, git: Git, write: Write) -> source.Repository:
    """A service, a test and one commit."""
    write({"services/web/app.py": "print('one')\n", "tests/test_web.py": "assert True\n", ".gitignore": "*.log\n"})
    git("add", "-A")
    git("commit", "--quiet", "-m", "First")
    return empty
