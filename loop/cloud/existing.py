"""The services that a project has, as `loop init` needs them to write a configuration. Reads only."""

from collections.abc import Mapping

from loop.cloud.calls import CALL_TIMEOUT, patiently
from loop.cloud.conversions import json_from_proto, short
from loop.cloud.managed import managed
from loop.cloud.settings import ingress
from loop.cloud.values import Json
from loop.cloud.wire import Wire
from loop.core.deployed import DEFAULT_PORT, Deployed


def existing(wire: Wire) -> tuple[Deployed, ...]:
    """By name. Needs `run.services.list`."""
    from google.cloud.run_v2.types import ListServicesRequest

    target = wire.target
    parent = f"projects/{target.project}/locations/{target.region}"
    request = ListServicesRequest(parent=parent)

    def attempt(left: float) -> tuple[Deployed, ...]:
        found = wire.services.list_services(request=request, retry=None, timeout=min(left, CALL_TIMEOUT))
        return tuple(deployed_from_json(json_from_proto(service)) for service in found)

    services = patiently(attempt, what="listing the services", where=parent)
    return tuple(sorted(services, key=lambda service: service.name))


def deployed_from_json(service: Json) -> Deployed:
    template = _map(service.get("template"))
    containers = [_map(each) for each in _list(template.get("containers"))] or [{}]
    container = containers[ingress(containers)]
    variables = [_map(each) for each in _list(container.get("env"))]
    probe, path = _probe(container)
    ports = [_map(each) for each in _list(container.get("ports"))] or [{}]
    number = ports[0].get("containerPort")
    return Deployed(
        name=short(str(service.get("name"))),
        image=str(container.get("image", "")),
        port=number if isinstance(number, int) else DEFAULT_PORT,
        health=path,
        probe=probe,
        env={str(v["name"]): str(v.get("value", "")) for v in variables if "valueSource" not in v},
        secrets={str(v["name"]): _reference(v) for v in variables if "valueSource" in v},
        managed=managed(service),
        urls=tuple(str(url) for url in [service.get("uri", ""), *_list(service.get("urls"))] if url),
    )


def _probe(container: Mapping[str, object]) -> tuple[str, str]:
    for probe in ("startupProbe", "livenessProbe"):
        asked = _map(_map(container.get(probe)).get("httpGet"))
        if asked:
            return probe, str(asked.get("path") or "/")
    return "", ""


def _reference(variable: Mapping[str, object]) -> str:
    reference = _map(_map(variable.get("valueSource")).get("secretKeyRef"))
    return f"{reference.get('secret')}:{reference.get('version') or 'latest'}"


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
