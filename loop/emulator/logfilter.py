"""The Logging query language over entries in their JSON form. A pure function of text and entry; touches no store.

Source: "Logging query language" (cloud.google.com/logging/docs/view/logging-query-language): NOT binds tightest, then
OR, then AND; neighbours are joined by AND; comparisons of text ignore case, regular expressions do not.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Entry = dict[str, Any]
SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
TOKEN = re.compile(
    r"""\s*(?:
    (?P<comment>--[^\n]*)
  | (?P<op>!=|>=|<=|=~|!~|[=<>:])
  | (?P<paren>[()])
  | (?P<minus>-(?=[A-Za-z"(]))
  | (?P<word>(?:"(?:[^"\\]|\\.)*"|[^\s()=<>:!"~])+)
    )""",
    re.VERBOSE,
)


class FilterError(ValueError):
    """The filter can not be understood; says where."""


@dataclass(frozen=True, slots=True)
class Comparison:
    path: tuple[str, ...]
    op: str
    value: str

    def __call__(self, entry: Entry) -> bool:
        if self.op == "!=":
            return not any(_compare(found, "=", self.value, self.path) for found in _lookup(entry, self.path))
        if self.op == "!~":
            return not any(_compare(found, "=~", self.value, self.path) for found in _lookup(entry, self.path))
        return any(_compare(found, self.op, self.value, self.path) for found in _lookup(entry, self.path))


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple["Test", ...]

    def __call__(self, entry: Entry) -> bool:
        return all(part(entry) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple["Test", ...]

    def __call__(self, entry: Entry) -> bool:
        return any(part(entry) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    part: "Test"

    def __call__(self, entry: Entry) -> bool:
        return not self.part(entry)


@dataclass(frozen=True, slots=True)
class Anywhere:
    text: str

    def __call__(self, entry: Entry) -> bool:
        return any(self.text.lower() in str(leaf).lower() for leaf in _leaves(entry))


Test = Comparison | AllOf | AnyOf | Not | Anywhere


def parse(text: str) -> Test:
    tokens = _tokens(text)
    if not tokens:
        return AllOf(())
    parser = _Parser(tokens)
    test = parser.conjunction()
    if parser.kind != "end":
        raise FilterError(f"unexpected {parser.text!r} in the filter")
    return test


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = iter([*tokens, ("end", "")])
        self.kind, self.text = next(self._tokens)

    def conjunction(self) -> Test:
        parts = [self._disjunction()]
        while self.kind != "end" and self.text != ")":
            self._skip("AND")
            parts.append(self._disjunction())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _disjunction(self) -> Test:
        parts = [self._negation()]
        while self._skip("OR"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _negation(self) -> Test:
        if self._skip("NOT") or self._skip("-"):
            return Not(self._negation())
        if self._skip("("):
            test = self.conjunction()
            self._expect(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        field = self._take("word")
        if self.kind != "op":
            return Anywhere(_unquoted(field))
        op = self._take("op")
        path = tuple(_path(field))
        if not self._skip("("):
            return Comparison(path, op, _unquoted(self._take("word")))
        values = self._values(path, op)
        self._expect(")")
        return values

    def _values(self, path: tuple[str, ...], op: str) -> Test:
        """`field = ("a" OR "b")`, and AND likewise."""
        parts: list[Test] = [Comparison(path, op, _unquoted(self._take("word")))]
        join: Callable[[tuple[Test, ...]], Test] = AnyOf
        while self.text in ("AND", "OR"):
            join = AnyOf if self.text == "OR" else AllOf
            self._next()
            parts.append(Comparison(path, op, _unquoted(self._take("word"))))
        return join(tuple(parts))

    def _next(self) -> str:
        text = self.text
        self.kind, self.text = next(self._tokens)
        return text

    def _skip(self, text: str) -> bool:
        if self.text != text or self.kind == "end":
            return False
        self._next()
        return True

    def _take(self, kind: str) -> str:
        if self.kind != kind:
            raise FilterError(f"expected a {kind} in the filter, found {self.text!r}")
        return self._next()

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise FilterError(f"expected {text!r} in the filter, found {self.text!r}")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found or found.end() == at:
            raise FilterError(f"can not read the filter from {text[at : at + 40]!r}")
        at = found.end()
        kind = str(found.lastgroup)
        if kind != "comment":
            tokens.append((kind, found[kind]))
    return tokens


def _path(field: str) -> Iterator[str]:
    for part in re.findall(r'"(?:[^"\\]|\\.)*"|[^."]+', field):
        name = _unquoted(part)
        # Both spellings of a field are accepted; keys of maps (quoted, or under `labels`) are left as they are.
        yield name
    if not field:
        raise FilterError("a comparison has no field")


def _unquoted(word: str) -> str:
    if len(word) >= 2 and word[0] == word[-1] == '"':
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


def _lookup(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _lookup(each, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        key = path[0] if path[0] in value else _camel(path[0])
        if key in value:
            yield from _lookup(value[key], path[1:])
        elif "." in ".".join(path) and ".".join(path) in value:  # labels.a.b/c, unquoted
            yield value[".".join(path)]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _compare(found: Any, op: str, wanted: str, path: tuple[str, ...]) -> bool:
    if op == ":":
        return wanted == "*" or any(wanted.lower() in str(leaf).lower() for leaf in _leaves(found))
    if isinstance(found, dict):
        return False
    if op == "=~":
        return re.search(wanted, str(found)) is not None
    left, right = _comparable(found, wanted, path)
    if left is None or right is None:
        return False
    outcome: bool = {
        "=": left == right,
        "<": left < right,
        ">": left > right,
        "<=": left <= right,
        ">=": left >= right,
    }[op]
    return outcome


def _comparable(found: Any, wanted: str, path: tuple[str, ...]) -> tuple[Any, Any]:
    last = path[-1].lower()
    if path == ("severity",):
        return _severity(str(found)), _severity(wanted)
    if last.endswith("timestamp"):
        return _time(str(found)), _time(wanted)
    if last == "latency":
        return _number(str(found).removesuffix("s")), _number(wanted.removesuffix("s"))
    if isinstance(found, bool):
        return str(found).lower(), wanted.lower()
    if isinstance(found, int | float) or last in ("requestsize", "responsesize"):
        return _number(str(found)), _number(wanted)
    return str(found).lower(), wanted.lower()


def _severity(name: str) -> int | None:
    return SEVERITIES.index(name.upper()) if name.upper() in SEVERITIES else None


def _time(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
