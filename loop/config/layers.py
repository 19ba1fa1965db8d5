"""One environment's files as one map: the `extends:` chain, merged from its foundation up and freed of `x-` keys.

Maps merge key by key, lists and scalars replace, `null` removes. Every value keeps the place of the file that won.
"""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace

from loop.config.document import Located, parse
from loop.config.problems import Path, Place, Problem, found, matches

Read = Callable[[str], str | None]
"""The text of a path relative to the repository's root; None where there is no such file."""

MAX_FILES = 8

LITERAL = (
    ("services", "*", "env"),
    ("services", "*", "secrets"),
    ("services", "*", "template"),
    ("services", "*", "labels"),
    ("services", "*", "substitutions"),
    ("dependencies", "*", "expect"),
    ("suites", "*", "env"),
)
"""Maps whose keys are the user's own words: no `x-` key is dropped there."""


SHORTHANDS = {
    ("services", "*", "health"): "path",
    ("services", "*", "startup_probe", "http_get"): "path",
    ("services", "*", "liveness_probe", "http_get"): "path",
    ("traffic",): "strategy",
    ("hooks", "*"): "command",
}
"""Where a text stands for a map with that one key; widened before merging, so that a map merges into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """`root` is None when a file is missing or is no YAML: nothing further can be said then."""

    root: Located | None
    files: tuple[str, ...]
    """The environment's own file first, its foundation last."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read_layers(file: str, read: Read) -> Layers:
    chain: list[Located] = []
    files: list[str] = []
    problems: list[Problem] = []
    named_at: Place | None = None
    while file:
        refusal = _refusal(file, files, read)
        if refusal:
            problems.append(Problem(named_at or Place(file, 0), ("extends",) if named_at else (), refusal))
            return Layers(root=None, files=tuple(files), problems=tuple(problems))
        files.append(file)
        document = parse(read(file) or "", file)
        problems += document.problems
        if document.root is None:
            return Layers(root=None, files=tuple(files), problems=tuple(problems))
        chain.append(document.root)
        file, named_at = _foundation(document.root, file, problems)
    return _merged(chain, files, problems)


def _refusal(file: str, earlier: list[str], read: Read) -> str:
    """Why this file can not be the next of the chain, or nothing."""
    if file in earlier:
        return f"goes in a circle: {' -> '.join([*earlier, file])}"
    if len(earlier) >= MAX_FILES:
        return f"the chain is longer than {MAX_FILES} files"
    if file.startswith(("/", "../")):
        return f"{file} lies outside the repository"
    if read(file) is not None:
        return ""
    other = file.removesuffix(".yaml") + ".yml"
    renamed = f"; rename {other}" if file.endswith(".yaml") and read(other) is not None else ""
    return (f"no such file: {file}" if earlier else "no such file") + renamed


def _foundation(root: Located, file: str, problems: list[Problem]) -> tuple[str, Place | None]:
    """The file that `extends:` names, relative to the folder of the file that names it."""
    if not isinstance(root.value, dict):
        problems.append(Problem(root.place, (), f"expected a map of keys, found {found(root.value)}"))
        return "", None
    named = root.keys.get("extends")
    if named is None or named.value is None:
        return "", None
    if not named.text:
        problems.append(Problem(named.place, ("extends",), f"expected the name of a file, found {found(named.value)}"))
        return "", None
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), named.text)), named.place


def _merged(chain: list[Located], files: list[str], problems: list[Problem]) -> Layers:
    warnings: list[Problem] = []
    merged = Located(value={}, place=chain[0].place)
    for root in reversed(chain):
        own = {key: value for key, value in root.keys.items() if key != "extends"}
        merged = _over(merged, _normal(replace(root, value=own), ()), (), warnings)
    return Layers(root=merged, files=tuple(files), problems=tuple(problems), warnings=tuple(warnings))


def _over(below: Located, above: Located, path: Path, warnings: list[Problem]) -> Located:
    keys = dict(below.keys)
    for key, value in above.keys.items():
        here = (*path, key)
        if value.value is None:
            if keys.pop(key, None) is None:
                sentence = "is empty, which removes a key of the extended file; there is none to remove"
                warnings.append(Problem(value.place, here, sentence))
        elif isinstance(value.value, dict):
            under = keys.get(key)
            ground = under if under and isinstance(under.value, dict) else replace(value, value={})
            keys[key] = _over(ground, value, here, warnings)
        else:
            keys[key] = value
    return replace(above, value=keys)


def _normal(located: Located, path: Path) -> Located:
    """Without `x-` keys, shorthands written out."""
    for pattern, key in SHORTHANDS.items():
        if located.text is not None and len(path) == len(pattern) and matches(path, pattern):
            return replace(located, value={key: located})
    if not isinstance(located.value, dict):
        return located
    free = not any(matches(path, pattern) for pattern in LITERAL)
    kept = {key: value for key, value in located.keys.items() if not (free and key.startswith("x-"))}
    return replace(located, value={key: _normal(value, (*path, key)) for key, value in kept.items()})
