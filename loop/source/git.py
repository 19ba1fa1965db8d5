"""The one place that starts git, always with the same settings, so that no user's configuration changes an answer.

Nothing here knows what a run is. Every failure that git reports is a UsageError with git's own last words.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loop.errors import UsageError

SETTINGS = {
    "core.quotepath": "off",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.safecrlf": "false",
    "core.trustctime": "true",
    "core.checkStat": "default",
    "core.ignoreStat": "false",
    "core.filesRefLockTimeout": "5000",
    "color.ui": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "log.showSignature": "false",
    "worktree.useRelativePaths": "false",
}
"""Answers in plain bytes, no hooks of the user's, no house-keeping when git chooses, no change overlooked."""

NOWHERE = os.devnull
AS_COMMITTED = {
    "core.attributesFile": NOWHERE,
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.sparseCheckout": "false",
}
"""In a worktree of ours: whole, and written as the commit and its own attributes say."""

FOREIGN = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
    "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_EXTERNAL_DIFF",
    "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE",
)  # fmt: skip
"""What a git hook or a script around `loop` may have set for another repository or another commit."""

INSTALL = "install git 2.31 or later and see that it is on PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A work tree and the git directory that belongs to it: the user's, or one worktree of ours."""

    root: Path
    git_dir: Path
    """For a linked worktree its own folder below the common one; always named to git, never looked for again."""
    excludes: Path | None = None
    """Ignore patterns in place of the user's own `core.excludesFile`."""

    @property
    def common(self) -> Path:
        """The git directory that all worktrees share."""
        pointer = self.git_dir / "commondir"
        if not pointer.exists():
            return self.git_dir
        return Path(os.path.normpath(self.git_dir / pointer.read_text().strip()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    out: bytes

    @property
    def text(self) -> str:
        """Standard output without the final newline; bytes that are not UTF-8 survive as surrogates."""
        return decode(self.out).removesuffix("\n")


def run(
    repo: Repository,
    *arguments: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
    timeout: float = 300.0,
) -> Answer:
    """One git command on `repo`; an exit status that is not in `accept` is a UsageError."""
    place = [f"--git-dir={repo.git_dir}", f"--work-tree={repo.root}"]
    if repo.excludes is not None:
        place += ["-c", f"core.excludesFile={repo.excludes}", *_words(AS_COMMITTED)]
    return start([*place, *arguments], cwd=repo.root, stdin=stdin, env=env, accept=accept, timeout=timeout)


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
    timeout: float = 300.0,
    hint: str = "",
) -> Answer:
    """As `run`, where there is no repository yet; git looks for one from `cwd`."""
    try:
        done = subprocess.run(
            command(*arguments), cwd=cwd, input=stdin, env=environment(env), capture_output=True, timeout=timeout,
            start_new_session=True, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise _not_startable(cwd) from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git {_verb(arguments)} did not end within {timeout:.0f} s", where=str(cwd)) from error
    if done.returncode not in accept:
        raise UsageError(f"git {_verb(arguments)} failed: {_last_words(done)}", where=str(cwd), hint=hint)
    return Answer(status=done.returncode, out=done.stdout)


def command(*arguments: str) -> list[str]:
    return ["git", *_words(SETTINGS), *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The process's own without what would point git elsewhere, without prompts, and objects as they are named."""
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    own = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1"}
    return env | own | dict(extra or {})


def decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def fields(raw: bytes) -> list[str]:
    """The parts of a `-z` output."""
    return [decode(part) for part in raw.split(b"\0")][:-1]


def _words(settings: Mapping[str, str]) -> list[str]:
    return [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]


def _not_startable(cwd: Path) -> UsageError:
    if not cwd.is_dir():
        return UsageError("no such folder", where=str(cwd))
    return UsageError("git is not installed", hint=INSTALL)


def _verb(arguments: Sequence[str]) -> str:
    words = iter(arguments)
    for word in words:
        if word == "-c":
            next(words)
        elif not word.startswith("-"):
            return word
    return ""


def _last_words(done: "subprocess.CompletedProcess[bytes]") -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"
