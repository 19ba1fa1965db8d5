"""Prints `loop/config/template_fields.py`: what a RevisionTemplate may hold, out of the installed client's descriptors.

`make docs` runs it, and a test holds the file to what it prints. So a configuration is checked against the API's own
names where Google's clients are never loaded.
"""

from typing import Any

HEAD = '''"""What a Cloud Run RevisionTemplate may hold, in the API's JSON names. Made by `make docs`; not to be edited.

One message a paragraph: its name, then a line for each field with its kind: text, number, true|false, a time such as
90s, a map of texts, one of the names of an enumeration, or a message; [] is a list of them.
"""

FIELDS = """\\
'''
TAIL = '"""\n'
TEXT, NUMBER, SWITCH = "text", "number", "true|false"
SCALARS = {8: SWITCH, 9: TEXT, 12: TEXT}
"""Numbers of FieldDescriptor.TYPE_BOOL, TYPE_STRING, TYPE_BYTES; the others that occur are numbers."""


def text() -> str:
    from google.cloud.run_v2.types import RevisionTemplate

    found: dict[str, Any] = {}
    _collect(RevisionTemplate.pb(RevisionTemplate()).DESCRIPTOR, found)
    messages = ["\n".join([name, *_lines(message)]) for name, message in found.items()]
    return HEAD + "\n\n".join(messages) + "\n" + TAIL


def _collect(message: Any, found: dict[str, Any]) -> None:
    if message.name in found:
        return
    found[message.name] = message
    for field in message.fields:
        inner = field.message_type
        if inner is not None and not inner.GetOptions().map_entry and not _well_known(inner):
            _collect(inner, found)


def _lines(message: Any) -> list[str]:
    return [f"  {field.json_name}: {_kind(field)}{_many(field)}" for field in message.fields]


def _many(field: Any) -> str:
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    return " []" if field.is_repeated and not is_map else ""


def _kind(field: Any) -> str:
    inner = field.message_type
    if field.enum_type is not None:
        return "|".join(value.name for value in field.enum_type.values)
    if inner is None:
        return SCALARS.get(field.type, NUMBER)
    if inner.GetOptions().map_entry:
        return "map"
    return "time" if _well_known(inner) else str(inner.name)


def _well_known(message: Any) -> bool:
    return str(message.full_name).startswith("google.protobuf.")


if __name__ == "__main__":
    print(text(), end="")
