"""Google's messages to our values and back. Pure: no call is made here.

Types of Google's are imported inside the functions that make them; those that only read one take it as it is.
"""

from collections.abc import Iterable, Mapping, Set
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loop.cloud.settings import REPLACED, ingress, position
from loop.cloud.values import Json
from loop.cloud.wanted import step
from loop.core.model import Serving, Split
from loop.core.names import LABEL_COMMIT, LABEL_DIGEST, LABEL_ITERATION, LABEL_RUN
from loop.errors import ConfigError

if TYPE_CHECKING:
    from google.cloud.run_v2.types import Revision, RevisionTemplate, TrafficTarget, TrafficTargetStatus
    from google.cloud.run_v2.types import Service as ServiceProto

LATEST = 1
REVISION = 2
"""Numbers of run_v2's TrafficTargetAllocationType."""
FAILED = 3
SUCCEEDED = 4
"""Numbers of run_v2's Condition.State."""


def short(name: str) -> str:
    """The last part of a resource name."""
    return name.rpartition("/")[2]


def json_from_proto(message: Any) -> Json:
    """A proto-plus message in the API's own JSON names."""
    from google.protobuf.json_format import MessageToDict

    found: Json = MessageToDict(type(message).pb(message))
    return found


def serving_from_proto(service: "ServiceProto", revision: "Revision | None", url: str) -> Serving:
    """What serves, as read back; `revision` is the one that takes all traffic, None where the split has several."""
    labels = own_labels(service, revision) if revision else {}
    return Serving(
        service=short(service.name),
        url=url,
        traffic=splits_from_proto(service),
        revision=short(revision.name) if revision else "",
        image=revision.containers[ingress(_containers(revision))].image if revision else "",
        digest=labels.get(LABEL_DIGEST, ""),
        run=labels.get(LABEL_RUN, ""),
        iteration=labels.get(LABEL_ITERATION, ""),
        commit=labels.get(LABEL_COMMIT, ""),
        created=instant(revision.create_time) if revision else None,
        generation=service.generation,
    )


def own_labels(service: "ServiceProto", revision: "Revision") -> dict[str, str]:
    """Labels say that a revision is ours only where its name says so too.

    An update that somebody else makes takes over the template's labels, and with them our word for another image.
    """
    labels = dict(revision.labels)
    run, iteration = labels.get(LABEL_RUN, ""), labels.get(LABEL_ITERATION, "")
    ours = run and short(revision.name) == f"{short(service.name)}-l{run}-{iteration}"
    return labels if ours else {}


def _containers(revision: "Revision") -> list[Json]:
    return [{"ports": list(container.ports)} for container in revision.containers]


def splits_from_proto(service: "ServiceProto") -> tuple[Split, ...]:
    """The split in force. An entry that follows the latest revision is shown as the revision that this is now."""
    latest = short(service.latest_ready_revision)
    return tuple(
        Split(revision=short(_followed(entry, latest)), percent=entry.percent, tag=entry.tag)
        for entry in service.traffic_statuses
    )


def sole_revision(splits: Iterable[Split]) -> str:
    """The revision that takes all traffic; empty where there is none or several."""
    taking = {split.revision for split in splits if split.percent}
    return taking.pop() if len(taking) == 1 else ""


def tagged_revision(splits: Iterable[Split], tag: str) -> str:
    return next((split.revision for split in splits if split.tag == tag), "")


def meant_revision(service: "ServiceProto") -> str:
    """The revision that the specification gives all traffic to by name; empty where it follows the latest or splits."""
    taking = {entry.revision if entry.type_ == REVISION else "" for entry in service.traffic if entry.percent}
    return short(taking.pop()) if len(taking) == 1 else ""


def _followed(entry: "TrafficTargetStatus", latest: str) -> str:
    return latest if entry.type_ == LATEST or not entry.revision else entry.revision


def has_settled(service: "ServiceProto") -> bool:
    """Whether the last update is through, well or badly: a failed one leaves the observed generation behind.

    See the comments of `reconciling` in google/cloud/run/v2/service.proto.
    """
    through = service.observed_generation == service.generation or service.terminal_condition.state == FAILED
    return through and not service.reconciling


def traffic_to(revision: str, current: Iterable["TrafficTarget"]) -> list["TrafficTarget"]:
    """All traffic to `revision`, by name; every tag stays where it is, without traffic (design section 8)."""
    return traffic_split({revision: 100}, current)


def traffic_beside(
    revision: str, tag: str, service: "ServiceProto", superseded: frozenset[str]
) -> list["TrafficTarget"]:
    """The split as it is, by name, and `revision` under `tag` without traffic.

    What followed the latest revision is pinned to the one that this is now: else the candidate would take its place.
    """
    from google.cloud.run_v2.types import TrafficTarget

    shares: dict[str, int] = {}
    for split in splits_from_proto(service):
        shares[split.revision] = shares.get(split.revision, 0) + split.percent
    gone = superseded | {tag}
    tagged = [TrafficTarget(type_=t.type_, revision=t.revision, tag=t.tag) for t in service.traffic if t.tag]
    return [
        *(TrafficTarget(type_=REVISION, revision=name, percent=share) for name, share in shares.items() if share),
        *(t for t in tagged if t.tag not in gone),
        TrafficTarget(type_=REVISION, revision=revision, tag=tag),
    ]


def traffic_split(shares: Mapping[str, int], current: Iterable["TrafficTarget"]) -> list["TrafficTarget"]:
    """All traffic by that split; every tag stays where it is, without traffic."""
    from google.cloud.run_v2.types import TrafficTarget

    tagged = [TrafficTarget(type_=t.type_, revision=t.revision, tag=t.tag) for t in current if t.tag]
    named = [TrafficTarget(type_=REVISION, revision=name, percent=share) for name, share in shares.items()]
    return [*named, *tagged]


def template_from(
    current: "RevisionTemplate | None", wish: Json, variables: Set[str] = frozenset(), paths: Set[str] = frozenset()
) -> "RevisionTemplate":
    """The template to send: `current` with what `wish` names in its place. Fields that this client does not know stay.

    `variables` and `paths` are ours on `current` and no longer wanted: they are taken away. ConfigError where `wish`
    holds a name or a value that the API's messages do not have.
    """
    from google.cloud.run_v2.types import RevisionTemplate
    from google.protobuf.json_format import ParseError

    template = RevisionTemplate()
    message = RevisionTemplate.pb(template)
    if current is not None:
        message.CopyFrom(RevisionTemplate.pb(current))
    main = _main(message.containers)
    for path in sorted(paths):
        _take_away(message, path, main)
    try:
        _lay_over_containers(message.containers, main, wish.get("containers"), variables)
        _lay_over(message, {key: value for key, value in wish.items() if key != "containers"})
    except ParseError as error:
        raise ConfigError([f"template: {error}"]) from error
    return template


def lay_over_service(service: "ServiceProto", wish: Json, paths: Set[str]) -> None:
    """Put what `wish` names on the service itself, and take away what is ours there and no longer wanted."""
    message = type(service).pb(service)
    for path in sorted(paths):
        _take_away(message, path)
    _lay_over(message, wish)


def _take_away(message: Any, path: str, main: int = 0) -> None:
    """Clear the field at a path of `wanted.owned`, and each message that it leaves empty."""
    name, item, rest = step(path)
    if name == "container" and message.containers:
        _take_away(message.containers[main], rest)
        return
    field = next((f for f in message.DESCRIPTOR.fields if f.json_name == name), None)
    if field is None:
        return  # another version of loop, or of the client, knew it
    inner = getattr(message, field.name)
    if item:
        for index in reversed([i for i, other in enumerate(inner) if other.name == item]):
            if rest:
                _take_away(inner[index], rest)
            else:
                del inner[index]
    elif rest and field.message_type is not None and field.message_type.GetOptions().map_entry:
        if rest in inner:
            del inner[rest]
    elif rest and not field.is_repeated:
        _take_away(inner, rest)
        if not inner.ByteSize():
            message.ClearField(field.name)
    else:
        message.ClearField(field.name)


def _main(containers: Any) -> int:
    return ingress([{"ports": list(c.ports)} for c in containers])


def _lay_over_containers(containers: Any, index: int, wishes: object, dropped: Set[str]) -> None:
    """The first wish is for the container that takes requests, the others for the one of their name."""
    wish, *others = wishes if isinstance(wishes, list) and wishes else [{}]
    if not containers:
        containers.add()
    main = containers[index]
    for at in reversed([i for i, variable in enumerate(main.env) if variable.name in dropped]):
        del main.env[at]
    _lay_over(main, wish)
    _lay_over_list(containers, others, "containers")


def _lay_over(message: Any, wish: Mapping[str, object]) -> None:
    from google.protobuf.json_format import ParseDict

    fields = {field.json_name: field for field in message.DESCRIPTOR.fields}
    for key, value in wish.items():
        field = fields.get(key)
        nested = field.message_type if field is not None else None
        if field is None or nested is None or nested.full_name.startswith("google.protobuf."):
            ParseDict({key: value}, message)
        elif nested.GetOptions().map_entry:
            _lay_over_map(getattr(message, field.name), key, value, message)
        elif isinstance(value, list | tuple):
            if key in REPLACED or (not value and key != "env"):  # an empty list means none; variables are kept by name
                message.ClearField(field.name)
            _lay_over_list(getattr(message, field.name), list(value), key)
        elif isinstance(value, Mapping):
            getattr(message, field.name).SetInParent()
            _lay_over(getattr(message, field.name), value)
        else:
            ParseDict({key: value}, message)


def _lay_over_map(present: Any, key: str, value: object, message: Any) -> None:
    from google.protobuf.json_format import ParseDict

    if isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
        for name, text in value.items():
            present[name] = text
    else:
        ParseDict({key: value}, message)


def _lay_over_list(present: Any, wishes: list[object], field: str) -> None:
    """Items are found by name, else by place. A variable is replaced whole: value and secret exclude each other."""
    for index, wish in enumerate(wishes):
        item: Mapping[str, object] = wish if isinstance(wish, Mapping) else {}
        at = position([{"name": getattr(other, "name", None)} for other in present], item, index)
        target = present.add() if at is None else present[at]
        if field == "env":
            target.Clear()
        _lay_over(target, item)


def failed_condition(revision: "Revision") -> str:
    """Why the revision will not become ready, in the platform's words; empty while that is open or it is ready."""
    failed = [c for c in revision.conditions if c.state == FAILED]
    ready = [c for c in failed if c.type_ == "Ready"]
    if not ready:
        return ""
    messages = [c.message for c in [*ready, *failed] if c.message]
    return messages[0] if messages else "the platform calls it failed and gives no reason"


def is_ready(revision: "Revision") -> bool:
    return any(c.type_ == "Ready" and c.state == SUCCEEDED for c in revision.conditions)


def instant(time: Any) -> datetime | None:
    """A timestamp of proto-plus as a plain UTC datetime; None where it was not set."""
    if not time:
        return None
    return datetime(time.year, time.month, time.day, time.hour, time.minute, time.second, time.microsecond, tzinfo=UTC)
