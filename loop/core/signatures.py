"""A failure's message without its volatile parts, so that equal causes compare equal and different ones do not. Pure.

What is volatile is replaced by a word in angle brackets; HTTP status codes, exception names and numbers of up to four
digits stay, for 500 and 503 are two causes. Input is cut before any pattern sees it, so time is bounded whatever a
runner prints.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

LENGTH = 200
"""Characters of a signature."""
READ = 2_000
"""Characters of a message that are read."""
TAIL = 4_000
"""Characters of a detail that are read, from its end, where there is no message."""

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_EXCEPTION_LINE = re.compile(
    r"(?:E\s+|Caused by: )?((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Timeout|Failure)\b.*)"
)
_STACK_LINE = re.compile(r"at\s")
_TEMPORARY = re.compile(r"(?:/private)?/(?:tmp|var/(?:tmp|folders))/|[A-Za-z]:\\.*\\Temp\\")
_FILE_ROOT = re.compile(
    r"[A-Za-z]:|/(?:__w|app|builds?|cnb|data|dev|etc|github|home|layers|lib|mnt|opt|private|proc|root|run|srv|tmp|usr|"
    r"Users|var|work|workspaces?)/"
)
_FILE_NAME = re.compile(r"[\w+~%$@-]+\.[A-Za-z]\w{0,5}")
_VERSION = re.compile(r"v\d+(?:alpha|beta|rc)\d+")
_HEX = re.compile(r"[0-9a-fA-F]{7,}")
_NUMBER_SEGMENT = re.compile(r"(?<=/)\d+(?=/|$)")
_OUR_TAG = re.compile(r"^l[a-z2-7]{6}-\d+---")
_IPV4_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]")


def signature(message: str, detail: str = "") -> str:
    """At most 200 characters; from the message, and only where that is empty from the detail's last exception line."""
    said = message.strip()[:READ] or _exception_line(detail.strip())[:READ]
    return _normalised(said)


@lru_cache(maxsize=1024)
def _normalised(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())[:LENGTH].rstrip()


def _exception_line(detail: str) -> str:
    """The root of a traceback stands last in Python and behind the last `Caused by:` in Java."""
    kept = detail if len(detail) <= READ + TAIL else f"{detail[:READ]}\n{detail[-TAIL:]}"
    lines = [line.strip() for line in kept.splitlines() if line.strip()]
    named = [found[1] for line in lines if (found := _EXCEPTION_LINE.match(line))]
    others = [line for line in lines if not _STACK_LINE.match(line)]
    return (named or others or lines or [""])[-1]


def _url(found: re.Match[str]) -> str:
    """Scheme, host and route stay; user, port, numbers in the route and the query go."""
    authority, slash, rest = found[2].partition("/")
    host = authority.rpartition("@")[2]
    host = host if host.startswith("[") else host.partition(":")[0]
    host = "<ip>" if _IPV4_HOST.match(host) else _OUR_TAG.sub("", host)
    route = (slash + rest).partition("?")[0]
    return f"{found[1]}{host}{_route(route)}"


def _route(path: str) -> str:
    return _NUMBER_SEGMENT.sub("<n>", path)


def _path(found: re.Match[str]) -> str:
    """A file is known by its root or its extension and keeps its name alone; anything else is a route of a service."""
    path = found[0]
    name = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    if _FILE_NAME.fullmatch(name):
        return name
    if _TEMPORARY.match(path):
        return "<tmp>"
    return name if _FILE_ROOT.match(path) else _route(path)


def _random(found: re.Match[str]) -> str:
    """A run of letters and digits: a number, a digest, a made-up name, or a word that stays."""
    run = found[0]
    if run.isdigit():
        return "<n>"
    if _HEX.fullmatch(run) and (not run.isalpha() or len(run) >= 16):
        return "<hex>"
    return "<id>" if _made_up(run) else run


def _made_up(run: str) -> bool:
    """Digits and letters, or cases, change more often than in a word that people write (`v1beta1`, `i18n`)."""
    if run.isalpha():
        return len(run) >= 16 and _flips(run, str.isupper) * 3 >= len(run)
    return _flips(run, str.isdigit) >= 3 and not _VERSION.fullmatch(run)


def _token(found: re.Match[str]) -> str:
    """A long token with inner dashes is made up as a whole, or is looked at piece by piece later."""
    run = found[0]
    if _HEX.fullmatch(run):
        return "<hex>"
    return "<id>" if _flips(run.replace("-", "").replace("_", ""), str.isdigit) * 5 >= len(run) else run


def _flips(run: str, kind: Callable[[str], bool]) -> int:
    kinds = [kind(character) for character in run]
    return sum(a is not b for a, b in pairwise(kinds))


# In this order: what contains other volatile parts comes before them.
_RULES: tuple[Rule, ...] = (
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,15}://)([^\s\"'<>\])},;]+)"), _url),
    (re.compile(r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+){0,4}"), "<token>"),
    (
        re.compile(
            r"\b(?:\d{4}[-/]\d\d[-/]\d\d|(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4})"
            r"(?:[T _]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?: ?(?:Z|GMT|UTC|[+-]\d\d:?\d\d)\b)?"
        ),
        "<time>",
    ),
    (re.compile(r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "<address>"),
    (re.compile(r"(?<![\w/\\.<>:-])(?:[A-Za-z]:)?[/\\](?:[\w.@+~%$-]+[/\\])+[\w.@+~%$-]*"), _path),
    (re.compile(r"(\.[A-Za-z]{1,5}):\d+(?::\d+)?\b"), r"\1"),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"), "<ip>"),
    (
        re.compile(
            r"(?i)(?<![\w:.])\[?(?=[a-f:]{0,30}\d)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}\]?(?::\d{1,5})?(?![\w:])"
        ),
        "<ip>",
    ),
    (re.compile(r"(?i)\b(localhost|(?:[a-z][\w-]{0,62}\.){1,8}[a-z][\w-]{0,62}):\d{1,5}\b"), r"\1"),
    (re.compile(r"(?i)\b(line|port|pid|process|thread)( |=|: ?)[\"']?\d+\b"), r"\1\2<n>"),
    (
        re.compile(r"(?i)(?:(?<=_)|\b|(?-i:(?<=[a-z])(?=I)))(u?id[\"']?\s?[=:]\s?[\"']?)(?=[a-z_.-]{0,64}\d)[\w.-]+"),
        r"\1<id>",
    ),
    (
        re.compile(
            r"(?i)(?<![\w.])(?:\d+h ?)?(?:\d+m ?)?\d+(?:[.,]\d+)?"
            r"(?:[mnuµ]?s|m|h|min| (?:[mnuµ]s|secs?|mins?|seconds?|minutes?|hours?|milliseconds?))\b"
        ),
        "<duration>",
    ),
    (re.compile(r"\btmp[a-z0-9_]{8}\b"), "<tmp>"),
    (re.compile(r"-(?:l[a-z2-7]{6}-\d+|\d{5}-[a-z]{3})\b"), "-<revision>"),
    (re.compile(r"(?<![\w<-])[\w-]{20,}(?![\w>-])"), _token),
    (re.compile(r"(?<![\w.])\d+\.\d{3,}\b"), "<n>"),
    (re.compile(r"[A-Za-z0-9]{5,}"), _random),
)
