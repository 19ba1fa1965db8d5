"""What else than the product and a case's own file can turn that case green. Pure.

A helper, a conftest, the runner's configuration, a plugin, a script that runs or prepares a suite, a data file: where
one of these changed together with the product, nobody can say which of the two mended a case.
"""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from loop.core.changes import built_with
from loop.core.environment import Charter, Suite
from loop.core.model import ChangeKind

PYTEST_FILES = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg",
)  # fmt: skip
"""Where pytest looks for its settings, in every folder from its arguments upwards."""
CONFTEST = "conftest.py"
_BETWEEN_WORDS = re.compile(r"[\s;&|()<>=,\"'`]+")


def places(charter: Charter) -> tuple[str, ...]:
    """Files and folders, from the repository's root, that the suites name as their tests and sources.

    `.` names none: a suite that works in a service's folder does not make that service a test.
    """
    found = [(suite.workdir, word) for suite in charter.suites for word in suite.pytest or ()]
    found += [(".", glob) for suite in charter.suites for glob in suite.sources]
    words = ((folder, word) for folder, word in found if not word.startswith("-") and word not in (".", "./"))
    named = (_from_root(charter.root, folder, word) for folder, word in words)
    return tuple(place for place in named if place not in {"", *_upwards(charter.root)})


def runners(charter: Charter) -> frozenset[str]:
    """Files, from the repository's root, that a suite's run depends on: what commands name, pytest's settings."""
    words = [(".", charter.workspace.setup)]
    words += [(suite.workdir, text) for suite in charter.suites for text in _commands(suite)]
    named = (_from_root(charter.root, folder, word) for folder, text in words if text for word in _words(text))
    folders = {folder for suite in charter.suites for folder in _folders(suite, charter)}
    return frozenset(named) | {posixpath.join(folder, name) for folder in folders for name in PYTEST_FILES}


def ways(charter: Charter) -> tuple[object, ...]:
    """All of a charter that can turn a case green; what only counts, gates or limits can not."""
    suites = {s.name: (s.pytest, s.command, s.junit, s.python, s.workdir, s.env, s.setup, s.list, s.retry_failed)
              for s in charter.suites}  # fmt: skip
    hooks = charter.hooks
    return suites, charter.workspace, (hooks.before_deploy, hooks.after_deploy, hooks.before_suites)


def decides(path: str, kind: ChangeKind, services: Sequence[str]) -> bool:
    """Whether that file can decide a case. What a service is built with can so only through its revision."""
    return kind is ChangeKind.TESTS or (kind is ChangeKind.INFRA and not built_with(path, services))


def decisive(
    changed: Mapping[str, ChangeKind], *, services: Sequence[str], collected: Collection[str], ran_by: Collection[str]
) -> frozenset[ChangeKind]:
    """The kinds of changed files that can decide any case; paths from the repository's root.

    A collected file holds cases: it decides those, as their own source, and no others.
    """

    def only_cases(path: str) -> bool:
        return path in collected and path not in ran_by and posixpath.basename(path) != CONFTEST

    return frozenset(kind for path, kind in changed.items() if decides(path, kind, services) and not only_cases(path))


def digest(blobs: Iterable[tuple[str, str]], charter: Charter) -> str:
    """One name for all that decides cases beside the product: (path, content id) of those files, and the ways."""
    total = sha256(repr(ways(charter)).encode("utf-8", "surrogatepass"))
    for path, content in sorted(blobs):
        total.update(f"{path}\0{content}\0".encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _commands(suite: Suite) -> tuple[str | None, ...]:
    return (suite.command, suite.setup, suite.list, *(suite.pytest or ()))


def _words(text: str) -> Iterator[str]:
    """Each word as a file, and as a module (`-m tools.run`, `-p tools.plugin`)."""
    for word in filter(None, _BETWEEN_WORDS.split(text)):
        yield word
        module = word.removeprefix("-p").replace(".", "/")
        yield from (f"{module}.py", f"{module}/__init__.py")


def _folders(suite: Suite, charter: Charter) -> Iterator[str]:
    yield from _upwards(_from_root(charter.root, suite.workdir, "."))
    for word in suite.pytest or ():
        if not word.startswith("-"):
            yield from _upwards(_from_root(charter.root, suite.workdir, word.partition("::")[0]))


def _upwards(folder: str) -> Iterator[str]:
    """That folder and all above it; the repository's root is the empty one."""
    folder = "" if folder in (".", "") else posixpath.normpath(folder)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _from_root(root: str, folder: str, word: str) -> str:
    """Empty for what lies outside the repository, or is its root."""
    path = posixpath.normpath(posixpath.join(root, folder, word))
    return "" if path == "." or path.startswith(("/", "../")) or path == ".." else path
