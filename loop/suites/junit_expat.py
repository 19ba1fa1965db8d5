"""Reads a well-formed JUnit XML document: expat's events go to the builder, but for those of plain cases.

Nearly every case is plain: nothing stands in it, and it tells its name, its class and its time. It is made right here.
"""

from collections.abc import Callable
from typing import BinaryIO
from xml.parsers import expat

from loop.core.model import Outcome
from loop.suites.junit_builder import Attributes, Builder, Raw, Refused
from loop.suites.junit_recovery import TAG_LIMIT

CHUNK = 1 << 18
_TELLING = frozenset({"file", "class", "status", "result"})
"""Attributes that make more of a case than its name, its class and its time do."""
_INFINITE = float("inf")
_tuple = tuple.__new__  # what Raw(...) does in the end, without its Python code


def by_expat(stream: BinaryIO) -> Builder:
    """The whole document, or ExpatError at the first thing that is not well-formed."""
    parser = expat.ParserCreate()
    builder = Builder(lambda listens: setattr(parser, "CharacterDataHandler", builder.text if listens else None))
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = _handlers(builder)
    parser.EntityDeclHandler = _refuse_entity
    try:
        _parse(parser, stream)
    finally:  # parser and builder hold each other: taken apart, they go without a search for cycles
        parser.StartElementHandler = parser.EndElementHandler = None
        parser.CharacterDataHandler = parser.EntityDeclHandler = None
        builder.deafen()
    return builder


def _parse(parser: expat.XMLParserType, stream: BinaryIO) -> None:
    seen = 0
    while data := stream.read(CHUNK):
        parser.Parse(data, False)
        seen += len(data)
        if seen - parser.CurrentByteIndex > TAG_LIMIT:
            raise Refused(f"a single tag is longer than {TAG_LIMIT} bytes")
    parser.Parse(b"", True)


def _handlers(builder: Builder) -> tuple[Callable[[str, Attributes], None], Callable[[str], None]]:
    """Start and end for expat. A case is held back until it shows whether anything stands in it.

    Two functions with names of their own and no call in between: for a plain case, calls would cost more than the work.
    """
    held: Attributes | None = None
    keep, shared = builder.raws.append, builder.classnames.setdefault
    passed = Outcome.PASSED

    def start(name: str, attributes: Attributes) -> None:
        nonlocal held
        if held is not None:
            builder.start("testcase", held)
            held = None
        elif name == "testcase" and builder.idle:
            held = attributes
            return
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal held
        if held is None:
            builder.end(name)
            return
        attributes, held, suite = held, None, builder.suite
        try:
            case, classname, seconds = attributes["name"], attributes["classname"], float(attributes["time"])
        except (KeyError, ValueError):
            suite = None
        told_more = len(attributes) > 3 and not _TELLING.isdisjoint(attributes)
        if suite is None or told_more or not 0.0 <= seconds < _INFINITE:
            builder.start("testcase", attributes)
            builder.end("testcase")
            return
        suite.tests += 1
        raw = (suite.path, "", shared(classname, classname), case, seconds, passed, None, suite.file)
        keep(_tuple(Raw, raw))

    return start, end


def _refuse_entity(*_: object) -> None:
    raise Refused("the document declares entities of its own")
