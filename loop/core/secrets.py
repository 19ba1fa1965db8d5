"""What a secret looks like: the encodings of a declared value, and the kinds that are known by their shape. Pure.

Every pattern is bounded or has no two ways to match the same text, so that hostile output costs linear time.
"""

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from json import dumps
from urllib.parse import quote, quote_plus

SHORTEST_LINE = 16
"""A shorter line of a secret of several lines is not looked for by itself."""
SHORTEST_BASE64 = 6
"""Characters of base64 that are all a value's own; fewer would mask by chance."""

MARK = re.compile(r"\[redacted [A-Za-z0-9_. -]{1,80}\]")
PRIVATE_KEY = "[redacted private key]"

_PERCENT = re.compile(r"%[0-9A-F]{2}")


def encodings(value: str) -> set[str]:
    """The value as itself, quoted for URLs, JSON, XML and Python, and in base64; also each of its longer lines."""
    lines = [line.strip() for line in value.splitlines()]
    parts = {value, value.strip(), *(line for line in lines if len(line) >= SHORTEST_LINE)} - {""}
    return {form for part in parts for form in (*_texts(part), *_base64(part.encode()))}


def _texts(value: str) -> Iterator[str]:
    yield value
    for quoted in (quote(value), quote(value, safe=""), quote_plus(value)):
        yield quoted
        yield _PERCENT.sub(lambda found: found[0].lower(), quoted)
    for ascii_only in (True, False):
        once = dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield once.replace("/", "\\/")
        yield dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield from (escape(value), escape(value, quote=False))
    yield from (repr(value)[1:-1], repr(value.encode())[2:-1])


def _base64(value: bytes) -> Iterator[str]:
    """What is the same whatever stands before and behind the value: at each of the three ways in which it can lie."""
    for shift in range(3):
        whole_bits = (shift + len(value)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            core = encode(bytes(shift) + value).decode()[(0, 2, 3)[shift] : whole_bits]
            if len(core) >= SHORTEST_BASE64:
                yield core


@dataclass(frozen=True, slots=True)
class Kind:
    """One known kind; `hints` are plain texts of which one must occur, so that most lines never meet the pattern."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]

    def mask(self, text: str) -> str:
        for hint in self.hints:
            if hint in text:
                return self.pattern.sub(self.replacement, text)
        return text


def _basic(found: re.Match[str]) -> str:
    """`Basic` followed by a word is prose unless the word decodes to `user:password`."""
    try:
        decoded = b64decode(found[2] + "=" * (-len(found[2]) % 4), validate=True)
    except NotBase64:
        return found[0]
    return f"{found[1]}[redacted basic credentials]" if b":" in decoded else found[0]


_HEADER = r"""(?i)(authorization(?:["'\])]{0,3}\s{0,3}[:=,]\s{0,3})[\["'(]{0,3}"""
KINDS = (
    Kind(("eyJ",), re.compile(r"eyJ[\w-]{8,}={0,2}(?:\.[\w-]*={0,2}){0,4}"), "[redacted JWT]"),
    Kind(
        ("uthorization", "UTHORIZATION"),
        re.compile(_HEADER + r"(?:bearer|token)(?:\s|%20|\+){1,3})(?!\[redacted)[^\s\"'\\,;&<>\])]+"),
        r"\1[redacted bearer token]",
    ),
    Kind(
        ("uthorization", "UTHORIZATION"),
        re.compile(_HEADER + r"basic(?:\s|%20|\+){1,3})(?!\[redacted)[^\s\"'\\,;&<>\])]+"),
        r"\1[redacted basic credentials]",
    ),
    Kind(
        ("earer", "EARER"),
        re.compile(r"(?i)\b(bearer(?:\s|%20|[+:=]){1,3})(?=[\w.~+/-]{0,200}\d|[\w.~+/-]{20})[\w.~+/-]{6,}={0,2}"),
        r"\1[redacted bearer token]",
    ),
    Kind(
        ("asic", "ASIC"),
        # a second `basic` is no word that follows the first one: it may be what the credentials follow
        re.compile(r"(?i)\b(basic(?:\s|%20|\+){1,3})(?!basic(?:\s|%20|\+))([A-Za-z0-9+/]{6,}={0,2})"),
        _basic,
    ),
    Kind(
        ("://",),
        re.compile(r"(://(?:\[redacted [^\]\n]{1,80}\]|[^\s/:@\"'<>\[\]]){0,256}:)(?!\[redacted)[^\s/\"'<>]{1,1024}@"),
        r"\1[redacted URL password]@",
    ),
    Kind(("://",), re.compile(r"(://)[^\s/:@\"'<>\[\]]{20,1024}@"), r"\1[redacted URL credentials]@"),
    Kind(("AKIA", "ASIA"), re.compile(r"\bA[KS]IA[0-9A-Z]{16}\b"), "[redacted AWS key]"),
    Kind(
        ("ecret", "ECRET"),
        re.compile(r"(?i)(aws_?secret_?(?:access_?)?key[\"']?\s{0,3}[:=]\s{0,3}[\"']?)[A-Za-z0-9/+=]{40}"),
        r"\1[redacted AWS key]",
    ),
    Kind(("AIza",), re.compile(r"AIza[0-9A-Za-z_-]{35}"), "[redacted Google key]"),
    Kind(("ya29.",), re.compile(r"\bya29\.[\w.-]{20,}"), "[redacted Google token]"),
    Kind(("GOCSPX-",), re.compile(r"GOCSPX-[\w-]{20,}"), "[redacted Google client secret]"),
    Kind(
        ("private_key_id",),
        re.compile(r"(private_key_id[\\\"']{0,4}\s{0,3}[:=]\s{0,3}[\\\"']{0,4})[0-9a-f]{40}"),
        r"\1[redacted Google key]",
    ),
)
