"""What differs between a service as found and as wanted, each difference a sentence of its own.

Pure. What the configuration does not name is kept, and does not count as a difference. Values of environment variables,
arguments and headers are compared but never named in a sentence: they may be secrets.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from loop.cloud.values import Json, Observed, mapping, sequence
from loop.cloud.wanted import ANNOTATION_ENV, ANNOTATION_SETTINGS, INGRESS, outermost, wanted, wanted_service
from loop.core.environment import Access, BuildMode, Service
from loop.core.names import LABEL_DIGEST, digest_label

REPLACED = frozenset({"items", "networkInterfaces"})
"""Lists that are sent whole: their items have no names, and one more or less means something else."""
TYPED = (
    ("container.image", "image"),
    ("container.ports[0].containerPort", "port"),
    ("container.ports", "port"),
    ("container.command", "command"),
    ("container.args", "args"),
    ("container.resources.limits.cpu", "cpu"),
    ("container.resources.limits.memory", "memory"),
    ("container.startupProbe", "startup_probe"),
    ("container.livenessProbe", "liveness_probe"),
    ("container.volumeMounts[cloudsql]", "cloud_sql"),
    ("volumes[cloudsql]", "cloud_sql"),
    ("maxInstanceRequestConcurrency", "concurrency"),
    ("scaling.maxInstanceCount", "max_instances"),
    ("service.scaling.minInstanceCount", "min_instances"),
    ("service.ingress", "ingress"),
    ("service.labels", "labels"),
    ("service.invokerIamDisabled", "invoker_iam_disabled"),
    ("serviceAccount", "service_account"),
    ("vpcAccess", "vpc"),
)
"""Paths in the API's JSON, and the configuration's keys for them."""
UNSAID = ("command", "args", "httpHeaders")
SPELLED = {theirs: str(ours) for ours, theirs in INGRESS.items()}
"""The API's names of values for which the configuration has its own."""
SCALES = {
    "": Decimal(1), "m": Decimal("0.001"), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
}  # fmt: skip


def listed(settings: Mapping[str, object], annotation: str = ANNOTATION_SETTINGS) -> set[str]:
    """The names that an annotation of ours holds."""
    names = mapping(settings.get("annotations", {})).get(annotation, "")
    return {name for name in str(names).split(",") if name}


def dropped(current: Json, wish: Json) -> set[str]:
    """Variables that we set on `current` and that the configuration no longer names."""
    return listed(current, ANNOTATION_ENV) - listed(wish, ANNOTATION_ENV)


def abandoned(current: Json, wish: Json) -> set[str]:
    """Paths of all other settings that we made on `current` and that the configuration no longer names."""
    return listed(current, ANNOTATION_SETTINGS) - listed(wish, ANNOTATION_SETTINGS)


def ingress(containers: Sequence[Mapping[str, object]]) -> int:
    """Index of the container that takes requests: the one with a port, else the first."""
    return next((i for i, container in enumerate(containers) if container.get("ports")), 0)


def difference(found: Observed | None, service: Service, env: Mapping[str, str], digest: str) -> str:
    """The first difference; empty when what serves is what is wanted."""
    return next(iter(differences(found, service, env, digest)), "")


def differences(
    found: Observed | None, service: Service, env: Mapping[str, str], digest: str, image: str = ""
) -> tuple[str, ...]:
    """Why the service has to be deployed anew, in words; empty when what serves is what is wanted (design section 8).

    `digest` is the source's content digest; with `build: image` the image itself is compared instead, as `image` says
    it by its digest where that is known.
    """
    whole = () if found is None else standing_differences(found, service)
    return tuple(dict.fromkeys((*revision_differences(found, service, env, digest, image), *whole)))


def revision_differences(
    found: Observed | None, service: Service, env: Mapping[str, str], digest: str, image: str = ""
) -> tuple[str, ...]:
    """What a new revision would change, and who takes traffic: all that a candidate can be compared by."""
    if found is None:
        return ("not deployed yet",)
    reasons = [*_split_differs(found), *_source_differs(found, service, digest)]
    if found.settings:
        compared = (image or service.image or "") if service.build is BuildMode.IMAGE else ""
        reasons += _settings_differ(found.settings, wanted(service, env, compared))
    return tuple(dict.fromkeys(reasons))


def standing_differences(found: Observed, service: Service) -> tuple[str, ...]:
    """What holds whatever revision serves, and is to change: under `traffic: candidate` with the promotion."""
    return (*service_differences(found.service, wanted_service(service)), *_access_differs(found, service))


def _split_differs(found: Observed) -> Iterator[str]:
    serving = found.serving
    if not serving.revision:
        shares = ", ".join(f"{s.revision} {s.percent}%" for s in serving.traffic if s.percent)
        yield f"traffic is split: {shares}" if shares else "no revision takes traffic"
    elif not found.meant:
        yield f"traffic follows the latest revision instead of naming {serving.revision}"
    elif found.meant != serving.revision:
        yield f"traffic is meant for {found.meant}, but {serving.revision} serves"


def _source_differs(found: Observed, service: Service, digest: str) -> Iterator[str]:
    serving = found.serving
    if serving.revision and not serving.run:
        yield f"revision {serving.revision} was not deployed by loop"
    elif service.build is not BuildMode.IMAGE:
        there = {"": serving.digest} if serving.revision else found.digests
        for revision, other in there.items():
            if other != digest_label(digest):
                than = f" since {revision}" if revision else ""
                yield f"source changed{than}: {LABEL_DIGEST} {other[:12] or 'none'} -> {digest_label(digest)[:12]}"


def _access_differs(found: Observed, service: Service) -> Iterator[str]:
    if found.access is not None and service.access not in (found.access, Access.KEEP):
        yield f"access: {found.access} -> {service.access}"


def _settings_differ(found: Json, wish: Json) -> Iterator[str]:
    yield from (f"environment variable {name} is no longer wanted" for name in sorted(dropped(found, wish)))
    yield from _no_longer(abandoned(found, wish), "")
    containers = [mapping(c) for c in sequence(found.get("containers", ()))] or [{}]
    wishes = sequence(wish.get("containers", ()))
    yield from _compare(containers[ingress(containers)], mapping(wishes[0]), "container")
    yield from _compare_list(containers, wishes[1:], "containers")
    yield from _compare(found, {k: v for k, v in wish.items() if k not in ("containers", "annotations")}, "")
    ours = {k: v for k, v in mapping(wish["annotations"]).items() if k not in (ANNOTATION_ENV, ANNOTATION_SETTINGS)}
    yield from _compare(found.get("annotations"), ours, "annotations")


def service_differences(found: Json, wish: Json) -> Iterator[str]:
    yield from _no_longer(abandoned(found, wish), "service.")
    yield from _compare(found, {k: v for k, v in wish.items() if k != "annotations"}, "service")


def _no_longer(paths: set[str], prefix: str) -> Iterator[str]:
    return (f"{key_of(prefix + path)} is no longer wanted" for path in sorted(outermost(paths)))


def _compare(found: object, wish: object, path: str) -> Iterator[str]:
    if path.endswith(".env"):
        yield from _compare_env(found, wish)
    elif isinstance(wish, Mapping) and (wish or found is not None):
        for key, value in wish.items():
            yield from _compare(mapping(found).get(key), value, f"{path}.{key}" if path else str(key))
    elif sequence(wish) and all(isinstance(item, Mapping) for item in sequence(wish)):
        yield from _compare_list(found, sequence(wish), path)
    elif not _same(found, wish, path):
        shown = "another value is wanted" if path.endswith(UNSAID) else f"{said(found)} -> {said(wish)}"
        yield f"{key_of(path)}: {shown}"


def _compare_env(found: object, wish: object) -> Iterator[str]:
    present = {mapping(v).get("name"): mapping(v) for v in sequence(found)}
    for variable in sequence(wish):
        name = mapping(variable).get("name")
        if name not in present:
            yield f"environment variable {name} is not set"
        elif _valued(present[name]) != _valued(mapping(variable)):
            yield f"environment variable {name} has another value"


def _compare_list(found: object, wish: object, path: str) -> Iterator[str]:
    there = sequence(found)
    if path.rpartition(".")[2] in REPLACED and len(there) != len(sequence(wish)):
        yield f"{key_of(path)}: {len(there)} -> {len(sequence(wish))} entries"
        return
    for index, item in enumerate(sequence(wish)):
        at = position(there, mapping(item), index)
        where = f"{path}[{mapping(item).get('name', index)}]"
        if at is None and "name" in mapping(item):
            yield f"{key_of(where)} is not set"
        else:
            yield from _compare({} if at is None else there[at], item, where)


def position(items: Sequence[object], item: Mapping[str, object], index: int) -> int | None:
    """Where `item` belongs in `items`: by its name where it has one, else by its place."""
    if "name" in item:
        return next((i for i, other in enumerate(items) if mapping(other).get("name") == item["name"]), None)
    return index if index < len(items) else None


def _same(found: object, wish: object, path: str) -> bool:
    """The API's JSON leaves out what is zero, writes 64-bit numbers as text and times with a fraction of its choice."""
    if found == wish or (not found and not wish):
        return True
    if ".limits." in path:
        return _quantity(found) is not None and _quantity(found) == _quantity(wish)
    if isinstance(found, str) and isinstance(wish, str):
        times = [re.fullmatch(r"(\d+(?:\.\d+)?)s", text) for text in (found, wish)]
        return all(times) and len({Decimal(time[1]) for time in times if time}) == 1
    return not isinstance(wish, bool) and str(found) == str(wish)


def _quantity(value: object) -> Decimal | None:
    """`1000m` is `1`, and `1Gi` is `1024Mi`: a spelling of the same amount is no difference."""
    amount = re.fullmatch(r"(\d+(?:\.\d+)?)([a-zA-Z]*)", str(value))
    return Decimal(amount[1]) * SCALES[amount[2]] if amount and amount[2] in SCALES else None


def key_of(path: str) -> str:
    """What the configuration calls it; what has no typed key keeps the API's own name."""
    for prefix, key in TYPED:
        if path == prefix or path.startswith((f"{prefix}.", f"{prefix}[")):
            return key + path.removeprefix(prefix)
    return path


def said(value: object) -> str:
    return "not set" if value in (None, "", [], {}) else SPELLED.get(str(value), str(value))


def _valued(variable: Mapping[str, object]) -> tuple[object, object]:
    """An empty value is absent from the API's JSON."""
    return variable.get("value", ""), variable.get("valueSource")
