"""A service's settings as the API's JSON: the part of a RevisionTemplate and of a Service that a configuration names.

Pure. Each wish carries, as an annotation, the names of what it sets, never a value: so a later deployment knows what it
may take away again when the configuration no longer names it, and what somebody else set stays.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from loop.cloud.values import Json, mapping, sequence
from loop.core.environment import Service
from loop.core.settings import ContainerProbe, Egress, Ingress, Vpc

ANNOTATION_ENV = "loop-env"
"""Names of the variables that the configuration set on a revision."""
ANNOTATION_SETTINGS = "loop-settings"
"""Paths of all other settings that the configuration made, on the revision or on the service itself."""
WHOLE = frozenset({"startupProbe", "livenessProbe", "readinessProbe", "vpcAccess"})
"""Messages that are taken away as one where none of it is wanted: half a probe would be another probe."""
MAPS = frozenset({"labels", "annotations", "limits"})
"""Maps of texts: their keys may hold dots."""
SQL, SQL_FOLDER = "cloudsql", "/cloudsql"
INGRESS = {
    Ingress.ALL: "INGRESS_TRAFFIC_ALL",
    Ingress.INTERNAL: "INGRESS_TRAFFIC_INTERNAL_ONLY",
    Ingress.LOAD_BALANCING: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}
EGRESS = {Egress.ALL_TRAFFIC: "ALL_TRAFFIC", Egress.PRIVATE_RANGES_ONLY: "PRIVATE_RANGES_ONLY"}


def wanted(service: Service, env: Mapping[str, str], image: str) -> Json:
    """The part of a RevisionTemplate that the configuration names. An empty `image` names none."""
    overlay = dict(service.template)
    annotations = mapping(overlay.pop("annotations", {}))
    containers = sequence(overlay.pop("containers", ()))
    first = _joined(_container(service, env, image), mapping(containers[0]) if containers else {})
    wish = _over(overlay, _revision(service))
    wish["containers"] = [first, *containers[1:]]
    names = ",".join(sorted({str(mapping(variable).get("name", "")) for variable in sequence(first["env"])}))
    settings = ",".join(owned(wish | ({"annotations": dict(annotations)} if annotations else {})))
    wish["annotations"] = {**annotations, ANNOTATION_ENV: names, ANNOTATION_SETTINGS: settings}
    return wish


def wanted_service(service: Service) -> Json:
    """The part of a Service that the configuration names: what holds for all its revisions."""
    settings = service.settings
    wish: Json = {}
    if settings.ingress:
        wish["ingress"] = INGRESS[settings.ingress]
    if settings.min_instances is not None:
        wish["scaling"] = {"minInstanceCount": settings.min_instances}
    if settings.labels:
        wish["labels"] = dict(settings.labels)
    return wish | {"annotations": {ANNOTATION_SETTINGS: ",".join(owned(wish))}}


def variables_of(service: Service) -> dict[str, str]:
    """The secrets that become environment variables; those whose key is a path are mounted."""
    return {name: reference for name, reference in service.secrets.items() if not name.startswith("/")}


def owned(wish: Json) -> Iterator[str]:
    """Paths of what the wish sets, without images and environment variables: `container.resources.limits.cpu`."""
    for key, value in sorted(wish.items()):
        if key != "containers":
            yield from _paths(key, value)
    main, *others = sequence(wish.get("containers", ())) or [{}]
    for key, value in sorted(mapping(main).items()):
        if key not in ("env", "image", "name"):
            yield from _paths(f"container.{key}", value)
    for other in map(mapping, others):
        if "name" in other:
            yield from _item("containers", other)


def _paths(path: str, value: object) -> Iterator[str]:
    items = [mapping(item) for item in sequence(value)]
    if isinstance(value, Mapping) and value:
        if path.rpartition(".")[2] in WHOLE:
            yield path
        for key, inner in sorted(value.items()):
            yield from _paths(f"{path}.{key}", inner)
    elif items and all("name" in item for item in items):
        for item in items:
            yield from _item(path, item)
    else:
        yield path


def _item(path: str, item: Mapping[str, object]) -> Iterator[str]:
    """A named item of a list and what is set within it. A container without an image is somebody else's, changed."""
    here = f"{path}[{item['name']}]"
    if path != "containers" or item.get("image"):
        yield here
    if not path.endswith("env"):  # a variable is set as one: its value and its secret exclude each other
        for key, inner in sorted(item.items()):
            if key not in ("name", "image"):
                yield from _paths(f"{here}.{key}", inner)


def step(path: str) -> tuple[str, str, str]:
    """The first field of such a path, the item of it, and the rest."""
    found = re.fullmatch(r"([^.\[]+)(?:\[([^\]]*)\])?(?:\.(.*))?", path)
    return (found[1], found[2] or "", found[3] or "") if found else (path, "", "")


def outermost(paths: Iterable[str]) -> set[str]:
    """Without what lies within another one of them."""
    every = set(paths)
    around = [path for path in every if path.endswith("]") or path.rpartition(".")[2] in WHOLE]
    return {path for path in every if not any(path.startswith(f"{other}.") for other in around)}


# the typed keys


def _container(service: Service, env: Mapping[str, str], image: str) -> Json:
    settings = service.settings
    made: Json = {"env": _variables(service, env)}
    limits = {key: value for key, value in (("cpu", settings.cpu), ("memory", settings.memory)) if value}
    mounts = [*(_mount(name, folder) for name, folder, _ in _secret_folders(service)), *_sql_mount(service)]
    named: Json = {
        "image": image or None,
        "ports": [{"containerPort": service.port}] if service.port else None,
        "command": None if settings.command is None else list(settings.command),
        "args": None if settings.args is None else list(settings.args),
        "resources": {"limits": limits} if limits else None,
        "volumeMounts": mounts or None,
        "startupProbe": settings.startup_probe and _probe(settings.startup_probe),
        "livenessProbe": settings.liveness_probe and _probe(settings.liveness_probe),
    }
    return made | {key: value for key, value in named.items() if value is not None}


def _revision(service: Service) -> Json:
    settings = service.settings
    most = settings.max_instances
    named: Json = {
        "scaling": None if most is None else {"maxInstanceCount": most},
        "maxInstanceRequestConcurrency": settings.concurrency,
        "timeout": None if settings.timeout is None else f"{settings.timeout:.9g}s",
        "serviceAccount": settings.service_account,
        "vpcAccess": settings.vpc and _vpc(settings.vpc),
        "volumes": [*_secret_volumes(service), *_sql_volume(service)] or None,
        "labels": dict(settings.labels) or None,
    }
    return {key: value for key, value in named.items() if value is not None}


def _vpc(vpc: Vpc) -> Json:
    """Connector and direct egress exclude each other, so the other one is named as empty."""
    egress: Json = {"egress": EGRESS[vpc.egress]} if vpc.egress else {}
    if vpc.connector:
        return {"connector": vpc.connector, "networkInterfaces": [], **egress}
    interface: Json = {"network": vpc.network, "subnetwork": vpc.subnet, "tags": list(vpc.tags)}
    return {"connector": "", "networkInterfaces": [{k: v for k, v in interface.items() if v}], **egress}


def _probe(probe: ContainerProbe) -> Json:
    """Whole, with Google's defaults: what an earlier probe was set to does not shine through."""
    made: Json = {
        "initialDelaySeconds": probe.initial_delay,
        "timeoutSeconds": probe.timeout,
        "periodSeconds": probe.period,
        "failureThreshold": probe.failure_threshold,
    }
    if probe.http_get:
        return made | {"httpGet": _with_port({"path": probe.http_get.path}, probe.http_get.port)}
    if probe.grpc:
        return made | {"grpc": _with_port({"service": probe.grpc.service}, probe.grpc.port)}
    return made | {"tcpSocket": _with_port({}, probe.tcp_socket.port if probe.tcp_socket else None)}


def _with_port(action: Json, port: int | None) -> Json:
    return action if port is None else action | {"port": port}


def _variables(service: Service, env: Mapping[str, str]) -> list[object]:
    plain: list[object] = [{"name": name, "value": value} for name, value in env.items()]
    return plain + [_secret(name, reference) for name, reference in variables_of(service).items()]


def _secret(name: str, reference: str) -> Json:
    secret, version = _version(reference)
    return {"name": name, "valueSource": {"secretKeyRef": {"secret": secret, "version": version}}}


def _version(reference: str) -> tuple[str, str]:
    secret, _, version = reference.rpartition(":") if ":" in reference else (reference, "", "latest")
    return secret, version


def _secret_folders(service: Service) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(volume's name, folder, file -> secret and version): Cloud Run mounts one secret per folder."""
    folders: dict[str, dict[str, str]] = {}
    for path, reference in service.secrets.items():
        if path.startswith("/"):
            folders.setdefault(posixpath.dirname(path), {})[posixpath.basename(path)] = reference
    for folder, files in folders.items():
        yield secret_volume(folder), folder, files


def secret_volume(folder: str) -> str:
    return f"secret-{sha256(folder.encode()).hexdigest()[:8]}"


def _secret_volumes(service: Service) -> Iterator[Json]:
    for name, _, files in _secret_folders(service):
        items = [{"path": file, "version": _version(reference)[1]} for file, reference in files.items()]
        secret, _ = _version(next(iter(files.values())))
        yield {"name": name, "secret": {"secret": secret, "items": items}}


def _mount(name: str, folder: str) -> Json:
    return {"name": name, "mountPath": folder}


def _sql_volume(service: Service) -> list[Json]:
    instances = list(service.settings.cloud_sql)
    return [{"name": SQL, "cloudSqlInstance": {"instances": instances}}] if instances else []


def _sql_mount(service: Service) -> list[Json]:
    return [_mount(SQL, SQL_FOLDER)] if service.settings.cloud_sql else []


# the typed keys over `template:`


def _joined(container: Json, template: Mapping[str, object]) -> Json:
    """The typed keys and `template:` for the same container; the typed keys win, variables come together."""
    env = [v for v in sequence(template.get("env", ())) if not _named(container["env"], mapping(v).get("name"))]
    joined = _over({key: value for key, value in template.items() if key != "env"}, container)
    return joined | {"env": [*sequence(container["env"]), *env]}


def _over(below: Mapping[str, object], above: Mapping[str, object]) -> Json:
    merged = dict(below)
    for key, value in above.items():
        other = merged.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            merged[key] = _over(other, value)
        elif key in ("volumes", "volumeMounts"):
            merged[key] = [*sequence(other), *sequence(value)]
        else:
            merged[key] = value
    return merged


def _named(items: object, name: object) -> bool:
    return any(mapping(item).get("name") == name for item in sequence(items))
