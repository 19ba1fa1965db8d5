"""Reads what claims to be JUnit XML and is not well-formed: keeps what can be recovered, and says what was wrong.

Knows the elements of JUnit's dialects; only their tags are markup, any other `<` is text. Reads from a stream with a
bounded buffer, and hands the builder a balanced sequence whatever the document holds.
"""

import re
from collections.abc import Callable
from typing import TextIO

from loop.suites.junit_builder import KINDS, OUTPUT, PROPERTY, RESULT, SUITE, Attributes, Builder, Refused, local_name

FIRST_READ = 1 << 16
TAG_LIMIT = 1 << 25
"""Characters of one tag; above that the document is refused."""

_NAMES = frozenset(KINDS) | {"properties", "stacktrace"}
_TEXT_KINDS = frozenset({RESULT, OUTPUT, PROPERTY})
_TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]*+)")
_TAG_REST = re.compile(r"""[^"'>]*+(?:"[^"]*+"[^"'>]*+|'[^']*+'[^"'>]*+)*+>""")
_ATTRIBUTE = re.compile(r"""([\w:.-]++)\s*+=\s*+(?:"([^"]*+)"?|'([^']*+)'?|([^\s"'>]++))""")
_ENTITY = re.compile(r"&(#x?[0-9A-Fa-f]{1,8}|amp|lt|gt|quot|apos);")
_COLOUR = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class Recovery:
    """One pass over one document."""

    def __init__(self, stream: TextIO, builder: Builder) -> None:
        self.wrong: dict[str, None] = {}
        """What was not well-formed, in the order of its first appearance."""
        self.unbalanced = False
        """Elements were closed that the document does not close: something may be missing."""
        self.truncated = False
        self.documents = 0
        self._stream = stream
        self._builder = builder
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._open: list[str] = []

    def read(self) -> None:
        while self._next():
            pass
        if self._open:
            self.truncated = True
        self._builder.cut_short()

    def _more(self) -> bool:
        """Reads as much again as is waiting, so that a long token costs linear time."""
        if self._ended:
            return False
        waiting = len(self._buffer) - self._at
        if waiting > TAG_LIMIT:
            raise Refused(f"a single tag is longer than {TAG_LIMIT} characters")
        data = self._stream.read(max(FIRST_READ, waiting))
        self._ended = not data
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        return True

    def _next(self) -> bool:
        """One step of text or markup; False at the end of the document."""
        start = self._buffer.find("<", self._at)
        if start < 0:
            self._text(self._buffer[self._at :])
            self._at = len(self._buffer)
            return self._more()
        if start > self._at:
            self._text(self._buffer[self._at : start])
            self._at = start
        if len(self._buffer) - start < 64 and self._more():
            return True
        self._markup()
        return True

    def _markup(self) -> None:
        buffer, at = self._buffer, self._at
        if buffer.startswith("<![CDATA[", at):
            self._skip(9)
            self._until("]]>", self._raw_text, "a CDATA section is not closed")
        elif buffer.startswith("<!--", at):
            self._skip(4)
            self._until("-->", _nothing, "a comment is not closed")
        elif buffer.startswith("<?", at):
            self._skip(2)
            self._until("?>", _nothing, "a processing instruction is not closed")
        elif buffer.startswith("<!DOCTYPE", at):
            self._doctype()
        else:
            self._tag()

    def _skip(self, count: int) -> None:
        self._at += count

    def _until(self, end: str, take: Callable[[str], None], complaint: str) -> None:
        while (found := self._buffer.find(end, self._at)) < 0:
            keep = max(self._at, len(self._buffer) - len(end) + 1)
            take(self._buffer[self._at : keep])
            self._at = keep
            if not self._more():
                self.wrong[complaint] = None
                self.truncated = True
                take(self._buffer[self._at :])
                self._at = len(self._buffer)
                return
        take(self._buffer[self._at : found])
        self._at = found + len(end)

    def _doctype(self) -> None:
        """A broken document that declares anything of its own is refused; entities are never expanded."""
        while (end := self._buffer.find(">", self._at)) < 0 and self._more():
            pass
        if "[" in self._buffer[self._at : end if end >= 0 else None]:
            raise Refused("the document declares entities or elements of its own")
        self._at = len(self._buffer) if end < 0 else end + 1

    def _tag(self) -> None:
        opened = _TAG.match(self._buffer, self._at)
        name = "" if opened is None else local_name(opened[2])
        if opened is None or name not in _NAMES or not self._is_markup(opened[1], name):
            self._loose()
            return
        rest = self._rest_of_tag(opened.end() - self._at)
        if rest is None:
            self.truncated = True
            self.wrong["a tag is not closed"] = None
            self._at = len(self._buffer)
        elif opened[1]:
            self._end(name)
        else:
            self._start(name, rest)

    def _is_markup(self, slash: str, name: str) -> bool:
        """Inside a text, only its own end and what can not stand inside it are tags."""
        if not self._open or KINDS.get(self._open[-1]) not in _TEXT_KINDS:
            return True
        if slash:
            return name in self._open
        return KINDS.get(name) not in _TEXT_KINDS

    def _loose(self) -> None:
        """A `<` that begins no tag we know: text where text is, else an element of no interest to us."""
        if self._open and KINDS.get(self._open[-1]) in _TEXT_KINDS:
            self.wrong["a raw `<` in text"] = None
        self._text("<")
        self._at += 1

    def _rest_of_tag(self, offset: int) -> str | None:
        """The tag from after its name, its `>` included. None where the document ends before."""
        while (rest := _TAG_REST.match(self._buffer, self._at + offset)) is None:
            if not self._more():
                return self._up_to_bracket(offset)
        self._at = rest.end()
        return rest[0]

    def _up_to_bracket(self, offset: int) -> str | None:
        end = self._buffer.find(">", self._at + offset)
        if end < 0:
            return None
        self.wrong["a quote in a tag is not closed"] = None
        self.unbalanced = True
        rest = self._buffer[self._at + offset : end + 1]
        self._at = end + 1
        return rest

    def _start(self, name: str, rest: str) -> None:
        self._close_for(name)
        if not self._open:
            self.documents += 1
        attributes = self._attributes(rest)
        self._open.append(name)
        self._builder.start(name, attributes)
        if rest.endswith("/>"):
            self._pop()

    def _close_for(self, name: str) -> None:
        """A case does not stand in a case's text, nor a suite in a case: their ends are missing."""
        if KINDS.get(name) == SUITE:
            inner = {"testcase", *_text_names}
        elif name == "testcase":
            inner = set(_text_names)
        else:
            return
        while self._open and self._open[-1] in inner:
            self._missing_end()

    def _missing_end(self) -> None:
        self.wrong[f"the end of a `{self._open[-1]}` is missing"] = None
        self.unbalanced = True
        self._pop()

    def _end(self, name: str) -> None:
        if name not in self._open:
            self.wrong[f"an end of `{name}` without its start"] = None
            self.unbalanced = True
            return
        while self._open[-1] != name:
            self._missing_end()
        self._pop()

    def _pop(self) -> None:
        self._builder.end(self._open.pop())

    def _text(self, data: str) -> None:
        if self._open:
            self._raw_text(self._resolved(data))

    def _raw_text(self, data: str) -> None:
        if self._open and data:
            self._builder.text(self._printable(data))

    def _attributes(self, rest: str) -> Attributes:
        found: Attributes = {}
        for name, double, single, bare in _ATTRIBUTE.findall(rest):
            value = double or single or bare
            if "<" in value:
                self.wrong["a raw `<` in an attribute"] = None
            found.setdefault(name.rpartition(":")[2], self._printable(self._resolved(value)))
        return found

    def _resolved(self, data: str) -> str:
        return _ENTITY.sub(_character, data) if "&" in data else data

    def _printable(self, data: str) -> str:
        if _CONTROL.search(data):
            self.wrong["characters that XML forbids"] = None
            return _CONTROL.sub("\ufffd", _COLOUR.sub("", data))
        return data


_text_names = frozenset(name for name in _NAMES if KINDS.get(name) in _TEXT_KINDS) | {"properties", "stacktrace"}


def _nothing(_: str) -> None:
    return


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if name in _NAMED:
        return _NAMED[name]
    code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
