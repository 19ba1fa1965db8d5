"""REST methods by their names in Google's reference, and a session that notes how each was answered."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from google.auth.transport.requests import AuthorizedSession

_ACCOUNTS, _REPOSITORIES = r"/v1/projects/[^/]+/serviceAccounts", r"/v1/projects/[^/]+/locations/[^/]+/repositories"
_OBJECT = r"(?:/upload|/download)?/storage/v1/b/[^/]+/o"
METHODS = tuple(
    (verb, re.compile(path), name)
    for verb, path, name in (
        ("GET", r"/v3/projects/[^/:]+", "cloudresourcemanager.v3.projects.get"),
        ("POST", r"/v3/projects/[^/:]+:testIamPermissions", "cloudresourcemanager.v3.projects.testIamPermissions"),
        ("GET", r"/v1/projects/[^/]+/services:batchGet", "serviceusage.v1.services.batchGet"),
        ("POST", rf"{_ACCOUNTS}/.+:testIamPermissions", "iam.v1.serviceAccounts.testIamPermissions"),
        ("GET", r"/v1/projects/[^/]+/secrets/.+/versions/[^/:]+", "secretmanager.v1.secrets.versions.get"),
        ("GET", rf"{_REPOSITORIES}/[^/:]+", "artifactregistry.v1.repositories.get"),
        ("POST", rf"{_REPOSITORIES}/.+:testIamPermissions", "artifactregistry.v1.repositories.testIamPermissions"),
        ("GET", r"/storage/v1/b/[^/]+/iam/testPermissions", "storage.v1.buckets.testIamPermissions"),
        ("POST", r"/storage/v1/b", "storage.v1.buckets.insert"),
        ("GET", r"/storage/v1/b/[^/]+", "storage.v1.buckets.get"),
        ("POST", _OBJECT, "storage.v1.objects.insert"),
        ("GET", _OBJECT, "storage.v1.objects.list"),
        ("GET", rf"{_OBJECT}/.+", "storage.v1.objects.get"),
        ("DELETE", rf"{_OBJECT}/.+", "storage.v1.objects.delete"),
    )
)
STATUS = {
    200: "OK",
    204: "OK",
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
}


class Session(AuthorizedSession):
    """Tells each request's method and the status that it was answered with, as the channels do."""

    def __init__(self, credentials: Any, note: Callable[[str, str], None]) -> None:
        super().__init__(credentials)
        self.trust_env = False  # a proxy for the outside world does not reach loopback
        self._note = note

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        answer = super().request(method, url, *args, **kwargs)
        self._note(named(method, url), STATUS.get(answer.status_code, str(answer.status_code)))
        return answer


def named(verb: str, url: str) -> str:
    """Of what no method of the table is, verb and path: it shows in the table, and is not asked for."""
    path = urlsplit(url).path
    found = (name for known, pattern, name in METHODS if known == verb and pattern.fullmatch(path))
    return next(found, f"{verb} {path}")
