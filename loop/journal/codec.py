"""Events to JSON text and back. The class name is the type; VERSION of loop.core.events says how to read it."""

import typing
from functools import cache

from pydantic import TypeAdapter, ValidationError

from loop.core import events
from loop.core.events import Event, RunEvent
from loop.errors import JournalNewer

EVENT_CLASSES: dict[str, type[Event]] = {c.__name__: c for c in typing.get_args(RunEvent)}


@cache
def _adapter(name: str) -> TypeAdapter[Event]:
    return TypeAdapter(EVENT_CLASSES[name])


def encode(event: Event) -> str:
    """The event's fields as one line of JSON; fields at their defaults are left out."""
    return _adapter(type(event).__name__).dump_json(event, exclude_defaults=True).decode()


def decode(name: str, version: int, body: str) -> Event:
    """Raises JournalNewer when the event was written by a newer program."""
    if version > events.VERSION or name not in EVENT_CLASSES:
        raise _newer(f"event {name} of version {version}")
    try:
        return _adapter(name).validate_json(body)
    except ValidationError as error:
        raise _newer(f"event {name}: {error.error_count()} fields can not be read") from error


def _newer(what: str) -> JournalNewer:
    return JournalNewer(
        "the journal was written by a newer loop", where=what, hint="update loop; nothing in the journal was changed"
    )


def line(event: Event, *, run: str, seq: int) -> str:
    """One line of `--json`: the event with its type, its run and its place in it."""
    name = type(event).__name__
    body = _adapter(name).dump_json(event, exclude_defaults=True).decode()
    head = f'{{"type":"{name}","version":{events.VERSION},"run":"{run}","seq":{seq}'
    return head + ("," + body[1:] if body != "{}" else "}")
