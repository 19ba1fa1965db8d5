"""What a Service asks for: defaults, field masks, checks and traffic. Pure functions over protos, no state, no clock.

Field rules are those of the comments in google/cloud/run/v2/service.proto and its neighbours.
"""

from collections.abc import Iterable
from typing import Any

from google.protobuf import field_mask_pb2

from loop.emulator import probes, volumes
from loop.emulator.names import ServiceName, check_revision_id, check_tag
from loop.emulator.protos import run as types
from loop.emulator.wire import invalid, shape, unimplemented

Service = shape(types.Service)
Revision = shape(types.Revision)
Condition = shape(types.Condition)
TrafficTarget = shape(types.TrafficTarget)
TrafficTargetStatus = shape(types.TrafficTargetStatus)
LATEST = int(types.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST)
NAMED = int(types.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION)
RECONCILING = int(types.Condition.State.CONDITION_RECONCILING)
SUCCEEDED = int(types.Condition.State.CONDITION_SUCCEEDED)
FAILED = int(types.Condition.State.CONDITION_FAILED)
CommonReason = types.Condition.CommonReason
RevisionReason = types.Condition.RevisionReason

ASKED = (
    "description", "labels", "annotations", "client", "client_version", "ingress", "launch_stage",
    "binary_authorization", "template", "traffic", "scaling", "invoker_iam_disabled", "default_uri_disabled",
    "iap_enabled", "multi_region_settings", "custom_audiences", "build_config",
)  # fmt: skip
"""Fields that a caller sets; all others are output only and ignored in requests."""
RESERVED = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")


def merged(current: Any, wanted: Any, mask: field_mask_pb2.FieldMask) -> Any:
    """`current` with the masked fields of `wanted`; an empty mask, or `*`, means every field that a caller sets."""
    paths = [_snake(path) for path in mask.paths]
    if not paths or paths == ["*"]:
        paths = list(ASKED)
    for path in paths:
        if path.partition(".")[0] not in Service.DESCRIPTOR.fields_by_name:
            raise invalid(f"update_mask: {path!r} is not a field of Service.")
    result = Service()
    result.CopyFrom(current)
    settable = field_mask_pb2.FieldMask(paths=[path for path in paths if path.partition(".")[0] in ASKED])
    for path in settable.paths:
        if "." not in path:
            result.ClearField(path)
    settable.MergeMessage(wanted, result, replace_message_field=True, replace_repeated_field=True)
    return result


def covers_template(mask: field_mask_pb2.FieldMask) -> bool:
    return not mask.paths or any(path == "*" or _snake(path).partition(".")[0] == "template" for path in mask.paths)


def asked(service: Any) -> Any:
    """Only what the caller set, to compare two services."""
    result = Service()
    for name in ASKED:
        if service.DESCRIPTOR.fields_by_name[name].is_repeated:
            getattr(result, name).MergeFrom(getattr(service, name))
        elif service.DESCRIPTOR.fields_by_name[name].message_type is None:
            setattr(result, name, getattr(service, name))
        elif service.HasField(name):
            getattr(result, name).CopyFrom(getattr(service, name))
    return result


def same_template(one: Any, other: Any) -> bool:
    """The revision's name aside."""
    pair = []
    for template in (one, other):
        copy = type(template)()
        copy.CopyFrom(template)
        copy.ClearField("revision")
        pair.append(copy.SerializeToString(deterministic=True))
    return bool(pair[0] == pair[1])


def fill_defaults(service: Any) -> None:
    """What Cloud Run writes into fields that were left out, as read back from it (docs/emulator.md lists them)."""
    template = service.template
    template.max_instance_request_concurrency = template.max_instance_request_concurrency or 80
    if not template.HasField("timeout"):
        template.timeout.seconds = 300
    if not template.scaling.max_instance_count:
        template.scaling.max_instance_count = 100
    container = template.containers[0]
    if not container.ports:
        container.ports.add(name="http1", container_port=8080)
    for resource, amount in (("cpu", "1000m"), ("memory", "512Mi")):
        if resource not in container.resources.limits:
            container.resources.limits[resource] = amount
    if not container.HasField("startup_probe"):
        probe = container.startup_probe
        probe.timeout_seconds, probe.period_seconds, probe.failure_threshold = 240, 240, 1
        probe.tcp_socket.port = container.ports[0].container_port
    service.ingress = service.ingress or int(types.IngressTraffic.INGRESS_TRAFFIC_ALL)
    service.launch_stage = service.launch_stage or 4  # GA
    if not service.traffic:
        service.traffic.add(type_=LATEST, percent=100)


def check(service: Any, name: ServiceName) -> None:
    """Raises the refusal of the first thing that Cloud Run would not take."""
    containers = service.template.containers
    if not containers:
        raise invalid("service.template.containers: a service has one container, none was given.")
    if len(containers) > 1:
        raise unimplemented("service.template.containers: only a single container is emulated.")
    if not containers[0].image:
        raise invalid("service.template.containers[0].image: an image is required.")
    volumes.check(service.template)
    probes.check(containers[0])
    if service.template.revision:
        check_revision_id(name, service.template.revision)
    _check_env(containers[0])
    _check_keys("service.labels", service.labels)
    _check_keys("service.annotations", service.annotations)
    _check_keys("service.template.labels", service.template.labels)
    _check_keys("service.template.annotations", service.template.annotations)
    _check_traffic(service.traffic)


def _check_env(container: Any) -> None:
    seen = set()
    for each in container.env:
        if not each.name or each.name in ("PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"):
            raise invalid(f"service.template.containers[0].env: the name {each.name!r} is reserved or empty.")
        if each.name in seen:
            raise invalid(f"service.template.containers[0].env: {each.name} is given twice.")
        if each.HasField("value_source") and not each.value_source.secret_key_ref.version:
            raise invalid(f"service.template.containers[0].env: {each.name} names no version of its secret.")
        seen.add(each.name)


def _check_keys(field: str, keys: Iterable[str]) -> None:
    for key in keys:
        domain = key.partition("/")[0] if "/" in key else ""
        if any(domain == each or domain.endswith(f".{each}") for each in RESERVED):
            raise invalid(f"{field}: {key} is in a namespace that the API keeps to itself.")


def _check_traffic(traffic: Iterable[Any]) -> None:
    total, tags = 0, set()
    for target in traffic:
        if target.type_ == NAMED and not target.revision:
            raise invalid("service.traffic: a target by revision names none.")
        if target.type_ == LATEST and target.revision:
            raise invalid("service.traffic: a target of the latest revision must not name one.")
        if not 0 <= target.percent <= 100:
            raise invalid(f"service.traffic: {target.percent} percent is not between 0 and 100.")
        if target.tag:
            check_tag(target.tag)
            if target.tag in tags:
                raise invalid(f"service.traffic: the tag {target.tag} is given twice.")
            tags.add(target.tag)
        total += target.percent
    if total != 100:
        raise invalid(f"service.traffic: the percentages add up to {total}, not to 100.")


def statuses(service: Any, latest_ready: str) -> list[Any]:
    """The observed form of `traffic`, without addresses; LATEST is resolved only by who routes."""
    result = []
    for target in service.traffic:
        kind = target.type_ or (NAMED if target.revision else LATEST)
        result.append(
            TrafficTargetStatus(
                type_=kind, revision=target.revision or latest_ready, percent=target.percent, tag=target.tag
            )
        )
    return result


def condition(kind: str, state: int, message: str = "", reason: Any = None) -> Any:
    result = Condition(type_=kind, state=state, message=message)
    result.last_transition_time.GetCurrentTime()
    if state == FAILED:
        result.severity = int(types.Condition.Severity.ERROR)
    if isinstance(reason, RevisionReason):
        result.revision_reason = int(reason)
    elif reason is not None:
        result.reason = int(reason)
    return result


def revision_from(service: Any, name: str) -> Any:
    """The immutable snapshot of a service's template."""
    template = service.template
    revision = Revision(name=name, service=service.name.rpartition("/")[2], generation=1)
    for field in template.DESCRIPTOR.fields:
        if field.name == "revision" or field.name not in Revision.DESCRIPTOR.fields_by_name:
            continue
        part = getattr(template, field.name)
        if field.is_repeated:
            getattr(revision, field.name).MergeFrom(part)
        elif field.message_type is not None:
            if template.HasField(field.name):
                getattr(revision, field.name).CopyFrom(part)
        elif part:
            setattr(revision, field.name, part)
    return revision


def _snake(path: str) -> str:
    """Masks may come in lowerCamelCase (FieldMask's JSON form)."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in path)
