"""What loop set on a service before, as entries of a proposed configuration: what they leave out would be taken away.

Pure. A value that may be a secret is never an entry: a variable is taken from the shell instead, and what can only
stand in the file is left out and named.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from loop.config import values
from loop.config.proposal import Entry
from loop.config.substitute import SHORTEST_SECRET, secret_word
from loop.config.template import zeros
from loop.core.deployed import Deployed, Managed
from loop.core.harmless import is_harmless, is_telltale

NONE: Mapping[str, str] = {}
NOT_WRITTEN = "not written, for it may hold a secret; name it here, or the first deployment takes it away"
NO_NAME = "no name that env takes; put it into template, or the first deployment takes it away"
ARGUMENTS = ("command", "args")
UNSAID = (*ARGUMENTS, "annotations")
"""Texts that may be anything."""


def exported(found: Sequence[Deployed], shell: Mapping[str, str] = NONE) -> Mapping[tuple[str, str], str]:
    """(service, variable) -> the shell's variable, for each value that is not written: one for each value.

    `shell`: the variables that it has. PATH, say, holds something else there, and would be taken without a word.
    """
    hidden = [(service.name, name, value) for service in found for name, value in _hidden(service, found)]
    by_name: dict[str, set[str]] = {name: {value} for name, value in shell.items()}
    for _, name, value in hidden:
        by_name.setdefault(name, set()).add(value)
    return {(s, name): name if len(by_name[name]) == 1 else _prefixed(s, name) for s, name, _ in hidden}


def calls(service: Deployed, found: Sequence[Deployed]) -> dict[str, str]:
    """Variable -> the service whose address it holds."""
    urls = {url.rstrip("/"): other.name for other in found if other is not service for url in other.urls}
    return {name: urls[value.rstrip("/")] for name, value in service.env.items() if value.rstrip("/") in urls}


def kept(service: Deployed, found: Sequence[Deployed]) -> list[str]:
    """Variables that loop did not set: they stay as they are."""
    ours = service.managed.variables if service.managed else frozenset()
    return [name for name in service.env if name not in ours and name not in calls(service, found)]


def variables(service: Deployed, found: Sequence[Deployed], shell: Mapping[str, str]) -> Iterator[Entry]:
    """Those that loop set, but for addresses of other services."""
    shells = exported(found, shell)
    for name, value in _ours(service, found):
        if re.fullmatch(r"[A-Za-z_]\w*", name):
            yield _variable(name, value, shells.get((service.name, name), ""))
        else:
            yield Entry(
                key=name,
                value="no name that env: takes; put it into template, or the first deployment takes it away",
                spare=True,
            )


def _ours(service: Deployed, found: Sequence[Deployed]) -> list[tuple[str, str]]:
    ours = service.managed.variables if service.managed else frozenset()
    return [(n, value) for n, value in service.env.items() if n in ours and n not in calls(service, found)]


def _hidden(service: Deployed, found: Sequence[Deployed]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in _ours(service, found) if not is_harmless(name, value))


def _variable(name: str, value: str, shell: str) -> Entry:
    """`shell`: the variable that its value comes from; empty where it is written."""
    if not shell:
        return Entry(key=name, value=literal(value))
    if len(value) < SHORTEST_SECRET and not secret_word(shell):
        return Entry(key=name, value=f"${{{shell}}}", why=_why(shell))
    short = f"; under {SHORTEST_SECRET} characters it can not be masked: write it here, or make it longer"
    why = _why(shell) + (short if len(value) < SHORTEST_SECRET else "")
    return Entry(key=name, value=f"${{secret:{shell}}}", why=why)


def literal(text: str) -> str:
    """As a configuration says a text that may hold dollar signs."""
    return text.replace("$", "$$")


def settings(managed: Managed) -> Iterator[Entry]:
    """The typed keys, then `template:`, then what is left out."""
    told = _fitting(managed)
    for field in fields(told.settings):
        value = getattr(told.settings, field.name)
        if field.name in ARGUMENTS and value and any(map(is_telltale, value)):
            yield left_out(field.name)
        elif value is not None and (value or field.name not in ("labels", "cloud_sql")):
            yield _entry(field.name, _said(field.name, value))
    template = zeros(told.template)
    assert isinstance(template, dict), "a template is a message"
    missing: list[str] = []
    written = _without_secrets(template, "template", missing)
    if written:
        yield _entry("template", written)
    yield from map(left_out, missing)


def left_out(path: str) -> Entry:
    return Entry(key=path, value=NOT_WRITTEN, spare=True)


def _prefixed(service: str, name: str) -> str:
    return f"{service.upper().replace('-', '_')}_{name}"


def _why(shell: str) -> str:
    return f"set {shell} in the shell where loop runs; its value is not written"


def _fitting(managed: Managed) -> Managed:
    """With each amount that the typed keys refuse in the API's own names."""
    refused = {
        key: text
        for key, text, parse in (
            ("cpu", managed.settings.cpu, values.cpu), ("memory", managed.settings.memory, values.memory)
        )
        if text and not _parses(parse, text)
    }  # fmt: skip
    if not refused:
        return managed
    main, *others = _list(managed.template.get("containers")) or [{}]
    resources = main.get("resources") or {}
    resources = resources | {"limits": (resources.get("limits") or {}) | refused}
    template = managed.template | {"containers": [main | {"resources": resources}, *others]}
    none: dict[str, Any] = dict.fromkeys(refused)
    return replace(managed, settings=replace(managed.settings, **none), template=template)


def _parses(parse: Callable[[object], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _list(value: object) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else []


def _said(key: str, value: object) -> object:
    """As the configuration writes it, without what is its default."""
    if key in ("timeout", "initial_delay", "period") and isinstance(value, int | float):
        return f"{value:g}s" if value else None
    if is_dataclass(value):
        inner = {field.name: _said(field.name, getattr(value, field.name)) for field in fields(value)}
        return {name: said for name, said in inner.items() if said not in (None, "", [])}
    if isinstance(value, tuple):
        return [_said("", item) for item in value]
    if isinstance(value, dict):
        return {name: literal(text) for name, text in value.items()}
    return literal(str(value)) if isinstance(value, str) else value


def _without_secrets(value: object, path: str, missing: list[str]) -> Any:
    """The same without what may hold a secret; the paths of that go to `missing`."""
    if isinstance(value, dict):
        inside = [(key, f"{path}.{key}", inner) for key, inner in value.items()]
        missing += [where for key, where, inner in inside if _hides(key, inner)]
        return {key: _without_secrets(inner, where, missing) for key, where, inner in inside if not _hides(key, inner)}
    if isinstance(value, list):
        placed = [(f"{path}[{_place(item, n)}]", item) for n, item in enumerate(value)]
        missing += [where for where, item in placed if _is_hidden(item)]
        return [_without_secrets(item, where, missing) for where, item in placed if not _is_hidden(item)]
    return literal(value) if isinstance(value, str) else value


def _hides(key: str, value: object) -> bool:
    texts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return key in UNSAID and any(is_telltale(str(text)) for text in texts)


def _is_hidden(item: object) -> bool:
    """A variable or a header: without its value it would be another one."""
    value = item.get("value") if isinstance(item, dict) else None
    return isinstance(item, dict) and isinstance(value, str) and not is_harmless(str(item.get("name", "")), value)


def _place(item: object, number: int) -> object:
    return item.get("name", number) if isinstance(item, dict) else number


def _entry(key: str, value: object) -> Entry:
    if isinstance(value, dict) and value:
        return Entry(key=key, value=tuple(_entry(name, inner) for name, inner in value.items()))
    return Entry(key=key, value=value)
