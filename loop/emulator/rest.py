"""The few REST methods by which a project is looked at before anything is deployed to it. Reads only.

Resource Manager v3, Service Usage v1, IAM v1, Secret Manager v1 (metadata), Artifact Registry v1 and Storage's test of
permissions. Everything is there, enabled and granted, unless `google.json` in the state folder says otherwise:

    {"denied": ["run.services.update"], "disabled": ["cloudbuild.googleapis.com"],
     "missing": ["projects/local/locations/emulator/repositories/loop"]}

Both files are read for each request, so that a test changes them while the emulator runs. Sources: docs/emulator.md.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zlib import crc32

import yaml

STATE = "google.json"
SECRETS = "secrets.yaml"

Json = Mapping[str, Any]
Answer = tuple[int, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    names: tuple[str, ...]
    """What the path's pattern caught."""
    query: Mapping[str, list[str]]
    body: Json


class _Refusal(Exception):
    def __init__(self, status: int, code: str, message: str, info: Json | None = None) -> None:
        super().__init__(message)
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}] if info else []
        error = {"code": status, "status": code, "message": message}
        self.answer: Answer = status, {"error": {**error, "details": details} if details else error}


class Rest:
    def __init__(self, state: Path) -> None:
        self._state = state
        self._methods: tuple[tuple[str, re.Pattern[str], Callable[[Request], Json]], ...] = tuple(
            (verb, re.compile(path), method)
            for verb, path, method in (
                ("GET", r"/v3/projects/([^/:]+)", self._project),
                ("POST", r"/v3/(projects/[^/:]+):testIamPermissions", self._test),
                ("GET", r"/v1/projects/([^/:]+)/services:batchGet", self._services),
                ("GET", r"/v1/(projects/([^/]+)/secrets/([^/]+)/versions/([^/:]+))", self._version),
                ("GET", r"/v1/(projects/[^/]+/locations/[^/]+/repositories/[^/:]+)", self._repository),
                ("POST", r"/v1/(projects/[^/]+/locations/[^/]+/repositories/[^/:]+):testIamPermissions", self._test),
                ("POST", r"/v1/(projects/[^/]+/serviceAccounts/[^/:]+):testIamPermissions", self._test),
                ("GET", r"/storage/v1/b/([^/]+)/iam/testPermissions", self._test_bucket),
            )
        )

    def answer(self, verb: str, target: str, body: bytes) -> Answer | None:
        """None where the path is none of these methods'."""
        url = urlsplit(target)
        for known, path, method in self._methods:
            found = path.fullmatch(unquote(url.path))
            if found and known == verb:
                return _answered(method, Request(names=found.groups(), query=parse_qs(url.query), body=_json(body)))
        return None

    # methods

    def _project(self, asked: Request) -> Json:
        project = asked.names[0]
        self._allowed("resourcemanager.projects.get", f"projects/{project}")
        return {"name": f"projects/{project_number(project)}", "projectId": project, "state": "ACTIVE"}

    def _services(self, asked: Request) -> Json:
        self._allowed("serviceusage.services.get", f"projects/{asked.names[0]}")
        disabled = self._listed("disabled")
        number = project_number(asked.names[0])
        return {"services": [_service(number, name, disabled) for name in asked.query.get("names", ())]}

    def _version(self, asked: Request) -> Json:
        """Of the version everything but its value, which no method here knows."""
        full, project, secret, version = asked.names
        self._allowed("secretmanager.versions.get", full)
        versions = self._versions(secret)
        number = max(versions, key=_rank, default="") if version == "latest" else version
        if number not in versions:
            raise _not_found(f"Secret Version [{full}] not found.")
        name = f"projects/{project_number(project)}/secrets/{secret}/versions/{number}"
        return {"name": name, "state": "ENABLED"}

    def _repository(self, asked: Request) -> Json:
        name = asked.names[0]
        self._allowed("artifactregistry.repositories.get", name)
        self._there(name)
        return {"name": name, "format": "DOCKER"}

    def _test(self, asked: Request) -> Json:
        self._there(asked.names[0])
        return _granted(asked.body.get("permissions", ()), self._listed("denied"))

    def _test_bucket(self, asked: Request) -> Json:
        granted = _granted(asked.query.get("permissions", ()), self._listed("denied"))
        return {"kind": "storage#testIamPermissionsResponse", **granted}

    # state

    def _allowed(self, permission: str, resource: str) -> None:
        if permission in self._listed("denied"):
            message = f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
            info = {
                "reason": "IAM_PERMISSION_DENIED",
                "domain": "iam.googleapis.com",
                "metadata": {"permission": permission, "resource": resource},
            }
            raise _Refusal(403, "PERMISSION_DENIED", message, info)

    def _there(self, name: str) -> None:
        if name in self._listed("missing"):
            raise _not_found(f"Requested entity {name} was not found.")

    def _listed(self, key: str) -> frozenset[str]:
        try:
            said = json.loads((self._state / STATE).read_text())
        except (OSError, ValueError):
            return frozenset()
        return frozenset(said.get(key, ()))

    def _versions(self, secret: str) -> frozenset[str]:
        try:
            said = yaml.safe_load((self._state / SECRETS).read_text())
        except (OSError, yaml.YAMLError):
            return frozenset()
        versions = said.get(secret) if isinstance(said, dict) else None
        return frozenset(str(version) for version in versions) if isinstance(versions, dict) else frozenset()


def _answered(method: Callable[[Request], Json], asked: Request) -> Answer:
    try:
        return 200, method(asked)
    except _Refusal as refusal:
        return refusal.answer


def project_number(project: str) -> int:
    """Any will do, as long as it is the same each time: twelve digits, as Google's are."""
    return int(project) if project.isdecimal() else 100_000_000_000 + crc32(project.encode())


def _service(number: int, asked: str, disabled: frozenset[str]) -> Json:
    api = asked.rpartition("/")[2]
    state = "DISABLED" if api in disabled else "ENABLED"
    return {"name": f"projects/{number}/services/{api}", "parent": f"projects/{number}", "state": state}


def _granted(asked: Sequence[str], denied: frozenset[str]) -> Json:
    """Nothing granted is an empty message, whose JSON has no key."""
    granted = [permission for permission in asked if permission not in denied]
    return {"permissions": granted} if granted else {}


def _rank(version: str) -> tuple[int, str]:
    return (int(version) if version.isdecimal() else 0, version)


def _not_found(message: str) -> _Refusal:
    return _Refusal(404, "NOT_FOUND", message)


def _json(body: bytes) -> Json:
    try:
        said = json.loads(body or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
