"""Marks for the reader: which collected tests can not fail, by their source. Reads the worktree, judges nothing."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from loop.core.blind import blind, emptied, function_of
from loop.suites.report import Order

NAMED = 20
"""Tests that are named one by one."""
READ = 2_000_000
"""Bytes of a test file that are read; a longer one is generated, and its marks would help nobody."""


def marks(order: Order, nodeids: Iterable[str]) -> list[str]:
    """`nodeids`: pytest's, counted from the root."""
    collected: dict[str, dict[str, None]] = {}
    for nodeid in nodeids:
        file, function = function_of(nodeid)
        collected.setdefault(file, {})[function] = None
    told = [mark for file, functions in collected.items() for mark in _of_file(order, file, functions)]
    more = [f"and {len(told) - NAMED} more tests that assert nothing"] if len(told) > NAMED else []
    return [order.clean(mark) for mark in (*told[:NAMED], *more)]


def _of_file(order: Order, file: str, functions: Iterable[str]) -> Iterator[str]:
    source = _text(order.root / file)
    found = blind(source) if source else {}
    named = [function for function in functions if function in found]
    before = order.earlier(file) if named else None
    lost = emptied(before, source) if before else ()
    for function in named:
        word = "emptied, had assertions in the iteration before" if function in lost else "asserts nothing"
        yield f"{word} ({found[function]}): {order.suite.name}::{file}::{function}"


def _text(path: Path) -> str:
    if path.suffix != ".py":
        return ""
    try:
        with path.open("rb") as file:
            raw = file.read(READ + 1)
    except (OSError, ValueError):  # ValueError: a name with a null character in it
        return ""
    return raw.decode("utf-8", "replace") if len(raw) <= READ else ""
