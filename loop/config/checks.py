"""What one key says about another: references, exclusive choices, circles, names that would collide.

Works on the merged file itself, not on validated models, so that a wrong type in one place does not hide an unknown
name in another. A value of the wrong type is passed over here; validate.py has already complained.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from loop.config import traffic
from loop.config.document import Located
from loop.config.problems import Path, Problem, did_you_mean
from loop.config.service_checks import service_problems, unpinned
from loop.config.suite_variables import suite_variables
from loop.config.values import CLOUD_RUN_NAME
from loop.core.names import SERVICE_LIMIT

TIME_UNITS = {"ms": 0.001, "s": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def check(root: Located, name: str) -> Found:
    problems = [
        *_own_name(root, name),
        *_platform(root),
        *_services(root),
        *_circles(root),
        *_collisions(root),
        *_dependencies(root),
        *_suites(root),
        *_targets(root),
        *_fix(root),
        *traffic.problems(root),
    ]
    return Found(problems=tuple(problems), warnings=(*_unpinned(root), *_idle(root), *traffic.warnings(root)))


def url_variable(service: str) -> str:
    """The variable in which suites find a service's address."""
    return "LOOP_URL_" + service.upper().replace("-", "_")


def _at(root: Located, *keys: str) -> Located | None:
    here: Located | None = root
    for key in keys:
        here = here.keys.get(key) if here else None
    return here


def _maps(root: Located, section: str) -> dict[str, Located]:
    """The entries of a section that are maps; others are of the wrong type."""
    entries = _at(root, section)
    return {k: v for k, v in entries.keys.items() if isinstance(v.value, dict)} if entries else {}


def _named(root: Located, section: str) -> tuple[str, ...]:
    entries = _at(root, section)
    return tuple(entries.keys) if entries else ()


def _own_name(root: Located, name: str) -> Iterator[Problem]:
    said = _at(root, "environment")
    if said and said.text and said.text != name:
        yield Problem(said.place, ("environment",), f'says "{said.text}", the file\'s name says "{name}"')


def _platform(root: Located) -> Iterator[Problem]:
    platform = _at(root, "platform")
    if platform is None or not isinstance(platform.value, dict):
        return
    endpoint = platform.keys.get("endpoint")
    if endpoint is None or endpoint.value == "google":
        for key in ("project", "region"):
            if key not in platform.keys:
                yield Problem(platform.place, ("platform", key), "is missing; only an emulator does without it")


def _services(root: Located) -> Iterator[Problem]:
    for section in ("services", "suites"):
        entries = _at(root, section)
        if entries and entries.value == {}:
            yield Problem(entries.place, (section,), "names none; at least one is needed")
    for name, service in _maps(root, "services").items():
        path = ("services", name)
        yield from _references(root, service, path, "after")
        yield from _proof(service, path)
        yield from service_problems(service, path)


def _references(root: Located, entry: Located, path: Path, key: str) -> Iterator[Problem]:
    known = _named(root, "services")
    listed = entry.keys.get(key)
    for index, item in enumerate(listed.items if listed else ()):
        if item.text is not None and item.text not in known:
            sentence = f'names the unknown service "{item.text}"{did_you_mean(item.text, known)}'
            yield Problem(item.place, (*path, key, index), sentence)


def _proof(service: Located, path: Path) -> Iterator[Problem]:
    health = service.keys.get("health")
    if health is None:
        return
    identity, proof = health.keys.get("identity"), health.keys.get("proof")
    if proof and proof.value == "answered" and identity is None:
        sentence = "answered needs identity:, where the answer names its revision"
        yield Problem(proof.place, (*path, "health", "proof"), sentence)
    if identity and isinstance(identity.value, dict):
        yield from _one_of(identity, (*path, "health", "identity"), "header", "json")


def _unpinned(root: Located) -> Iterator[Problem]:
    for name, service in _maps(root, "services").items():
        yield from unpinned(service, ("services", name))


def _idle(root: Located) -> Iterator[Problem]:
    """Keys that are read and checked, and that nothing acts on: who set one must hear it."""
    account, endpoint = _at(root, "platform", "impersonate"), _at(root, "platform", "endpoint")
    if account and account.value is not None and endpoint and endpoint.value != "google":
        yield Problem(account.place, ("platform", "impersonate"), "is for Google; an emulator has one account only")
    for name, suite in _maps(root, "suites").items():
        for key, sentence in _PYTEST_ONLY.items():
            given = suite.keys.get(key)
            if given and "command" in suite.keys and given.value != 0:
                yield Problem(given.place, ("suites", name, key), sentence)


_PYTEST_ONLY = {
    "retry_failed": "works with pytest: only; the failed cases of a command: are not run again",
    "python": "belongs to pytest:; a command: names its own interpreter",
}


def _circles(root: Located) -> Iterator[Problem]:
    """One problem per circle of `after:`, at the service of it that stands first."""
    services = _maps(root, "services")
    after = {name: _texts(service.keys.get("after")) for name, service in services.items()}
    seen: set[frozenset[str]] = set()
    for name in services:
        circle = _circle(name, after)
        if circle and frozenset(circle) not in seen:
            seen.add(frozenset(circle))
            sentence = f"goes in a circle: {' -> '.join([*circle, name])}; none of them could be deployed first"
            yield Problem(services[name].keys["after"].place, ("services", name, "after"), sentence)


def _circle(start: str, after: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The shortest way from a service back to itself."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in ways:
        for following in after.get(way[-1], ()):
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                ways.append((*way, following))
    return ()


def _texts(listed: Located | None) -> tuple[str, ...]:
    return tuple(item.text for item in listed.items if item.text is not None) if listed else ()


def _collisions(root: Located) -> Iterator[Problem]:
    variables: dict[str, str] = {}
    names: dict[str, str] = {}
    services = _at(root, "services")
    for key, service in (services.keys if services else {}).items():
        other = variables.setdefault(url_variable(key), key)
        if other != key:
            sentence = f'and "{other}" would both be {url_variable(key)} for the suites'
            yield Problem(service.place, ("services", key), sentence)
        given = service.keys.get("service")
        name = given.text or key if given else key
        owner = names.setdefault(name, key)
        if owner != key:
            yield Problem((given or service).place, ("services", key), f'and "{owner}" are both "{name}" on Cloud Run')
        if given is None and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", key) and not CLOUD_RUN_NAME.fullmatch(key):
            shape = f"at most {SERVICE_LIMIT} lower-case letters, digits and hyphens"
            yield Problem(service.place, ("services", key), f"is no name for Cloud Run ({shape}); give service: too")


def _dependencies(root: Located) -> Iterator[Problem]:
    for name, dependency in _maps(root, "dependencies").items():
        path = ("dependencies", name)
        yield from _one_of(dependency, path, "http", "tcp", "postgres", "redis")
        tcp = dependency.keys.get("tcp")
        port = tcp.text.rpartition(":")[2] if tcp and tcp.text else ""
        if tcp and port.isdecimal() and not 1 <= int(port) <= 65535:
            yield Problem(tcp.place, (*path, "tcp"), f"expected a port from 1 to 65535, found {port}")
        expect = dependency.keys.get("expect")
        other = next((key for key in ("tcp", "postgres", "redis") if key in dependency.keys), None)
        if expect and other:
            yield Problem(expect.place, (*path, "expect"), f"needs http:; a {other}: probe reads no keys of an answer")


def _suites(root: Located) -> Iterator[Problem]:
    for name, suite in _maps(root, "suites").items():
        path = ("suites", name)
        yield from _one_of(suite, path, "pytest", "command")
        yield from _references(root, suite, path, "exercises")
        yield from suite_variables(suite, path)
        if "command" in suite.keys and "junit" not in suite.keys:
            sentence = "needs junit:, the glob of the result files that the command writes"
            yield Problem(suite.keys["command"].place, (*path, "command"), sentence)
        for key in ("junit", "list"):
            if "pytest" in suite.keys and key in suite.keys:
                yield Problem(suite.keys[key].place, (*path, key), "belongs to command:; pytest tells its own results")


def _targets(root: Located) -> Iterator[Problem]:
    for name, target in _maps(root, "targets").items():
        path = ("targets", name)
        yield from _one_of(target, path, "requests", "property")
        unit, below, percentile = (target.keys.get(key) for key in ("unit", "below", "percentile"))
        if unit and below and below.text and unit.text not in TIME_UNITS and "property" in target.keys:
            yield Problem(below.place, (*path, "below"), f"expected a number in {unit.text}, found a duration")
        said = percentile_of(name)
        if percentile and said and isinstance(percentile.value, int) and percentile.value != said:
            sentence = f"says {percentile.value}, the target's name says p{said}"
            yield Problem(percentile.place, (*path, "percentile"), sentence)


def percentile_of(name: str) -> int | None:
    """The percentile that a target's name promises: 99 for `api latency p99`, and for `p99_login`."""
    said = re.search(r"(?<![^\W_])p(\d\d?)(?![^\W_])", name, re.IGNORECASE)
    return int(said[1]) if said and int(said[1]) else None


def _fix(root: Located) -> Iterator[Problem]:
    fix = _at(root, "fix")
    if fix and isinstance(fix.value, dict):
        yield from _one_of(fix, ("fix",), "command", "await")


def _one_of(entry: Located, path: Path, *keys: str) -> Iterator[Problem]:
    given = [key for key in keys if key in entry.keys]
    if not given:
        *others, last = (f"{key}:" for key in keys)
        yield Problem(entry.place, path, f"needs {', '.join(others)} or {last}")
    elif len(given) > 1:
        first, second = given[:2]
        values = (entry.keys[first], entry.keys[second])
        early, late = sorted(values, key=lambda value: (value.place.file == entry.place.file, value.place.line))
        inherited = early.place.file != late.place.file
        drop = f"; null removes what {early.place.file} says" if inherited else ""
        yield Problem(late.place, path, f"takes {first}: or {second}:, not both{drop}")
