"""From an environment's name to its values: read, merge, substitute, validate, cross-check, convert.

Reads files only through the `read` it is given, so that the user's tree and a commit are loaded by the same code, and
variables only from the mapping it is given. Prints nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from loop.config import convert, known
from loop.config.checks import check
from loop.config.document import parse
from loop.config.layers import Layers, Read, read_layers
from loop.config.models import EnvironmentFile
from loop.config.problems import Problem, in_order
from loop.config.substitute import substitute
from loop.config.validate import plain, validate
from loop.core import environment as core
from loop.errors import ConfigError

FOLDER = "configs"
KNOWN_ISSUES = known.FILE
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    environment: core.Environment
    warnings: tuple[str, ...]
    """Sentences with file, line and key, as those of a ConfigError."""
    files: tuple[str, ...]
    """What makes it up, relative to the repository's root: its own file first, known-issues.yaml last."""
    merged: dict[str, Any]
    """The configuration as merged and substituted; secrets are still `${secret:VAR}`."""


def load(environment: str, *, read: Read, variables: Mapping[str, str], folder: str = FOLDER) -> Loaded:
    """Raises ConfigError with every problem that could be found."""
    file = _file(environment, folder)
    read = cache(read)  # out of a commit, each reading is a process
    layers = read_layers(file, read)
    if layers.root is None:
        raise ConfigError(in_order(layers.problems, layers.files), where=file, hint=_hint(environment))
    issues, known_problems = _known_issues(f"{folder}/{KNOWN_ISSUES}", read)
    files = (*layers.files, *([f"{folder}/{KNOWN_ISSUES}"] if issues is not None else []))
    substituted = substitute(layers.root, variables)
    checked = check(substituted.root, environment)
    model, complaints = validate(EnvironmentFile, substituted.root)
    unread = (*layers.problems, *substituted.problems)
    problems = (*unread, *known_problems, *checked.problems, *_news(complaints, unread))
    if problems or model is None:
        alone = substituted.unset if len(problems) == len(substituted.unset) else ()
        raise ConfigError(in_order(problems, files), where=file, hint=_hint(environment, alone))
    return Loaded(
        environment=convert.environment(environment, model, issues or ()),
        warnings=in_order((*layers.warnings, *substituted.warnings, *checked.warnings), files),
        files=files,
        merged=_in_order(plain(substituted.root)),
    )


def files(environment: str, *, read: Read, folder: str = FOLDER) -> tuple[str, ...]:
    """The files that make up an environment, as far as they can be read; no other can change what it says."""
    layers = read_layers(_file(environment, folder), read)
    listed = f"{folder}/{KNOWN_ISSUES}"
    return (*layers.files, *([listed] if read(listed) is not None else []))


def environments(names: tuple[str, ...], *, read: Read, folder: str = FOLDER) -> tuple[str, ...]:
    """Which of the folder's files are environments: all but known issues and what is only there to be extended."""
    chains = _chains(names, read, folder)
    extended = {file for layers in chains.values() for file in layers.files[1:]}

    def stands_alone(name: str) -> bool:
        if _named(name, read, folder):
            return True
        return f"{folder}/{name}" not in extended and not _foundation(chains[name])

    return tuple(name.removesuffix(".yaml") for name in chains if stands_alone(name))


def foundations(names: tuple[str, ...], *, read: Read, folder: str = FOLDER) -> tuple[str, ...]:
    """Files that nobody extends, and are no environments for all that: they name neither services nor suites."""
    chains = _chains(names, read, folder)
    extended = {file for layers in chains.values() for file in layers.files[1:]}
    files = (f"{folder}/{name}" for name in chains if _foundation(chains[name]) and not _named(name, read, folder))
    return tuple(file for file in files if file not in extended)


def _chains(names: tuple[str, ...], read: Read, folder: str) -> dict[str, Layers]:
    candidates = (name for name in sorted(names) if name.endswith(".yaml") and name != KNOWN_ISSUES)
    return {name: read_layers(f"{folder}/{name}", read) for name in candidates}


def _named(name: str, read: Read, folder: str) -> bool:
    """Whether the file itself says which environment it is."""
    document = parse(read(f"{folder}/{name}") or "", name).root
    return document is not None and "environment" in document.keys


def _foundation(layers: Layers) -> bool:
    return layers.root is not None and not {"services", "suites"} & layers.root.keys.keys()


def tree(root: FilePath) -> Read:
    """Read files of a folder on disk: the user's own tree."""

    def read(path: str) -> str | None:
        file = root / path
        if not file.is_file():
            return None
        try:
            return file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError([f"{path}: not UTF-8 text (byte {error.start})"], where=path) from None

    return read


def _file(environment: str, folder: str) -> str:
    if not NAME.fullmatch(environment):
        sentence = f'"{environment}" is no name of an environment: at most 40 lower-case letters, digits, - and _'
        raise ConfigError([sentence], where=folder)
    return f"{folder}/{environment}.yaml"


def _hint(environment: str, unset: Iterable[str] = ()) -> str:
    """`unset`: the variables without which the files are sound."""
    exports = " ".join(f"{name}=VALUE" for name in dict.fromkeys(unset))
    if exports:
        return f"for {environment}: export {exports}, then: loop config check --env {environment}"
    return f"`loop config docs` explains every key; `loop config check --env {environment}` reads it again"


def _in_order(merged: dict[str, Any]) -> dict[str, Any]:
    """The sections in the reference's order, wherever each was written."""
    return {key: merged[key] for key in EnvironmentFile.model_fields if key in merged}


def _news(complaints: tuple[Problem, ...], unread: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Without complaints of values that could not be read or filled in: their type means nothing."""
    said = {problem.path for problem in unread}
    return tuple(new for new in complaints if new.path not in said)


def _known_issues(file: str, read: Read) -> tuple[tuple[core.KnownIssue, ...] | None, tuple[Problem, ...]]:
    text = read(file)
    if text is None:
        return None, ()
    listed = known.parse_known(text, file)
    return tuple(entry.issue for entry in listed.entries), listed.problems
