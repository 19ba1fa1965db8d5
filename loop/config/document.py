"""YAML text -> values that know the file and line they came from.

The standard safe loader forgets positions and lets a repeated key win silently; this reads the same language from its
nodes and keeps both. It constructs no objects but text, numbers, truth values, lists and maps.
"""

from dataclasses import dataclass, field

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from loop.config.problems import Path, Place, Problem

Scalar = str | int | float | bool | None

MAX_VALUES = 50_000
"""Aliases can make a short file unfold without end; no real configuration comes near this."""
MAX_DEPTH = 40

TAG = "tag:yaml.org,2002:"
NUMBERS = {TAG + "int", TAG + "float", TAG + "bool", TAG + "null"}
TEXTS = {TAG + "str", TAG + "timestamp", TAG + "value", TAG + "merge"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A value and the place of the key (or list item) that defined it."""

    value: "Scalar | dict[str, Located] | list[Located]"
    place: Place
    written: str = ""
    """A scalar as it stands in the file: `1.10` where the value is 1.1."""

    @property
    def keys(self) -> "dict[str, Located]":
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Located]":
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str | None:
        return self.value if isinstance(self.value, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one file says; `root` is None where it could not be read as YAML at all."""

    root: Located | None
    problems: tuple[Problem, ...] = ()


def parse(text: str, file: str) -> Document:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        return Document(root=None, problems=(_syntax(error, text, file),))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        sentence = f"not valid YAML: the character #x{error.character:04x} is not allowed"
        return Document(root=None, problems=(Problem(Place(file, line), (), sentence),))
    except RecursionError:
        return Document(root=None, problems=(Problem(Place(file, 1), (), "nested too deeply"),))
    if node is None:
        return Document(root=Located(value={}, place=Place(file, 1)))
    unfolding = _Unfolding(file=file)
    root = unfolding.value(node, (), Place(file, node.start_mark.line + 1))
    return Document(root=root, problems=tuple(unfolding.problems))


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    at_the_end = error.problem_mark is not None and error.problem_mark.index >= len(text)
    mark = (at_the_end and error.context_mark) or error.problem_mark
    line = mark.line if mark else 0
    lines = text.splitlines()
    written = lines[line] if line < len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Problem(Place(file, line + 1), (), "not valid YAML: a tab indents this line; YAML takes spaces only")
    what = ", ".join(part for part in (error.context, error.problem) if part)
    column = f" (column {mark.column + 1})" if mark else ""
    return Problem(Place(file, line + 1), (), f"not valid YAML: {what}{column}")


@dataclass(slots=True, kw_only=True)
class _Unfolding:
    """The walk from YAML's nodes to values: collects problems, and stops where a file would unfold without end."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    values: int = 0
    open: list[Node] = field(default_factory=list)

    def value(self, node: Node, path: Path, place: Place) -> Located:
        if self.refused(node, path, place):
            return Located(value=None, place=place)
        self.open.append(node)
        try:
            match node:
                case MappingNode():
                    return Located(value=self.mapping(node, path), place=place)
                case SequenceNode():
                    return Located(value=self.sequence(node, path), place=place)
                case _:
                    return Located(value=self.scalar(node, path, place), place=place, written=str(node.value))
        finally:
            self.open.pop()

    def refused(self, node: Node, path: Path, place: Place) -> bool:
        self.values += 1
        if self.values > MAX_VALUES:
            if self.values == MAX_VALUES + 1:
                self.problem(
                    Place(self.file, 0), (), f"unfolds to more than {MAX_VALUES} values; fewer aliases, please"
                )
            return True
        if any(node is outer for outer in self.open):
            self.problem(place, path, "this alias contains itself")
            return True
        if len(path) > MAX_DEPTH:
            self.problem(place, (), f"nested more than {MAX_DEPTH} levels deep")
            return True
        return False

    def sequence(self, node: SequenceNode, path: Path) -> list[Located]:
        return [self.value(item, (*path, index), self.place(item)) for index, item in enumerate(node.value)]

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Located]:
        """The node's own keys over those of its merge keys (`<<`)."""
        merged: dict[str, Located] = {}
        own: dict[str, Located] = {}
        for key, value in node.value:
            place = self.place(key)
            if key.tag == TAG + "merge":
                merged = {**self.merge_key(value, path, place), **merged}
            elif not isinstance(key, ScalarNode) or not key.value:
                self.problem(place, path, "a key must be text")
            elif key.value in own:
                first = own[key.value].place.line
                self.problem(place, (*path, key.value), f"this key stands twice, first in line {first}")
            else:
                own[key.value] = self.value(value, (*path, key.value), place)
        return {**merged, **own}

    def merge_key(self, node: Node, path: Path, place: Place) -> dict[str, Located]:
        """Earlier maps of a list win over later ones, as YAML's merge keys say."""
        merged: dict[str, Located] = {}
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if isinstance(source, MappingNode):
                merged = {**self.value(source, path, place).keys, **merged}
            else:
                self.problem(place, path, "<< takes a map or a list of maps")
        return merged

    def scalar(self, node: Node, path: Path, place: Place) -> Scalar:
        if node.tag in TEXTS:
            return str(node.value)
        if node.tag not in NUMBERS:
            self.problem(place, path, f"the tag {node.tag.replace(TAG, '!!')} means nothing here")
            return None
        try:
            constructed: Scalar = SafeConstructor().construct_document(node)
        except (ValueError, KeyError, OverflowError, yaml.YAMLError):
            self.problem(place, path, f'"{node.value}" is no {node.tag.replace(TAG, "")}')
            return None
        return constructed

    def place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1)

    def problem(self, place: Place, path: Path, sentence: str) -> None:
        self.problems.append(Problem(place, path, sentence))
