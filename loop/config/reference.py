"""The reference of every key, as JSON Schema for editors and as text for people, from the models' own descriptions."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from loop.config.models import EnvironmentFile

Schema = dict[str, Any]

TITLE = "One file of a loop environment (configs/<environment>.yaml)"
EXTENDS: Schema = {"type": "string", "description": "File to build upon, relative to this one's folder."}
FREE: Schema = {"description": "Keys that begin with x- are yours."}
FILLED: Schema = {"type": "string", "pattern": r"\$\{"}
REMOVED: Schema = {"type": "null"}

OUTSIDE = ("description", "default", "examples")
WIDTH = 110


def schema() -> Schema:
    """JSON Schema of one file. No key is required there, and each may be null: a file may be half of an environment."""
    made = EnvironmentFile.model_json_schema()
    made["properties"] = {"extends": EXTENDS, **made["properties"]}
    for definition in (made, *made.get("$defs", {}).values()):
        if "properties" in definition:
            _relax(definition)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = TITLE
    return made


def _relax(definition: Schema) -> None:
    definition.pop("required", None)
    definition.pop("title", None)
    definition["patternProperties"] = {"^x-": FREE}
    definition["properties"] = {key: _relaxed(value) for key, value in definition["properties"].items()}


def _relaxed(key: Schema) -> Schema:
    """The key's own schema, or null, or where it is no text and no map, a variable to be filled in."""
    said = {name: key[name] for name in OUTSIDE if key.get(name) is not None}
    own = {name: value for name, value in key.items() if name not in (*OUTSIDE, "title", "shorthand", "anyOf")}
    choices = [choice for choice in key.get("anyOf", [own]) if choice != REMOVED]
    if "shorthand" in key:
        choices.append({"type": key["shorthand"]})
    if any(choice.get("type") in ("integer", "boolean") for choice in choices):
        choices.append(FILLED)
    return {"anyOf": [*choices, REMOVED], **said}


def sections() -> tuple[str, ...]:
    return tuple(schema()["properties"])


def reference(section: str | None = None) -> str:
    """Markdown: each section with its keys as annotated YAML; `section` narrows it to one."""
    whole = schema()
    wanted = whole["properties"] if section is None else {section: whole["properties"][section]}
    parts = [] if section else [HEADING]
    for name, key in wanted.items():
        body = "\n".join([f"{name}: {_kind(key, whole)}".rstrip(), *_keys(key, whole, 1)])
        parts.append(f"## {name}\n\n{key['description']}\n\n```yaml\n{body}\n```\n")
    return "\n".join(parts)


HEADING = """# Configuration

Every key of `configs/<environment>.yaml`. Maps merge key by key over the file that `extends:` names, lists and single
values replace, `null` removes, keys that begin with `x-` are yours. In values, `${VAR}` and `${VAR:-default}` are
filled in, `${secret:VAR}` and `${services.NAME.url}` at the last moment, and `$$` is a dollar sign. Durations read
`90s`, `20m`, `1h30m`; a bare number is seconds. Known issues stand in `configs/known-issues.yaml`.
"""


def _keys(key: Schema, whole: Schema, depth: int) -> Iterator[str]:
    indent = "  " * depth
    free, described = _inside(key, whole)
    if free:
        yield f"{indent}<name>:"
        yield from _keys(free, whole, depth + 1)
    for name, inner in described.items():
        for line in wrap(inner["description"], WIDTH - len(indent), break_on_hyphens=False):
            yield f"{indent}# {line}"
        yield f"{indent}{name}: {_kind(inner, whole)}{_default(inner)}".rstrip()
        yield from _keys(inner, whole, depth + 1)


def _inside(key: Schema, whole: Schema) -> tuple[Schema | None, dict[str, Schema]]:
    """What a map of described keys holds: the schema of its entries, or its own keys by name."""
    for choice in key.get("anyOf", [key]):
        resolved = _resolved(choice, whole)
        if resolved.get("properties"):
            return None, resolved["properties"]
        free = resolved.get("additionalProperties")
        if isinstance(free, dict):
            return (free, {}) if _resolved(free, whole).get("properties") else (None, {})
    return None, {}


def _resolved(key: Schema, whole: Schema) -> Schema:
    reference = key.get("$ref")
    return whole["$defs"][reference.rpartition("/")[2]] if reference else key


def _kind(key: Schema, whole: Schema) -> str:
    """What to write after the colon; nothing where keys follow."""
    if any(_inside(key, whole)):
        return ""
    choices = [choice for choice in key.get("anyOf", [key]) if choice not in (REMOVED, FILLED)]
    kinds = [_one_kind(_resolved(choice, whole), key, whole) for choice in choices]
    return " | ".join(dict.fromkeys(kinds))


def _one_kind(choice: Schema, key: Schema, whole: Schema) -> str:
    if "enum" in choice:
        return " | ".join(choice["enum"])
    examples = choice.get("examples") or key.get("examples")
    if examples:
        return f"<{'percentage' if '%' in str(examples[0]) else 'duration'}>"
    match choice.get("type"):
        case "array":
            return f"[{_kind(choice['items'], whole)}, ...]"
        case "object" if isinstance(choice.get("additionalProperties"), dict):
            return f"{{<name>: {_kind(choice['additionalProperties'], whole)}, ...}}"
        case "object":
            return "{...}"
        case list():
            return "<text>"
        case kind:
            return {"string": "<text>", "integer": "<number>", "boolean": "true | false"}[str(kind)]


def _default(key: Schema) -> str:
    """Shown where it says more than that nothing is set."""
    default = key.get("default")
    if default in (None, "", [], {}) or isinstance(default, dict):
        return ""
    return f"    # default: {str(default).lower() if isinstance(default, bool) else default}"
