"""`traffic:` held against services and suites: names that fit, suites that exist, keys that would do nothing."""

import re
from collections.abc import Iterator

from loop.config.document import Located
from loop.config.problems import Path, Problem, did_you_mean
from loop.core.names import TAG_AND_SERVICE_LIMIT, tag_name

_URL_OF = re.compile(r"\$\{services\.([A-Za-z0-9_-]+)\.url\}")
LONGEST_TAG = len(tag_name("a" * 6, 99))
"""Of a run with a hundred iterations."""
WITH_CANDIDATES = ("promote", "confirm")


def problems(root: Located) -> Iterator[Problem]:
    traffic = root.keys.get("traffic")
    if traffic is None or not isinstance(traffic.value, dict):
        return
    yield from _confirm(root, traffic)
    if _strategy(traffic) == "candidate":
        yield from _names(root)


def warnings(root: Located) -> Iterator[Problem]:
    traffic = root.keys.get("traffic")
    for key in WITH_CANDIDATES:
        given = traffic.keys.get(key) if traffic else None
        if traffic and given and _strategy(traffic) != "candidate":
            yield Problem(given.place, ("traffic", key), "does nothing without strategy: candidate")


def _strategy(traffic: Located) -> object:
    given = traffic.keys.get("strategy")
    return given.value if given else "direct"


def _confirm(root: Located, traffic: Located) -> Iterator[Problem]:
    given = traffic.keys.get("confirm")
    if given is None:
        return
    path: Path = ("traffic", "confirm")
    suites = root.keys.get("suites")
    known = tuple(suites.keys) if suites else ()
    for index, item in enumerate(given.items):
        if item.text is not None and item.text not in known:
            sentence = f'names the unknown suite "{item.text}"{did_you_mean(item.text, known)}'
            yield Problem(item.place, (*path, index), sentence)
    calling = next(_calls(root), None)
    if calling and _strategy(traffic) == "candidate" and (given.value == "none" or given.value == []):
        caller, called = calling
        sentence = (
            f"can not be none: {caller} calls {called}, so a candidate of {caller} is tested with the {called} that "
            f"serves, and only a second run of the suites tests both together"
        )
        yield Problem(given.place, path, sentence)


def _calls(root: Located) -> Iterator[tuple[str, str]]:
    services = root.keys.get("services")
    for name, service in services.keys.items() if services else ():
        env = service.keys.get("env")
        for value in env.keys.values() if env else ():
            for called in _URL_OF.findall(value.text or ""):
                if called != name:
                    yield name, called


def _names(root: Located) -> Iterator[Problem]:
    services = root.keys.get("services")
    limit = TAG_AND_SERVICE_LIMIT - LONGEST_TAG
    for key, service in services.keys.items() if services else ():
        given = service.keys.get("service")
        name = given.text or key if given else key
        if len(name) > limit:
            sentence = (
                f'is called "{name}" on Cloud Run, which is too long for a tag beside it ({limit} characters with '
                "strategy: candidate); give a shorter service:"
            )
            yield Problem((given or service).place, ("services", key), sentence)
