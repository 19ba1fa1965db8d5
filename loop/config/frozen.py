"""Tells whether two readings of a configuration differ in the part that judges, which is frozen while a run goes on."""

import hashlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from loop.core.environment import Charter, Environment


def frozen_fingerprint(environment: Environment) -> str:
    """SHA-256 over the charter; services and dependencies, which are read anew per iteration, do not enter."""
    return hashlib.sha256(repr(_canonical(environment.charter)).encode()).hexdigest()


def frozen_changes(before: Charter, after: Charter) -> tuple[str, ...]:
    """The keys that differ, such as `goal.pass_rate` or `suites.p1-critical.timeout`; none where both are equal."""
    return tuple(dict.fromkeys(_differences(before, after, "")))


def _differences(before: object, after: object, path: str) -> Iterator[str]:
    if before == after:
        return
    if is_dataclass(before) and type(before) is type(after):
        for field in fields(before):
            inner = f"{path}.{field.name}" if path else field.name
            yield from _differences(getattr(before, field.name), getattr(after, field.name), inner)
    elif _entries(before) is not None and _entries(after) is not None and (before or after):
        yield from _entry_differences(_entries(before) or {}, _entries(after) or {}, path)
    else:
        yield path


def _entry_differences(before: dict[str, object], after: dict[str, object], path: str) -> Iterator[str]:
    for name in [*before, *(name for name in after if name not in before)]:
        if name in before and name in after:
            yield from _differences(before[name], after[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}"
    if before == after:
        yield path  # only the order differs


def _entries(value: object) -> dict[str, object] | None:
    """A tuple of named entries (suites, capabilities, targets) by name."""
    if isinstance(value, tuple) and all(is_dataclass(entry) and hasattr(entry, "name") for entry in value):
        return {getattr(entry, "name"): entry for entry in value}  # noqa: B009 - mypy can not see the attribute
    return None


def _canonical(value: object) -> object:
    """The same for equal values, whatever the order of a map's keys."""
    if is_dataclass(value):
        return tuple((field.name, _canonical(getattr(value, field.name))) for field in fields(value))
    if isinstance(value, dict):
        return sorted((key, _canonical(inner)) for key, inner in value.items())
    if isinstance(value, tuple):
        return tuple(_canonical(inner) for inner in value)
    return str(value)
