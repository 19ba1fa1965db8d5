"""Services as a project already has them, as entries of a proposed configuration. Pure.

What the configuration does not name is kept as it is, so the rest of a service's settings need not stand in it.
"""

from collections.abc import Iterator, Sequence

from loop.config.folders import Folder
from loop.config.proposal import Entry
from loop.core.deployed import DEFAULT_PORT, Deployed


def services(found: Sequence[Deployed], folders: Sequence[Folder]) -> tuple[Entry, ...]:
    return tuple(Entry(key=service.name, value=tuple(_service(service, found, folders))) for service in found)


def _service(service: Deployed, found: Sequence[Deployed], folders: Sequence[Folder]) -> Iterator[Entry]:
    yield Entry(key="image", value=service.image, why="as it is there now; nothing is built")
    folder = next((f for f in folders if f.name == service.name or f.name in service.name.split("-")), None)
    if folder is not None:
        yield Entry(key="source", value=folder.path, why="in place of image: built from it", guess=True, spare=True)
    if service.port != DEFAULT_PORT:
        yield Entry(key="port", value=service.port)
    yield _health(service)
    yield from _env(service, found)
    if service.secrets:
        entries = tuple(_secret(name, reference) for name, reference in service.secrets.items())
        yield Entry(key="secrets", value=entries)
    yield Entry(key="access", value="keep", why="who may call it is not touched")


def _health(service: Deployed) -> Entry:
    if service.health:
        return Entry(key="health", value=service.health, why=f"as its {service.probe} has it")
    return Entry(key="health", value="/", why="it has no HTTP probe that names a path", guess=True)


def _env(service: Deployed, found: Sequence[Deployed]) -> Iterator[Entry]:
    urls = {url.rstrip("/"): other.name for other in found if other is not service for url in other.urls}
    calls = {name: urls[value.rstrip("/")] for name, value in service.env.items() if value.rstrip("/") in urls}
    entries = tuple(
        Entry(key=name, value=f"${{services.{other}.url}}", why=f"its value is {other}'s address", guess=True)
        for name, other in calls.items()
    )
    if entries:
        yield Entry(key="env", value=entries)
    kept = [name for name in service.env if name not in calls]
    if kept:
        yield Entry(key="kept as they are, for env: does not name them", value=", ".join(kept), spare=True)


def _secret(name: str, reference: str) -> Entry:
    latest = reference.endswith(":latest")
    return Entry(key=name, value=reference, why="not pinned: name a version" if latest else "")
