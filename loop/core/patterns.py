"""Patterns over whole case ids: `*` is any text, every other character is itself, brackets included.

One meaning for capabilities, known issues and selections, because a file glob would read pytest's `[x]` as a set.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import filterfalse
from operator import methodcaller


def matches(pattern: str, text: str) -> bool:
    return bool(matcher(pattern)(text))


def matching(patterns: Iterable[str], texts: Sequence[str]) -> list[str]:
    """The texts that match any of the patterns, each once, in no promised order."""
    found: list[str] = []
    for pattern in patterns:
        test = matcher(pattern)
        found.extend(filter(test, texts))
        texts = list(filterfalse(test, texts))
    return found


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> Callable[[str], object]:
    """A test, true for a match, whose time is linear in the text; the common shapes never enter the regex engine."""
    match pattern.split("*"):
        case [whole]:
            return lambda text: text == whole
        case ["", middle, ""]:
            return lambda text: middle in text
        case [start, ""]:
            return methodcaller("startswith", start)
        case ["", end]:
            return methodcaller("endswith", end)
        case parts:
            return re.compile(_expression(parts), re.DOTALL).fullmatch


def _expression(parts: list[str]) -> str:
    """Each inner part is found once, at its first place (an atomic group): no backtracking over earlier stars."""
    first, *inner, last = (re.escape(part) for part in parts)
    return first + "".join(f"(?>.*?{part})" for part in inner if part) + ".*" + last
