"""What one key of a service says about another: how it is built, what its settings allow together."""

import posixpath
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import combinations

from loop.config.document import Located
from loop.config.problems import Path, Problem
from loop.config.template import template_problems
from loop.config.values import in_bytes, seconds

RESERVED = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
"""Variables that Cloud Run itself sets (container runtime contract)."""
OBSERVED = frozenset({"service", "existing", "after", "health", "url", "access"})
"""Keys that mean something where others deploy the service."""
MODES = {"image": "image", "dockerfile": "dockerfile", "cloudbuild": "cloudbuild", "substitutions": "cloudbuild"}
"""Keys that belong to one build mode."""
ACTIONS = ("http_get", "tcp_socket", "grpc")
MEMORY = (("0.5", "", "512Mi"), ("1", "", "1Gi"), ("2", "", "4Gi"), ("4", "", "8Gi"), ("6", "2Gi", "16Gi"),
          ("8", "4Gi", "24Gi"), ("9", "4Gi", "32Gi"))  # fmt: skip
"""Below so many CPUs: least and most memory (https://cloud.google.com/run/docs/configuring/services/cpu)."""
LONGEST_REQUEST = 3600.0
LONGEST = {"startup_probe": 240, "liveness_probe": 3600}
"""Seconds of a period or a first delay at most (google.cloud.run.v2.Probe)."""


def service_problems(service: Located, path: Path) -> Iterator[Problem]:
    if _is_true(service.keys.get("existing")):
        yield from _existing(service, path)
        return
    yield from _build(service, path)
    yield from _variables(service, path)
    yield from _mounts(service, path)
    yield from _scaling(service, path)
    yield from _memory(service, path)
    yield from _timeout(service, path)
    yield from _vpc(service, path)
    for key in LONGEST:
        yield from _probe(service, path, key)
    yield from template_problems(service, path)


def unpinned(service: Located, path: Path) -> Iterator[Problem]:
    """What can mean something else in the next iteration, though no commit changed it."""
    secrets, image = service.keys.get("secrets"), service.keys.get("image")
    for name, value in secrets.keys.items() if secrets else ():
        if value.text and ":" in value.text and not value.text.rpartition(":")[2].isdigit():
            sentence = f"{value.text} is not pinned: what it means can change between two iterations"
            yield Problem(value.place, (*path, "secrets", name), sentence)
    if image and image.text and "@" not in image.text:
        sentence = f"{image.text} is no digest: it is looked up anew in every iteration; NAME@sha256:... stays the same"
        yield Problem(image.place, (*path, "image"), sentence)


def _existing(service: Located, path: Path) -> Iterator[Problem]:
    for key, value in service.keys.items():
        if key not in OBSERVED:
            yield Problem(value.place, (*path, key), "has no effect with existing: true, for others deploy it")
    access = service.keys.get("access")
    if access and access.value != "keep":
        yield Problem(access.place, (*path, "access"), "can not be changed beside existing: true")


def _build(service: Located, path: Path) -> Iterator[Problem]:
    source, image, build = (service.keys.get(key) for key in ("source", "image", "build"))
    mode = build.value if build else None
    if source is None and image is None:
        sentence = "needs source: (a folder to build), image: (what to deploy as it is) or existing: true"
        yield Problem(service.place, path, sentence)
    elif mode == "image" and image is None:
        yield Problem(build.place if build else service.place, (*path, "build"), "build: image needs image:")
    elif mode != "image" and mode is not None and source is None:
        yield Problem(build.place if build else service.place, (*path, "build"), f"build: {mode} needs source:")
    elif image and source and mode != "image":
        yield Problem(image.place, (*path, "image"), "stands beside source:; give one, or build: image")
    else:
        yield from _modes(service, path, mode)


def _modes(service: Located, path: Path, mode: object) -> Iterator[Problem]:
    given = [key for key in MODES if key in service.keys]
    for key in given:
        if mode is not None and mode != MODES[key] and key != "image":
            yield Problem(
                service.keys[key].place, (*path, key), f"belongs to build: {MODES[key]}, not to build: {mode}"
            )
    for first, second in combinations([key for key in given if key != "substitutions"], 2):
        if mode is None:
            yield Problem(service.keys[second].place, (*path, second), f"stands beside {first}:; give one, or build:")
    if mode is None and "substitutions" in given and "cloudbuild" not in given:
        yield Problem(service.keys["substitutions"].place, (*path, "substitutions"), "needs cloudbuild:")
    for name, value in service.keys["substitutions"].keys.items() if "substitutions" in given else ():
        if name in ("_IMAGE", "_SERVICE", "_DIGEST"):
            yield Problem(value.place, (*path, "substitutions", name), "is set by loop; use another name")


def _variables(service: Located, path: Path) -> Iterator[Problem]:
    env, secrets = service.keys.get("env"), service.keys.get("secrets")
    for key, section in (("env", env), ("secrets", secrets)):
        for name, value in (section.keys if section else {}).items():
            if name in RESERVED:
                yield Problem(value.place, (*path, key, name), "is set by Cloud Run itself; use another name, or port:")
    for name, value in (secrets.keys if secrets else {}).items():
        if env and name in env.keys:
            yield Problem(value.place, (*path, "secrets", name), "stands in env: too")


def _mounts(service: Located, path: Path) -> Iterator[Problem]:
    """Cloud Run mounts one secret per folder (gcloud run deploy --set-secrets says so too)."""
    secrets = service.keys.get("secrets")
    folders: dict[str, str] = {}
    for name, value in secrets.keys.items() if secrets else ():
        if name.startswith("/") and value.text:
            secret, folder = value.text.rpartition(":")[0], posixpath.dirname(name)
            if folders.setdefault(folder, secret) != secret:
                sentence = f"the folder {folder} holds the secret {folders[folder]} already; use another folder"
                yield Problem(value.place, (*path, "secrets", name), sentence)


def _scaling(service: Located, path: Path) -> Iterator[Problem]:
    least, most = (service.keys.get(key) for key in ("min_instances", "max_instances"))
    low, high = _number(least), _number(most)
    if least and low is not None and high is not None and low > high:
        yield Problem(least.place, (*path, "min_instances"), f"is {low}, more than max_instances: {high}")
    cpu, concurrency = service.keys.get("cpu"), service.keys.get("concurrency")
    at_once = _number(concurrency)
    if cpu and at_once is not None and at_once > 1 and _is_part(cpu):
        sentence = f"below 1 takes one request at a time, and concurrency: says {at_once}"
        yield Problem(cpu.place, (*path, "cpu"), sentence)


def _memory(service: Located, path: Path) -> Iterator[Problem]:
    """Only where both are named: what is not named is kept, and may be anything."""
    cpu, memory = service.keys.get("cpu"), service.keys.get("memory")
    cpus, size = _cpus(cpu) if cpu else None, in_bytes(memory.value) if memory else None
    limits = next(((least, most) for below, least, most in MEMORY if cpus is not None and cpus < Decimal(below)), None)
    if memory is None or cpu is None or size is None or limits is None:
        return
    least, most = limits
    if size > (in_bytes(most) or 0):
        yield Problem(memory.place, (*path, "memory"), f"is {memory.value}; cpu: {cpu.value} takes at most {most}")
    elif size < (in_bytes(least) or 0):
        yield Problem(memory.place, (*path, "memory"), f"is {memory.value}; cpu: {cpu.value} needs at least {least}")


def _timeout(service: Located, path: Path) -> Iterator[Problem]:
    timeout = service.keys.get("timeout")
    if timeout and (_seconds(timeout) or 0) > LONGEST_REQUEST:
        yield Problem(timeout.place, (*path, "timeout"), f"expected at most 60m, found {timeout.value}")


def _vpc(service: Located, path: Path) -> Iterator[Problem]:
    vpc = service.keys.get("vpc")
    if vpc is None or not isinstance(vpc.value, dict):
        return
    where = (*path, "vpc")
    direct = [key for key in ("network", "subnet", "tags") if key in vpc.keys]
    if "connector" in vpc.keys and direct:
        sentence = f"takes connector: or {direct[0]}:, not both"
        yield Problem(vpc.keys[direct[0]].place, where, sentence)
    elif not {"connector", "network", "subnet"} & set(vpc.keys):
        yield Problem(vpc.place, where, "needs connector:, or network: or subnet:")


def _probe(service: Located, path: Path, key: str) -> Iterator[Problem]:
    probe = service.keys.get(key)
    if probe is None or not isinstance(probe.value, dict):
        return
    where = (*path, key)
    given = [probe.keys[action] for action in ACTIONS if action in probe.keys]
    if len(given) != 1:
        verb = "takes only one of" if given else "needs one of"
        place = given[-1].place if given else probe.place
        yield Problem(place, where, f"{verb} {', '.join(f'{action}:' for action in ACTIONS)}")
    timeout, period = (_seconds(probe.keys.get(name)) for name in ("timeout", "period"))
    if (timeout or 1) > (period or 10):
        slow = probe.keys.get("timeout") or probe.keys["period"]
        yield Problem(slow.place, where, f"timeout: ({timeout or 1:g}s) is longer than period: ({period or 10:g}s)")
    tcp = probe.keys.get("tcp_socket")
    if tcp and key == "liveness_probe":
        yield Problem(tcp.place, where, "takes http_get: or grpc:, not tcp_socket:")
    tries = _number(probe.keys.get("failure_threshold")) or 3
    if key == "startup_probe" and tries * (period or 10) > LONGEST[key]:
        sentence = f"failure_threshold: times period: is {tries * (period or 10):g}s; a start may take 240s at most"
        yield Problem(probe.place, where, sentence)
    for name in ("initial_delay", "period"):
        value = probe.keys.get(name)
        if value and (_seconds(value) or 0) > LONGEST[key]:
            yield Problem(value.place, (*where, name), f"expected at most {LONGEST[key]}s")


def _is_true(located: Located | None) -> bool:
    return located is not None and (located.value is True or str(located.value).lower() in ("true", "on", "yes"))


def _number(located: Located | None) -> int | None:
    value = located.value if located else None
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(located: Located | None) -> float | None:
    try:
        return seconds(located.value) if located else None
    except ValueError:
        return None


def _is_part(located: Located) -> bool:
    """Less than one CPU."""
    cpus = _cpus(located)
    return cpus is not None and cpus < 1


def _cpus(located: Located) -> Decimal | None:
    text = str(located.value)
    try:
        return Decimal(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)
    except InvalidOperation:
        return None
