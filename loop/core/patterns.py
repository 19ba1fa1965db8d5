"""Patterns over whole case ids: `*` is any text, every other character is itself, brackets included.

One meaning for capabilities, known issues and selections, because a file glob would read pytest's `[x]` as a set.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache


def matches(pattern: str, text: str) -> bool:
    return matcher(pattern)(text)


def matches_any(patterns: Iterable[str], text: str) -> bool:
    return any(matcher(pattern)(text) for pattern in patterns)


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> Callable[[str], bool]:
    """A predicate whose time is linear in the text; the common shapes never enter the regex engine."""
    match pattern.split("*"):
        case [whole]:
            return lambda text: text == whole
        case ["", "", *rest] if not any(rest):
            return lambda _: True
        case ["", middle, ""]:
            return lambda text: middle in text
        case [start, ""]:
            return lambda text: text.startswith(start)
        case ["", end]:
            return lambda text: text.endswith(end)
        case parts:
            found = re.compile(_expression(parts), re.DOTALL).fullmatch
            return lambda text: found(text) is not None


def _expression(parts: list[str]) -> str:
    """Each inner part is found once, at its first place (an atomic group): no backtracking over earlier stars."""
    first, *inner, last = (re.escape(part) for part in parts)
    return first + "".join(f"(?>.*?{part})" for part in inner) + ".*" + last
