"""A configuration that `loop init` proposes, and its text: YAML in which every line says where it comes from. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

COMMENTS_AT = 49
"""Column of the comments, as in the annotated examples; a longer line pushes its own to the right."""
LONGEST = 120

_HEAD = """\
# Written by `loop init` from {origin}: a start, to be read and changed.
# A comment that begins with "guess" marks what was said nowhere. Every key: loop config docs
"""

_FOOT = """\

# What acts between two iterations. Without it a red run ends after Initial: commit a fix, then
# `loop resume --env {name}`.
# fix: {{command: ./fix.sh, protect: ["tests/**"]}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key with its value, and why it is there."""

    key: str
    value: "object | tuple[Entry, ...]"
    """A plain YAML value, or entries of its own."""
    why: str = ""
    guess: bool = False
    spare: bool = False
    """Written as a comment: another way, to be taken by hand."""

    @property
    def comment(self) -> str:
        return f"guess: {self.why}" if self.guess else self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    environment: str
    origin: str
    title: str
    platform: tuple[Entry, ...]
    services: tuple[Entry, ...]
    suites: tuple[Entry, ...]
    workspace: tuple[Entry, ...] = ()
    left_out: tuple[str, ...] = ()
    """Folders that may be services, and were not taken."""
    exported: tuple[str, ...] = ()
    """Variables of the shell that it takes values from."""
    notes: tuple[str, ...] = ()
    """What does not fit into the file, said on the terminal."""


def text(proposal: Proposal) -> str:
    sections = [
        Entry(key="platform", value=proposal.platform),
        Entry(key="services", value=proposal.services),
        Entry(key="suites", value=proposal.suites),
        Entry(
            key="goal", value=(Entry(key="pass_rate", value="100%", why="of the cases that count; the run is done"),)
        ),
        *([Entry(key="workspace", value=proposal.workspace)] if proposal.workspace else []),
    ]
    head = [
        Entry(key="environment", value=proposal.environment, why="must be the file's own name"),
        Entry(key="title", value=proposal.title),
        Entry(key="mission", value="All end-to-end cases pass", why="stands in every report", guess=True),
    ]
    parts = [_HEAD.format(origin=proposal.origin) + _lines(head)]
    parts += [_lines([section]) + _left_out(proposal) * (section.key == "services") for section in sections]
    return "\n".join(parts) + _FOOT.format(name=proposal.environment)


def _left_out(proposal: Proposal) -> str:
    return "".join(f"  # left out: {folder}\n" for folder in proposal.left_out)


def guesses(proposal: Proposal) -> tuple[tuple[str, str], ...]:
    """Path of the key and why it was guessed, for all that was."""
    sections = (("services", proposal.services), ("suites", proposal.suites), ("workspace", proposal.workspace))
    return tuple(found for name, entries in sections for entry in entries for found in _guesses(entry, name))


def named(name: str, taken: "set[str] | frozenset[str]") -> str:
    """A name that a service of Cloud Run may have, made of a folder's; not one of `taken`."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"service-{plain}".strip("-")
    plain = plain[:40].rstrip("-")
    number = 2
    while plain in taken:
        plain, number = f"{plain.rstrip('0123456789').rstrip('-')}-{number}", number + 1
    return plain


def _guesses(entry: Entry, path: str) -> Iterator[tuple[str, str]]:
    here = f"{path}.{entry.key}"
    if entry.guess and not entry.spare:
        shown = "" if isinstance(entry.value, tuple) else f"{_value(entry.value)}: "
        yield here, f"{shown}{entry.why}"
    if isinstance(entry.value, tuple):
        for inner in entry.value:
            yield from _guesses(inner, here)


def _lines(entries: "list[Entry] | tuple[Entry, ...]") -> str:
    return "".join(f"{line}\n" for entry in entries for line in _entry(entry, ""))


def _entry(entry: Entry, indent: str) -> Iterator[str]:
    mark = f"# {entry.key}" if entry.spare else _value(entry.key)
    if isinstance(entry.value, tuple):
        yield from _commented(f"{indent}{mark}:", entry.comment, indent)
        for inner in entry.value:
            yield from _entry(inner, f"{indent}  ")
    else:
        yield from _commented(f"{indent}{mark}: {_value(entry.value)}", entry.comment, indent)


def _value(value: object) -> str:
    """On one line, quoted where YAML wants it."""
    if isinstance(value, str) and ("${" in value or "*" in value):
        return json.dumps(value, ensure_ascii=False)  # a double-quoted text of YAML, too
    dumped = yaml.safe_dump(value, default_flow_style=True, width=1_000_000, allow_unicode=True, sort_keys=False)
    line = dumped.removesuffix("...\n").strip()
    return line if "\n" not in line else json.dumps(value, ensure_ascii=False)


def _commented(line: str, comment: str, indent: str) -> Iterator[str]:
    """The comment behind its line, or above one that is too long."""
    together = f"{line.ljust(COMMENTS_AT - 1)} # {comment}" if comment else line
    if len(together) <= LONGEST or not comment:
        yield together
    else:
        yield from (f"{indent}# {comment}", line)
