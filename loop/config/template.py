"""`template:` of a service against the API's own names, and against the typed keys beside it."""

import re
from collections.abc import Iterator
from functools import cache

from loop.config.document import Located
from loop.config.problems import Path, Problem, did_you_mean, found
from loop.config.template_fields import FIELDS

ROOT = "RevisionTemplate"
OURS = "loop-"
RESERVED = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")
"""Namespaces of labels and annotations that the API refuses (comments on RevisionTemplate.labels and .annotations)."""
PORTS = frozenset({"port", "containerPort"})
TYPED: dict[tuple[str | int, ...], str] = {
    ("timeout",): "timeout",
    ("serviceAccount",): "service_account",
    ("maxInstanceRequestConcurrency",): "concurrency",
    ("scaling", "maxInstanceCount"): "max_instances",
    ("vpcAccess",): "vpc",
    ("containers", 0, "command"): "command",
    ("containers", 0, "args"): "args",
    ("containers", 0, "ports"): "port",
    ("containers", 0, "resources", "limits", "cpu"): "cpu",
    ("containers", 0, "resources", "limits", "memory"): "memory",
    ("containers", 0, "startupProbe"): "startup_probe",
    ("containers", 0, "livenessProbe"): "liveness_probe",
}
"""Where a typed key of the service stands in the template."""
NAMED: tuple[tuple[str, tuple[str | int, ...]], ...] = (
    ("labels", ("labels",)),
    ("env", ("containers", 0, "env")),
    ("secrets", ("containers", 0, "env")),
)
"""Keys that name several things, and where the template does."""
SET_BY_LOOP: dict[tuple[str | int, ...], str] = {
    ("revision",): "is named by loop, anew for every deployment",
    ("containers", 0, "image"): "is what loop deploys: source: or image: of the service says which",
}


def template_problems(service: Located, path: Path) -> Iterator[Problem]:
    template = service.keys.get("template")
    if template is None or not isinstance(template.value, dict):
        return
    where = (*path, "template")
    yield from _message(template, where, ROOT)
    yield from _reserved(template, where)
    yield from _twice(service, template, where)
    for index in range(len(containers.items) if (containers := template.keys.get("containers")) else 0):
        yield from _repeated(template, where, ("containers", index, "env"))


def _message(located: Located, path: Path, message: str) -> Iterator[Problem]:
    if not isinstance(located.value, dict):
        yield Problem(located.place, path, f"expected a map of keys ({message}), found {found(located.value)}")
        return
    fields = _fields()[message]
    for key, value in located.keys.items():
        kind = fields.get(key)
        if kind is None:
            sentence = f"is no field of Cloud Run's {message}{did_you_mean(key, fields)}"
            yield Problem(value.place, (*path, key), sentence)
        else:
            yield from _field(value, (*path, key), kind)
            if key in PORTS:
                yield from _port(value, (*path, key))


def _field(located: Located, path: Path, kind: str) -> Iterator[Problem]:
    if kind.endswith(" []"):
        if not isinstance(located.value, list):
            yield Problem(located.place, path, f"expected a list, found {found(located.value)}")
        for index, item in enumerate(located.items):
            yield from _field(item, (*path, index), kind.removesuffix(" []"))
    elif kind in _fields():
        yield from _message(located, path, kind)
    elif kind == "map":
        yield from _texts(located, path)
    else:
        sentence = _scalar(located.value, kind)
        if sentence:
            yield Problem(located.place, path, f"{sentence}, found {found(located.value)}")


def _port(located: Located, path: Path) -> Iterator[Problem]:
    number = "" if _scalar(located.value, "number") else str(located.value)
    if number and not 1 <= int(number) <= 65535:
        yield Problem(located.place, path, f"expected a port from 1 to 65535, found {found(located.value)}")


def _texts(located: Located, path: Path) -> Iterator[Problem]:
    if not isinstance(located.value, dict):
        yield Problem(located.place, path, f"expected a map of texts, found {found(located.value)}")
    for key, value in located.keys.items():
        sentence = _scalar(value.value, "text")
        if sentence:
            yield Problem(value.place, (*path, key), f"{sentence}, found {found(value.value)}")


def _scalar(value: object, kind: str) -> str:
    """What was expected of a single value; nothing where it is that."""
    match kind:
        case "text":
            hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
            return "" if isinstance(value, str) else f"expected text{hint}"
        case "number":
            whole = isinstance(value, int) and not isinstance(value, bool)
            whole = whole or (isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) is not None)
            return "" if whole else "expected a whole number"
        case "true|false":
            return "" if isinstance(value, bool) else "expected true or false"
        case "time":
            fits = isinstance(value, str) and re.fullmatch(r"\d+(\.\d{1,9})?s", value)
            return "" if fits else "expected a time in seconds such as 90s"
        case _:
            names = kind.split("|")
            near = did_you_mean(value, names) if isinstance(value, str) else ""
            return "" if value in names else f"expected one of {', '.join(names)}{near}"


def _reserved(template: Located, path: Path) -> Iterator[Problem]:
    for steps, sentence in SET_BY_LOOP.items():
        value = _at(template, steps)
        if value:
            yield Problem(value.place, (*path, *steps), sentence)
    for section in ("labels", "annotations"):
        inner = template.keys.get(section)
        for key, value in inner.keys.items() if inner else ():
            if key.startswith(OURS):
                yield Problem(value.place, (*path, section, key), f"begins with {OURS}, which is loop's own")
            domain = key.partition("/")[0] if "/" in key else ""
            if any(domain == each or domain.endswith(f".{each}") for each in RESERVED):
                sentence = (
                    f"is in the namespace {domain}, which Cloud Run's API refuses; it has a field for each of these"
                )
                yield Problem(value.place, (*path, section, key), sentence)


def _twice(service: Located, template: Located, path: Path) -> Iterator[Problem]:
    for steps, key in TYPED.items():
        value = _at(template, steps)
        if value and key in service.keys:
            yield Problem(value.place, (*path, *steps), f"is what {key}: says; give one of them")
    for key, steps in NAMED:
        given, value = service.keys.get(key), _at(template, steps)
        for name, named in _names(value) if given and value else ():
            if given and name in given.keys:
                sentence = f"names {name}, which stands in {key}: too; give one of them"
                yield Problem(named.place, (*path, *steps), sentence)


def _repeated(template: Located, path: Path, steps: tuple[str | int, ...]) -> Iterator[Problem]:
    """The API would take the last one, and nobody could see which is meant."""
    variables = _at(template, steps)
    said: set[str] = set()
    for name, named in _names(variables) if variables else ():
        if name in said:
            yield Problem(named.place, (*path, *steps), f"names {name} twice; give one of them")
        said.add(name)


def _names(located: Located) -> Iterator[tuple[str, Located]]:
    """Names in a map, or in a list of named items."""
    yield from located.keys.items()
    for item in located.items:
        name = item.keys.get("name")
        if name and name.text:
            yield name.text, name


def _at(located: Located, steps: tuple[str | int, ...]) -> Located | None:
    here: Located | None = located
    for step in steps:
        if here is None:
            return None
        here = here.keys.get(step) if isinstance(step, str) else next(iter(here.items[step : step + 1]), None)
    return here


def zeros(template: object, kind: str = ROOT) -> object:
    """The same with what is zero in the place of each None, which the API's JSON leaves out."""
    if kind.endswith(" []"):
        items = template if isinstance(template, list) else []
        return [zeros(item, kind.removesuffix(" []")) for item in items]
    if kind in _fields():
        fields = _fields()[kind]
        inner = template if isinstance(template, dict) else {}
        return {key: zeros(value, fields[key]) for key, value in inner.items() if key in fields}
    if template is not None:
        return template
    return {"text": "", "number": 0, "true|false": False, "time": "0s", "map": {}}.get(kind, kind.split("|")[0])


@cache
def _fields() -> dict[str, dict[str, str]]:
    """Message -> field -> kind."""
    found: dict[str, dict[str, str]] = {}
    for paragraph in FIELDS.strip().split("\n\n"):
        name, *lines = paragraph.split("\n")
        found[name] = dict(line.strip().split(": ", 1) for line in lines)
    return found
