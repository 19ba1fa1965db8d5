"""What kind of change a path is: the reader's first question is whether the product or its tests were edited.

A name that belongs to tests counts as tests even inside a service's source: a change that is called `product` must
be one.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import translate
from functools import cache

from loop.core.model import ChangeKind

CONFIG_FOLDER = "configs"
TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "e2e", "testdata"})
TEST_NAMES = (
    "test_*.py", "*_test.*", "*_tests.*", "*.test.*", "*.spec.*", "*_spec.*", "conftest.py", "*Test.java",
    "*Tests.java", "*Test.kt", "*IT.java", "pytest.ini", "tox.ini", "playwright.config.*", "jest.config.*",
    "vitest.config.*",
)  # fmt: skip
INFRA_FOLDERS = frozenset({".github", ".ci", ".circleci", "terraform"})
INFRA_NAMES = (
    "Dockerfile", "Dockerfile.*", "*.Dockerfile", "*.dockerfile", ".dockerignore", "docker-compose*", "compose.y*ml",
    "cloudbuild*.y*ml", "cloudbuild*.json", ".gcloudignore", "Makefile", "*.mk", "*.tf", "*.tfvars", ".gitlab-ci.yml",
)  # fmt: skip
RECIPE_NAMES = ("Dockerfile", ".dockerignore", "cloudbuild*.y*ml", "cloudbuild*.json", ".gcloudignore")
DOC_NAMES = ("*.md", "*.rst", "*.adoc", "LICENSE*", "CHANGELOG*", "AUTHORS*", "README*")
DOC_NAMES_OF_A_SERVICE = ("README*", "CHANGELOG*", "CONTRIBUTING*", "LICENSE*", "AUTHORS*")
"""Any other text in a service's source may be what it serves or runs on (a prompt, a template)."""


def classify(
    path: str,
    *,
    services: Sequence[str] = (),
    suites: Sequence[str] = (),
    config_files: Collection[str] = (),
    runners: Collection[str] = (),
) -> ChangeKind:
    """The kind of one path; all paths and folders are relative to the repository's root, with `/`.

    `runners`: files that a suite's run depends on, wherever they lie (`testside.runners`).
    """
    if path in runners and path not in config_files:
        return ChangeKind.TESTS
    if path in config_files or path.startswith(CONFIG_FOLDER + "/"):
        return ChangeKind.CONFIG
    name = path.rpartition("/")[2]
    inside = _below(path, services)
    folders = (path if inside is None else inside).split("/")[:-1]
    if _matches(name, INFRA_NAMES) or INFRA_FOLDERS.intersection(folders):
        return ChangeKind.INFRA
    if _below(path, suites) is not None or _matches(name, TEST_NAMES) or TEST_FOLDERS.intersection(folders):
        return ChangeKind.DOCS if _matches(name, DOC_NAMES_OF_A_SERVICE) else ChangeKind.TESTS
    if inside is not None:
        return ChangeKind.DOCS if _matches(name, DOC_NAMES_OF_A_SERVICE) else ChangeKind.PRODUCT
    if "docs" in folders or _matches(name, DOC_NAMES):
        return ChangeKind.DOCS
    # what lies in no service's source is in no image; the root as a source holds everything
    elsewhere = bool(services) and all(map(_fixed, services))
    return ChangeKind.INFRA if elsewhere else ChangeKind.PRODUCT


def built_with(path: str, services: Sequence[str]) -> bool:
    """Whether a file that is no source is of a service's image all the same, and of nothing else."""
    if TEST_FOLDERS.intersection(path.split("/")[:-1]):
        return False
    at_root = "/" not in path and not all(map(_fixed, services))
    return _below(path, services) is not None or (at_root and _matches(path, RECIPE_NAMES))


def kinds(found: Iterable[ChangeKind]) -> tuple[ChangeKind, ...]:
    """Each kind once, in the vocabulary's own order."""
    present = set(found)
    return tuple(kind for kind in ChangeKind if kind in present)


def _below(path: str, places: Sequence[str]) -> str | None:
    """The rest of `path` below the longest of the folders (or files) that hold it; the root itself holds nothing."""
    holders = [holder for holder in map(_fixed, places) if holder]
    inside = [path[len(f) + 1 :] or path.rpartition("/")[2] for f in holders if path == f or path.startswith(f + "/")]
    return min(inside, key=len, default=None)


def _fixed(place: str) -> str:
    """The part of a runner's argument or of a glob that names one place: `tests/a.py::TestX` is about `tests/a.py`."""
    parts = place.partition("::")[0].removeprefix("./").strip("/").split("/")
    globbed = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts))
    fixed = "/".join(parts[:globbed])
    return "" if place.startswith("-") or fixed == "." else fixed


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return _any_of(patterns).match(name) is not None


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression: a commit may have 100,000 files."""
    return re.compile("|".join(map(translate, patterns)))
