"""What holds for a service whatever revision serves: laid on it as wanted, recorded as found, and put back.

These are the settings of the service itself: ingress, least instances, labels, the switched-off invoker check. They
reach the users of the serving revision at once, so they change with the traffic: in the same update.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from loop.cloud.conversions import json_from_proto, lay_over_service
from loop.cloud.settings import abandoned, key_of, listed, said, service_differences
from loop.cloud.values import Json, Shift, mapping
from loop.cloud.wanted import ANNOTATION_SETTINGS, INGRESS, wanted_service
from loop.core.environment import Access, Service
from loop.core.model import Standing
from loop.core.settings import Ingress

if TYPE_CHECKING:
    from google.cloud.run_v2.types import Service as ServiceProto

LEAST = "scaling.minInstanceCount"
CHECK = "invokerIamDisabled"
OURS = f"annotations.{ANNOTATION_SETTINGS}"
FIELDS = {
    "ingress": "ingress",
    "scaling": "scaling",
    "labels": "labels",
    CHECK: "invoker_iam_disabled",
    "annotations": "annotations",
}
"""The API's JSON name -> path of an update mask."""


def recorded(own: Json) -> Standing:
    """As found, from the service's JSON."""
    return Standing(settings=_flat(own))


def apply(service: "ServiceProto", definition: Service) -> tuple[str, ...]:
    """Make the service's own settings what the configuration says; what changes, a sentence each."""
    own, wish = json_from_proto(service), wanted_service(definition)
    sentences = tuple(service_differences(own, wish))
    lay_over_service(service, wish, abandoned(own, wish))
    if definition.access is Access.PRIVATE:
        service.invoker_iam_disabled = False  # or its policy would not be asked
    return sentences


def put_back(
    service: "ServiceProto", was: Standing, definitions: Iterable[Service]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What went back, and what did not because it is neither as found nor as wanted: somebody else's, and it stays."""
    now, then = _flat(json_from_proto(service)), was.settings
    wishes = [_wish(definition) for definition in definitions]
    named = set().union(
        listed({"annotations": {ANNOTATION_SETTINGS: then.get(OURS, "")}}), *(_named(w) for w in wishes)
    )
    changed = [path for path in sorted(named) if now.get(path) != then.get(path)]
    ours = [path for path in changed if any(now.get(path) == _flat(wish).get(path) for wish in wishes)]
    back = {path: then.get(path) for path in ours}
    lay_over_service(service, _nested(back), {path for path in ours if not back[path]})
    return (
        tuple(f"{_key(p)}: {said(now.get(p))} -> {said(then.get(p))}" for p in ours if p != OURS),
        tuple(f"{_key(p)}: {said(now.get(p))}" for p in changed if p not in ours and p != OURS),
    )


def paths_changed(before: "ServiceProto", after: "ServiceProto") -> list[str]:
    """What of them an update mask must name."""
    was, now = json_from_proto(before), json_from_proto(after)
    return [path for key, path in FIELDS.items() if was.get(key) != now.get(key)]


def access_of(shift: Shift) -> Access:
    """What the IAM policy must say with that change of traffic; `keep` where the run has not changed it."""
    if shift.apply:
        return shift.service.access
    if shift.back is None or shift.back.everyone is None:
        return Access.KEEP
    was, other = (Access.PUBLIC, Access.PRIVATE) if shift.back.everyone else (Access.PRIVATE, Access.PUBLIC)
    return was if any(definition.access is other for definition in shift.definitions) else Access.KEEP


def _wish(definition: Service) -> Json:
    """With what is implied: a private service's invokers are checked."""
    return wanted_service(definition) | ({CHECK: False} if definition.access is Access.PRIVATE else {})


def _named(wish: Json) -> set[str]:
    return {*listed(wish), OURS, *([CHECK] if CHECK in wish else [])}


def _flat(own: Json) -> dict[str, str]:
    """Path -> value of all that a configuration can name; what is not set is left out, as in the API's JSON."""
    found = {
        "ingress": own.get("ingress") or INGRESS[Ingress.ALL],  # what Cloud Run makes of none
        LEAST: mapping(own.get("scaling")).get("minInstanceCount"),
        CHECK: "true" if own.get(CHECK) else "",
        OURS: mapping(own.get("annotations")).get(ANNOTATION_SETTINGS),
        **{f"labels.{name}": value for name, value in mapping(own.get("labels")).items()},
    }
    return {path: str(value) for path, value in found.items() if value}


def _nested(flat: dict[str, str | None]) -> Json:
    made: Json = {}
    for path, value in flat.items():
        head, _, rest = path.partition(".")
        if value and rest:
            made[head] = {**mapping(made.get(head)), rest: value}
        elif value:
            made[head] = True if path == CHECK else value
    return made


def _key(path: str) -> str:
    return key_of(f"service.{path}")
