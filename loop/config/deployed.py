"""Services as a project already has them, as entries of a proposed configuration. Pure.

What the configuration does not name is kept as it is, so the rest of a service's settings need not stand in it: but for
what loop itself set before, which it takes away again (`managed`).
"""

from collections.abc import Iterator, Mapping, Sequence

from loop.config import managed
from loop.config.folders import Folder
from loop.config.proposal import Entry
from loop.core.deployed import DEFAULT_PORT, Deployed


def services(
    found: Sequence[Deployed], folders: Sequence[Folder], shell: Mapping[str, str] = managed.NONE
) -> tuple[Entry, ...]:
    """`shell`: the variables that it has, which mean something else."""
    return tuple(Entry(key=each.name, value=tuple(_service(each, found, folders, shell))) for each in found)


def _service(
    service: Deployed, found: Sequence[Deployed], folders: Sequence[Folder], shell: Mapping[str, str]
) -> Iterator[Entry]:
    yield Entry(key="image", value=service.image, why="as it is there now; nothing is built")
    folder = next((f for f in folders if f.name == service.name or f.name in service.name.split("-")), None)
    if folder is not None:
        yield Entry(key="source", value=folder.path, why="in place of image: built from it", guess=True, spare=True)
    if service.managed.port if service.managed else service.port != DEFAULT_PORT:
        yield Entry(key="port", value=service.port)
    yield _health(service)
    yield from _env(service, found, shell)
    secrets = {**service.secrets, **(service.managed.files if service.managed else {})}
    if secrets:
        yield Entry(key="secrets", value=tuple(_secret(name, reference) for name, reference in secrets.items()))
    yield Entry(key="access", value="keep", why="who may call it is not touched")
    if service.managed:
        yield from managed.settings(service.managed)


def notes(found: Sequence[Deployed], shell: Mapping[str, str] = managed.NONE) -> Iterator[str]:
    """What has to be done before the first deployment, so that nothing of theirs is lost."""
    names = sorted(set(managed.exported(found, shell).values()))
    if names:
        yield f"set in the shell where loop runs: {', '.join(names)}. Their values may be secrets and are not written."
    for service in found:
        gone = [entry.key for entry in managed.settings(service.managed) if entry.spare] if service.managed else []
        if gone:
            held = f"{service.name}: {', '.join(gone)} may hold a secret and is not written"
            yield f"{held}; name it in the file, or the first deployment takes it away"


def _health(service: Deployed) -> Entry:
    if service.health:
        return Entry(key="health", value=service.health, why=f"as its {service.probe} has it")
    return Entry(key="health", value="/", why="it has no HTTP probe that names a path", guess=True)


def _env(service: Deployed, found: Sequence[Deployed], shell: Mapping[str, str]) -> Iterator[Entry]:
    called = tuple(
        Entry(key=name, value=f"${{services.{other}.url}}", why=f"its value is {other}'s address", guess=True)
        for name, other in managed.calls(service, found).items()
    )
    entries = (*called, *managed.variables(service, found, shell))
    if entries:
        yield Entry(key="env", value=entries)
    kept = managed.kept(service, found)
    if kept:
        yield Entry(key="kept as they are, for env: does not name them", value=", ".join(kept), spare=True)


def _secret(name: str, reference: str) -> Entry:
    latest = reference.endswith(":latest")
    return Entry(key=name, value=reference, why="not pinned: name a version" if latest else "")
