"""What loop set on a service, read back into the configuration's own words: `wanted` the other way round. Pure.

A setting becomes a typed key only where that says all of it; everything else stays in the API's own names. So what is
written of it asks for what is there, and takes nothing away.
"""

from collections.abc import Iterator, Mapping

from loop.cloud.settings import ingress, listed
from loop.cloud.values import Json, mapping, sequence
from loop.cloud.wanted import (
    ANNOTATION_ENV,
    ANNOTATION_SETTINGS,
    EGRESS,
    INGRESS,
    MAPS,
    SQL,
    SQL_FOLDER,
    outermost,
    secret_volume,
    step,
)
from loop.core.deployed import Managed
from loop.core.settings import ContainerProbe, Grpc, HttpGet, Settings, TcpSocket, Vpc

LABELS = "labels."
MOST_AT_ONCE = 1000
PROBED = {"httpGet": {"path", "port"}, "tcpSocket": {"port"}, "grpc": {"port", "service"}}
TIMES = {"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"}


def managed(service: Json) -> Managed | None:
    """Of a Service in the API's JSON; None where nothing says that loop deployed it."""
    template = mapping(service.get("template"))
    said = {**mapping(service.get("annotations")), **mapping(template.get("annotations"))}
    if not {ANNOTATION_ENV, ANNOTATION_SETTINGS} & said.keys():
        return None
    paths = outermost(listed(template, ANNOTATION_SETTINGS))
    there = _There({path: _at(template, path) for path in sorted(paths)})
    own = {path: _at(service, path) for path in sorted(listed(service, ANNOTATION_SETTINGS))}
    files, instances = dict(sorted(_files(there))), _sql(there)
    return Managed(
        variables=frozenset(listed(template, ANNOTATION_ENV)),
        port=_port(there),
        files=files,
        settings=_settings(there, own, instances),
        template=_overlay(there.left),
    )


class _There:
    """Paths that loop set, with what is there; what became a typed key is taken out."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.left = dict(values)

    def take(self, *paths: str) -> None:
        for path in paths:
            self.left.pop(path, None)

    def text(self, path: str) -> str | None:
        value = self.left.get(path)
        return str(self.left.pop(path)) if isinstance(value, str) and value else None

    def number(self, path: str, least: int = 0, most: float = float("inf")) -> int | None:
        """The API's JSON leaves a zero out."""
        value = self.left.get(path, -1) or 0
        if not isinstance(value, int) or not least <= value <= most:
            return None
        self.take(path)
        return value

    def texts(self, path: str) -> tuple[str, ...] | None:
        if path not in self.left:
            return None
        return tuple(map(str, sequence(self.left.pop(path))))


def _settings(there: _There, own: Mapping[str, object], instances: tuple[str, ...]) -> Settings:
    return Settings(
        command=there.texts("container.command"),
        args=there.texts("container.args"),
        cpu=there.text("container.resources.limits.cpu"),
        memory=there.text("container.resources.limits.memory"),
        min_instances=_whole(own, "scaling.minInstanceCount"),
        max_instances=there.number("scaling.maxInstanceCount", 1),
        concurrency=there.number("maxInstanceRequestConcurrency", 1, MOST_AT_ONCE),
        timeout=_timeout(there),
        service_account=there.text("serviceAccount") if "@" in str(there.left.get("serviceAccount")) else None,
        ingress={there: word for word, there in INGRESS.items()}.get(str(own.get("ingress"))),
        vpc=_vpc(there),
        cloud_sql=instances,
        labels=_labels(there, own),
        startup_probe=_probe(there, "container.startupProbe"),
        liveness_probe=_probe(there, "container.livenessProbe"),
    )


def _whole(own: Mapping[str, object], path: str) -> int | None:
    value = own.get(path) or 0
    return value if path in own and isinstance(value, int) else None


def _labels(there: _There, own: Mapping[str, object]) -> dict[str, str]:
    """The typed key labels the service too, so what is on the revision alone is none of it."""
    found = {path: value for path, value in own.items() if path.startswith(LABELS) and isinstance(value, str)}
    there.take(*found)
    return {path.removeprefix(LABELS): str(value) for path, value in found.items()}


def _port(there: _There) -> int | None:
    path = "container.ports"
    ports = [mapping(port) for port in sequence(there.left.get(path))]
    number = ports[0].get("containerPort") if len(ports) == 1 and set(ports[0]) == {"containerPort"} else None
    if not isinstance(number, int):
        return None
    there.take(path)
    return number


def _timeout(there: _There) -> float | None:
    value = str(there.left.get("timeout", "")).removesuffix("s")
    if not value.isdecimal() or not int(value):
        return None
    there.take("timeout")
    return float(value)


def _vpc(there: _There) -> Vpc | None:
    found = mapping(there.left.get("vpcAccess"))
    interfaces = [mapping(each) for each in sequence(found.get("networkInterfaces"))]
    egress = {there: word for word, there in EGRESS.items()}.get(str(found.get("egress")))
    connector, direct = str(found.get("connector") or "") or None, (interfaces or [{}])[0]
    network, subnet = (str(direct.get(key) or "") or None for key in ("network", "subnetwork"))
    if bool(connector) == bool(network or subnet) or len(interfaces) > 1:
        return None
    there.take("vpcAccess")
    tags = tuple(map(str, sequence(direct.get("tags"))))
    return Vpc(connector=connector, network=network, subnet=subnet, tags=tags, egress=egress)


def _probe(there: _There, path: str) -> ContainerProbe | None:
    found = mapping(there.left.get(path))
    kind = next((kind for kind in PROBED if kind in found), "")
    asked = mapping(found.get(kind))
    liveness_over_tcp = kind == "tcpSocket" and path.endswith("livenessProbe")
    if not kind or liveness_over_tcp or set(found) - TIMES != {kind} or set(asked) - PROBED[kind]:
        return None
    there.take(path)
    port = asked.get("port")
    number = port if isinstance(port, int) else None
    delay, timeout, period, tries = (
        _number(found.get(key), default)
        for key, default in (("initialDelaySeconds", 0), ("timeoutSeconds", 1), ("periodSeconds", 10),
                             ("failureThreshold", 3))
    )  # fmt: skip
    return ContainerProbe(
        http_get=HttpGet(path=str(asked.get("path") or "/"), port=number) if kind == "httpGet" else None,
        tcp_socket=TcpSocket(port=number) if kind == "tcpSocket" else None,
        grpc=Grpc(port=number, service=str(asked.get("service") or "")) if kind == "grpc" else None,
        initial_delay=delay,
        timeout=timeout,
        period=period,
        failure_threshold=tries,
    )


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) and value else default


def _files(there: _There) -> Iterator[tuple[str, str]]:
    """Path -> `name:version`, of the volumes that the configuration's `secrets:` makes for a folder."""
    mounts = {path: value for path, value in there.left.items() if path.startswith("container.volumeMounts[")}
    for path, value in mounts.items():
        mount = mapping(value)
        name, folder = str(mount.get("name")), str(mount.get("mountPath"))
        source = mapping(mapping(there.left.get(f"volumes[{name}]")).get("secret"))
        items = [mapping(item) for item in sequence(source.get("items"))]
        plain = set(source) == {"secret", "items"} and all(set(item) == {"path", "version"} for item in items)
        if name == secret_volume(folder) and set(mount) == {"name", "mountPath"} and plain:
            there.take(path, f"volumes[{name}]")
            yield from ((f"{folder}/{item['path']}", f"{source['secret']}:{item['version']}") for item in items)


def _sql(there: _There) -> tuple[str, ...]:
    paths = volume, mount = f"volumes[{SQL}]", f"container.volumeMounts[{SQL}]"
    instances = mapping(mapping(there.left.get(volume)).get("cloudSqlInstance")).get("instances")
    if not instances or mapping(there.left.get(mount)).get("mountPath") != SQL_FOLDER:
        return ()
    there.take(*paths)
    return tuple(map(str, sequence(instances)))


# paths


def _at(message: Mapping[str, object], path: str) -> object:
    """What stands at a path of `wanted.owned`; None where nothing does."""
    name, item, rest = step(path)
    inner: object
    if name == "container":
        containers = [mapping(each) for each in sequence(message.get("containers"))] or [{}]
        inner = containers[ingress(containers)]
    else:
        inner = message.get(name)
    if item:
        inner = next((each for each in sequence(inner) if mapping(each).get("name") == item), None)
    if not rest:
        return inner
    return mapping(inner).get(rest) if name in MAPS else _at(mapping(inner), rest)


def _overlay(left: Mapping[str, object]) -> Json:
    """The `template:` that sets those paths. None stands where the API's JSON leaves a zero out."""
    overlay: Json = {}
    for path, value in sorted(left.items()):
        _put(overlay, path, value)
    main = overlay.pop("container", None)
    others = sequence(overlay.pop("containers", None))
    return overlay | ({"containers": [main or {}, *others]} if main or others else {})


def _put(message: Json, path: str, value: object) -> None:
    name, item, rest = step(path)
    if item:
        inner = _named(message.setdefault(name, []), item)
        if rest:
            _put(inner, rest, value)
        else:
            inner.update(mapping(value))
    elif rest and name in MAPS:
        _made(message, name)[rest] = value
    elif rest:
        _put(_made(message, name), rest, value)
    else:
        message[name] = value


def _made(message: Json, name: str) -> Json:
    made = message.setdefault(name, {})
    assert isinstance(made, dict), f"{name} is a message"
    return made


def _named(items: object, name: str) -> Json:
    assert isinstance(items, list), "named items stand in a list"
    found: Json | None = next((item for item in items if item["name"] == name), None)
    if found is None:
        found = {"name": name}
        items.append(found)
    return found
