"""A revision's settings as the API's JSON: what is wanted, and the first difference to what is there.

Pure. What the configuration does not name is kept, and does not count as a difference. Values of environment variables
are compared but never named in a sentence: they may be secrets.
"""

from collections.abc import Iterator, Mapping, Sequence

from loop.cloud.values import Json, Observed
from loop.core.environment import BuildMode, Service
from loop.core.names import LABEL_DIGEST, digest_label

DEFAULT_PORT = 8080
ANNOTATION_ENV = "loop-env"
"""Names of the variables that the configuration set on a revision: one that it no longer names is taken away again."""


def wanted(service: Service, env: Mapping[str, str], image: str) -> Json:
    """The part of a RevisionTemplate that the configuration names. An empty `image` names none."""
    container: Json = {"env": _variables(service, env)}
    if image:
        container["image"] = image
    if service.port != DEFAULT_PORT:
        container["ports"] = [{"containerPort": service.port}]
    overlay = dict(service.template)
    containers = list(_sequence(overlay.pop("containers", ())))
    first = _joined(container, _mapping(containers[0])) if containers else container
    names = ",".join(sorted({*env, *service.secrets}))
    annotations = {**_mapping(overlay.pop("annotations", {})), ANNOTATION_ENV: names}
    return {**overlay, "containers": [first, *containers[1:]], "annotations": annotations}


def dropped(current: Json, wish: Json) -> set[str]:
    """Variables that we set on `current` and that the configuration no longer names."""
    return _managed(current) - _managed(wish)


def ingress(containers: Sequence[Mapping[str, object]]) -> int:
    """Index of the container that takes requests: the one with a port, else the first."""
    return next((i for i, container in enumerate(containers) if container.get("ports")), 0)


def difference(found: Observed | None, service: Service, env: Mapping[str, str], digest: str) -> str:
    """Why the service has to be deployed anew, in words; empty when what serves is what is wanted (design section 8).

    `digest` is the source's content digest; with `build: image` the image itself is compared instead.
    """
    if found is None:
        return "not deployed yet"
    return (
        _split_differs(found)
        or _source_differs(found, service, digest)
        or next(_differences(found.settings, _comparable(service, env)), "")
    )


def _split_differs(found: Observed) -> str:
    serving = found.serving
    if not serving.revision:
        shares = ", ".join(f"{s.revision} {s.percent}%" for s in serving.traffic if s.percent)
        return f"traffic is split: {shares}" if shares else "no revision takes traffic"
    if found.meant == serving.revision:
        return ""
    if found.meant:
        return f"traffic is meant for {found.meant}, but {serving.revision} serves"
    return f"traffic follows the latest revision instead of naming {serving.revision}"


def _source_differs(found: Observed, service: Service, digest: str) -> str:
    serving = found.serving
    if not serving.run:
        return f"revision {serving.revision} was not deployed by loop"
    if service.build is BuildMode.IMAGE:
        return ""
    if serving.digest != digest_label(digest):
        return f"source changed: {LABEL_DIGEST} {serving.digest[:12] or 'none'} -> {digest_label(digest)[:12]}"
    return ""


def _comparable(service: Service, env: Mapping[str, str]) -> Json:
    image = service.image if service.build is BuildMode.IMAGE else None
    return wanted(service, env, image or "")


def _differences(found: Json, wish: Json) -> Iterator[str]:
    gone = dropped(found, wish)
    if gone:
        yield f"environment variable {min(gone)} is no longer wanted"
    containers = [_mapping(c) for c in _sequence(found.get("containers", ()))] or [{}]
    wishes = _sequence(wish.get("containers", ()))
    yield from _compare(containers[ingress(containers)], _mapping(wishes[0]), "container")
    yield from _compare_list(containers, wishes[1:], "containers")
    yield from _compare(found, {k: v for k, v in wish.items() if k not in ("containers", "annotations")}, "")


def _compare(found: object, wish: object, path: str) -> Iterator[str]:
    if isinstance(wish, Mapping) and isinstance(found, Mapping):
        for key, value in wish.items():
            where = f"{path}.{key}" if path else str(key)
            if key == "env":
                yield from _compare_env(found.get(key, ()), value)
            elif key not in found:
                yield f"{where} is not set"
            else:
                yield from _compare(found[key], value, where)
    elif _is_list_of_mappings(wish) and isinstance(found, list):
        yield from _compare_list(found, _sequence(wish), path)
    elif found != wish:
        yield f"{path}: {found!r} -> {wish!r}"


def _compare_env(found: object, wish: object) -> Iterator[str]:
    present = {_mapping(v).get("name"): _mapping(v) for v in _sequence(found)}
    for variable in _sequence(wish):
        name = _mapping(variable).get("name")
        if name not in present:
            yield f"environment variable {name} is not set"
        elif _valued(present[name]) != _valued(_mapping(variable)):
            yield f"environment variable {name} has another value"


def _compare_list(found: object, wish: object, path: str) -> Iterator[str]:
    there = list(_sequence(found))
    for index, item in enumerate(_sequence(wish)):
        at = position(there, _mapping(item), index)
        if at is None:
            yield f"{path}[{_mapping(item).get('name', index)}] is not set"
        else:
            yield from _compare(there[at], item, f"{path}[{_mapping(item).get('name', index)}]")


def position(items: Sequence[object], item: Mapping[str, object], index: int) -> int | None:
    """Where `item` belongs in `items`: by its name where it has one, else by its place."""
    if "name" in item:
        return next((i for i, other in enumerate(items) if _mapping(other).get("name") == item["name"]), None)
    return index if index < len(items) else None


def _joined(container: Json, template: Mapping[str, object]) -> Json:
    """The typed keys of a service and its `template:` for the same container; the typed keys win."""
    env = [v for v in _sequence(template.get("env", ())) if not _named(container["env"], _mapping(v).get("name"))]
    return {**template, **container, "env": [*_sequence(container["env"]), *env]}


def _named(items: object, name: object) -> bool:
    return any(_mapping(item).get("name") == name for item in _sequence(items))


def _variables(service: Service, env: Mapping[str, str]) -> list[object]:
    plain: list[object] = [{"name": name, "value": value} for name, value in env.items()]
    return plain + [_secret(name, reference) for name, reference in service.secrets.items()]


def _secret(name: str, reference: str) -> Json:
    secret, _, version = reference.rpartition(":") if ":" in reference else (reference, "", "latest")
    return {"name": name, "valueSource": {"secretKeyRef": {"secret": secret, "version": version}}}


def _valued(variable: Mapping[str, object]) -> tuple[object, object]:
    """An empty value is absent from the API's JSON."""
    return variable.get("value", ""), variable.get("valueSource")


def _managed(settings: Json) -> set[str]:
    names = _mapping(settings.get("annotations", {})).get(ANNOTATION_ENV, "")
    return {name for name in str(names).split(",") if name}


def _is_list_of_mappings(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
