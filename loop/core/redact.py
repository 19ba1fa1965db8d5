"""Takes secrets out of text before it is written anywhere: declared values in their usual encodings, and known kinds.

Pure, linear in the text, and idempotent. A mark such as `[redacted JWT]` says what stood there and contains nothing of
it. What is masked too much costs a reader a word; what is masked too little is a leak: in doubt, this masks.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from loop.core.needles import Needles
from loop.core.secrets import KINDS, MARK, PRIVATE_KEY, encodings

KEY_LINES = 200
"""Lines after the beginning of a private key that may belong to it when its end never comes."""
KEY_LINE_LENGTH = 200
SHORTEST_KEY_LINE = 4
"""A shorter line before the end of a key that was cut is more likely a word."""
LONE_KEY_LINE = 64
"""Characters of base64 that are a line of a key even where no edge of one is in sight, if they are all of the line."""
LONGEST_LINE = 65_536
"""Characters of a line without end that are held back before a part of it is given out."""
HELD_BACK = 8_192
"""Characters at the end of such a line that wait for what follows."""

_EDGE = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(
    r"[\s>|E#\"'+-]*(?:[A-Za-z0-9+/]*={0,2}|(?:Proc-Type|DEK-Info|Comment|Version): .{0,80})"
    r"(?:\\[nr])*[\s\"',+\\]*"
)
_KEY_RUN = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_LONE_KEY_LINE = re.compile(r"([ \t>|]*+(?:E[ \t]++)?)(?![0-9a-fA-F]{64})[A-Za-z0-9+/]{64}[ \t\r]*")
_DELIMITER = re.compile(r"[\s\"'<>{}()\[\],;]")
_HINTS = Needles(dict.fromkeys(hint for kind in KINDS for hint in kind.hints))


class Redactor:
    """Text -> text. For a stream use `lines`, or `line_by_line()`: a private key goes over many lines."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """`secrets`: name -> value; the name stands in the mark. Empty values are none."""
        named = {form: name for name, value in secrets.items() for form in encodings(value)}
        self._names = dict(sorted(named.items(), key=lambda item: -len(item[0])))
        self._forms = tuple(self._names)
        self._needles = Needles(self._forms)
        forms = "|".join(re.escape(form) for form in self._forms)
        # Marks are matched first and kept: a declared value may be a word of one, `password` say.
        self._declared = re.compile(f"{MARK.pattern}|({forms})")

    def __call__(self, text: str) -> str:
        if "PRIVATE KEY" in text:
            text = "\n".join(_without_keys(text.split("\n")))
        if len(text) >= LONE_KEY_LINE:
            text = _without_lone_key_lines(text)
        if self._needles.stand_in(text):
            text = self._declared.sub(self._mark, text)
        return _known_kinds(text) if _HINTS.stand_in(text) else text

    def line_by_line(self) -> "LineRedactor":
        """For one stream, whose lines come one after another."""
        return LineRedactor(self)

    def each(self, lines: Iterable[str]) -> list[str]:
        """Line for line, of a log whose first lines may be missing: a private key may begin before it."""
        masked: list[str] = []
        raw: list[str] = []
        line = self.line_by_line()
        for text in lines:
            if line.ends_unbegun(text):
                for place in _tail_of_key(raw):
                    masked[place] = PRIVATE_KEY
            masked.append(line(text))
            raw.append(text)
        return masked

    def lines(self, chunks: Iterable[str]) -> Iterator[str]:
        """Complete lines, ends included, of text that comes in pieces of any size: a secret may lie across them.

        A line of more than 65,536 characters is given out in parts.
        """
        line = self.line_by_line()
        held = ""
        for chunk in chunks:
            *complete, held = (held + chunk).split("\n")
            for text in complete:
                yield line(text) + "\n"
            while len(held) > LONGEST_LINE:
                cut = self._cut(held)
                yield line(held[:cut])
                held = held[cut:]
        if held:
            yield line(held)

    def _mark(self, found: re.Match[str]) -> str:
        return f"[redacted {self._names[found[1]]}]" if found[1] else found[0]

    def _cut(self, held: str) -> int:
        """Behind a delimiter, so that no token is cut, and not within a declared value."""
        end = len(held) - HELD_BACK
        cut = next((i + 1 for i in range(end, end - HELD_BACK, -1) if _DELIMITER.match(held, i)), end)
        for form in self._forms:
            start = held.find(form, max(0, cut - len(form) + 1), cut + len(form) - 1)
            cut = start if start > 0 else cut
        return cut


class LineRedactor:
    """Line -> line, with the memory of whether a private key has begun; every line of a key becomes a mark."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._key = _Key()

    def __call__(self, line: str) -> str:
        return self._redact(self._key.mask(line))

    def ends_unbegun(self, line: str) -> bool:
        """A key's end, of which no line before told that it begins."""
        edge = None if self._key.inside else _EDGE.search(line)
        return edge is not None and edge[1] == "END"


class _Key:
    """A private key that may have begun. While its lines follow each other they are dropped whole; after a line that is
    none of it only long runs are masked, until its end or for 200 lines."""

    def __init__(self) -> None:
        self._left = 0
        self._whole = False

    @property
    def inside(self) -> bool:
        return self._left > 0

    def mask(self, line: str) -> str:
        if not self.inside and "PRIVATE KEY" not in line:
            return line
        kept: list[str] = []
        at = 0
        for edge in _EDGE.finditer(line):
            kept.append(self._before(edge, line[at : edge.start()]))
            at = edge.end()
        kept.append(self._body(line[at:]) if self.inside else line[at:])
        return "".join(kept) or (PRIVATE_KEY if line or self._whole else "")

    def _before(self, edge: re.Match[str], text: str) -> str:
        """What becomes of an edge and of the text before it."""
        if edge[1] == "BEGIN":
            before = self._body(text) if self.inside else text
            self._left, self._whole = KEY_LINES, True
            return before + PRIVATE_KEY
        inside, self._left = self.inside, 0
        return "" if inside else text + PRIVATE_KEY

    def _body(self, text: str) -> str:
        self._left -= 1
        self._whole = self._whole and _key_line(text)
        return "" if self._whole else _KEY_RUN.sub(PRIVATE_KEY, text)


def _key_line(text: str) -> bool:
    return len(text) <= KEY_LINE_LENGTH and _KEY_LINE.fullmatch(text) is not None


def _tail_of_key(lines: Sequence[str]) -> Iterator[int]:
    """The places of the last lines that look like a key's."""
    for place in range(len(lines) - 1, -1, -1):
        if len(lines[place]) < SHORTEST_KEY_LINE or not _key_line(lines[place]):
            return
        yield place


def _without_keys(lines: Iterable[str]) -> list[str]:
    """One mark for each key; a text that was cut may begin in the middle of one."""
    key = _Key()
    kept: list[str] = []
    for line in lines:
        if not key.inside and (edge := _EDGE.search(line)) and edge[1] == "END":
            while kept and len(kept[-1]) >= SHORTEST_KEY_LINE and _key_line(kept[-1]):
                kept.pop()
        masked = key.mask(line)
        if masked != PRIVATE_KEY or not kept or not kept[-1].endswith(PRIVATE_KEY):
            kept.append(masked)
    return kept


def _without_lone_key_lines(text: str) -> str:
    """Line by line: a search through the whole text tries every character of it, and few lines are long enough."""
    lines = text.split("\n")
    if max(map(len, lines)) < LONE_KEY_LINE:
        return text
    return "\n".join([_without_lone_key(line) if len(line) >= LONE_KEY_LINE else line for line in lines])


def _without_lone_key(line: str) -> str:
    found = _LONE_KEY_LINE.fullmatch(line)
    return line if found is None else found[1] + PRIVATE_KEY


def _known_kinds(text: str) -> str:
    for kind in KINDS:
        text = kind.mask(text)
    return text
