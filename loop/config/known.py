"""known-issues.yaml as text: read it, add an entry at its end, change the last day of one. Keeps every character that
the user wrote; a change is proved by reading the new text before anybody gets to see it. Touches no disk.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import yaml

from loop.config import convert
from loop.config.document import Located, parse
from loop.config.models import KnownIssue
from loop.config.problems import Place, Problem, found, in_order
from loop.config.validate import validate
from loop.core import environment as core
from loop.errors import ConfigError

FILE = "known-issues.yaml"
HEAD = """\
# Cases that may fail, each with one signature, somebody who answers for it, and a last day (UTC). Kept by
# `loop known add|list|expire`, and read from your own tree when a run starts: a fixer can not add one.
"""
_ITEM = re.compile(r"( *)-(?:\s|$)")
_UNTIL = re.compile(r"""(["']?until["']?\s*:\s*["']?)\d{4}-\d{2}-\d{2}""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    issue: core.KnownIssue
    line: int
    """Where its `until:` stands, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()


def parse_known(text: str, file: str) -> Listed:
    document = parse(text, file)
    root = document.root
    if root is None or root.value == {}:
        return Listed(problems=document.problems)
    if not isinstance(root.value, list):
        sentence = f"expected a list of known issues, found {found(root.value)}"
        return Listed(problems=(Problem(Place(file, 1), (), sentence),))
    problems = list(document.problems)
    entries: list[Entry] = []
    for index, item in enumerate(root.items):
        issue, complaints = _issue(item, index)
        problems += complaints
        entries += [Entry(issue=issue, line=item.keys["until"].place.line)] if issue else []
    return Listed(entries=tuple(entries), problems=tuple(problems))


def entries(text: str, file: str) -> tuple[Entry, ...]:
    """Raises ConfigError with every problem of the file."""
    listed = parse_known(text, file)
    if listed.problems:
        raise ConfigError(in_order(listed.problems, (file,)), where=file, hint="mend the file, then try again")
    return listed.entries


def added(text: str | None, issue: core.KnownIssue, file: str) -> str:
    """The file's text with the issue as its last entry. Raises ConfigError where the file has no room for one."""
    before = [entry.issue for entry in entries(text or "", file)]
    newline = "\r\n" if text and "\r\n" in text else "\n"
    old = HEAD if not text or not text.strip() else text
    end = "" if old.endswith("\n") else newline
    new = old + end + newline.join(_lines(issue, _indent(old))) + newline
    return _proved(new, [*before, issue], file, "add the entry by hand")


def expired(text: str, pattern: str, until: str, file: str) -> str:
    """The text with that last day in every entry of that very pattern whose day is later; nothing else differs."""
    lines = text.splitlines(keepends=True)
    wanted: list[core.KnownIssue] = []
    for entry in entries(text, file):
        later = entry.issue.pattern == pattern and entry.issue.until > until
        wanted.append(replace(entry.issue, until=until) if later else entry.issue)
        if later:
            lines[entry.line - 1] = _dated(lines[entry.line - 1], entry.issue.until, until)
    return _proved("".join(lines), wanted, file, f"set its `until:` to {until} by hand")


def is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _dated(line: str, old: str, until: str) -> str:
    return _UNTIL.sub(rf"\g<1>{until}", line, count=1) if _UNTIL.search(line) else line.replace(old, until, 1)


def _lines(issue: core.KnownIssue, indent: str) -> list[str]:
    texts = {"signature": issue.signature, "owner": issue.owner, "reason": issue.reason}
    keys = [f"{key}: {_quoted(text)}" for key, text in texts.items()] + [f"until: {issue.until}"]
    keys += [f"link: {_quoted(issue.link)}"] if issue.link else []
    return [f"{indent}- pattern: {_quoted(issue.pattern)}", *(f"{indent}  {key}" for key in keys)]


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9).rstrip("\n")


def _indent(text: str) -> str:
    """How far the items that are there are indented: a list takes one depth only."""
    return next((item[1] for row in text.splitlines() if (item := _ITEM.match(row))), "")


def _proved(text: str, wanted: Sequence[core.KnownIssue], file: str, instead: str) -> str:
    listed = parse_known(text, file)
    if not listed.problems and [entry.issue for entry in listed.entries] == list(wanted):
        return text
    why = in_order(listed.problems, (file,)) or (f"{file}: it would not read as intended",)
    raise ConfigError((*why, "the file was left as it is"), where=file, hint=instead)


def _issue(item: Located, index: int) -> tuple[core.KnownIssue | None, tuple[Problem, ...]]:
    model, complaints = validate(KnownIssue, item)
    problems = tuple(replace(problem, path=(f"[{index}]", *problem.path)) for problem in complaints)
    until = item.keys.get("until")
    if model and not is_day(model.until):
        place = until.place if until else item.place
        return None, (Problem(place, (f"[{index}]", "until"), f"{model.until} is no day of the calendar"),)
    return (convert.known_issue(model) if model else None), problems
