"""The REST methods by which a project is looked at, asked by the code that asks Google."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from loop.cloud.credentials import Credentials
from loop.cloud.rest import Api, Rest
from loop.cloud.values import Endpoints
from loop.core.environment import PlatformTarget
from loop.emulator import attach
from loop.errors import AccessDenied, Missing

SECRET = "correct-horse-battery-staple"
REPOSITORY = "projects/acme/locations/eu/repositories/loop"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rest")


@pytest.fixture(scope="module")
def admin(state: Path) -> Iterator[str]:
    with attach(state) as attached:
        yield attached.endpoints.admin


@pytest.fixture
def rest(admin: str, state: Path) -> Iterator[Rest]:
    (state / "google.json").unlink(missing_ok=True)
    (state / "secrets.yaml").unlink(missing_ok=True)
    target = PlatformTarget(project="acme", region="r", repository="r", bucket="b", endpoint="emulator")
    rest = Rest(Endpoints(grpc="", storage="", admin=admin), Credentials(target, str))
    yield rest
    rest.close()


def lacks(state: Path, **what: list[str]) -> None:
    (state / "google.json").write_text(json.dumps(what))


def get(rest: Rest, api: Api, path: str, **query: list[str]) -> Any:
    return rest.get(api, path, what="reading", where=path, query=query)


def post(rest: Rest, api: Api, path: str, *permissions: str) -> Any:
    return rest.post(api, path, {"permissions": list(permissions)}, what="asking", where=path)


def test_a_project_is_active_and_has_one_number(rest: Rest) -> None:
    found = get(rest, Api.PROJECTS, "v3/projects/acme")
    assert (found["projectId"], found["state"]) == ("acme", "ACTIVE")
    assert found["name"].removeprefix("projects/").isdecimal()
    assert get(rest, Api.PROJECTS, "v3/projects/acme") == found
    assert get(rest, Api.PROJECTS, "v3/projects/1234")["name"] == "projects/1234"


def test_permissions_are_granted_unless_they_are_denied(rest: Rest, state: Path) -> None:
    project, account = "v3/projects/acme:testIamPermissions", "v1/projects/-/serviceAccounts/x@y:testIamPermissions"
    assert post(rest, Api.PROJECTS, project, "a.b.c", "d.e.f") == {"permissions": ["a.b.c", "d.e.f"]}
    lacks(state, denied=["a.b.c"])
    assert post(rest, Api.PROJECTS, project, "a.b.c", "d.e.f") == {"permissions": ["d.e.f"]}
    assert post(rest, Api.IAM, account, "a.b.c") == {}
    assert post(rest, Api.ARTIFACTS, f"v1/{REPOSITORY}:testIamPermissions", "d.e.f") == {"permissions": ["d.e.f"]}
    on_bucket = get(rest, Api.STORAGE, "storage/v1/b/bucket/iam/testPermissions", permissions=["a.b.c", "d.e.f"])
    assert on_bucket["permissions"] == ["d.e.f"]


def test_a_denied_read_is_refused_with_the_permissions_name(rest: Rest, state: Path) -> None:
    lacks(state, denied=["resourcemanager.projects.get"])
    with pytest.raises(AccessDenied, match=r"resourcemanager\.projects\.get is missing") as refused:
        get(rest, Api.PROJECTS, "v3/projects/acme")
    assert refused.value.where == "projects/acme"


def test_apis_are_enabled_unless_they_are_disabled(rest: Rest, state: Path) -> None:
    lacks(state, disabled=["run.googleapis.com"])
    names = [f"projects/acme/services/{api}.googleapis.com" for api in ("run", "logging")]
    found = get(rest, Api.USAGE, "v1/projects/acme/services:batchGet", names=names)
    assert [service["state"] for service in found["services"]] == ["DISABLED", "ENABLED"]


def test_a_secrets_version_is_told_and_its_value_is_not(rest: Rest, state: Path, admin: str) -> None:
    (state / "secrets.yaml").write_text(f"jwt: {{2: old, 11: {SECRET}}}\n")
    found = get(rest, Api.SECRETS, "v1/projects/acme/secrets/jwt/versions/latest")
    assert found["state"] == "ENABLED"
    assert found["name"].endswith("/secrets/jwt/versions/11")
    with pytest.raises(Missing):
        get(rest, Api.SECRETS, "v1/projects/acme/secrets/jwt/versions/3")
    status, told = raw(admin, "GET", "/v1/projects/acme/secrets/jwt/versions/11:access")
    assert status == 404
    assert SECRET not in told


def test_a_repository_is_there_unless_it_is_missing(rest: Rest, state: Path) -> None:
    assert get(rest, Api.ARTIFACTS, f"v1/{REPOSITORY}")["format"] == "DOCKER"
    lacks(state, missing=[REPOSITORY])
    with pytest.raises(Missing):
        get(rest, Api.ARTIFACTS, f"v1/{REPOSITORY}")
    with pytest.raises(Missing):
        post(rest, Api.ARTIFACTS, f"v1/{REPOSITORY}:testIamPermissions", "a.b.c")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v3/projects/acme"), ("POST", "/v1/projects/acme/secrets")])
def test_what_is_not_emulated_is_refused(admin: str, method: str, path: str) -> None:
    assert raw(admin, method, path)[0] == 404


def raw(admin: str, method: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(admin).netloc, timeout=5)
    try:
        connection.request(method, path, body=b"{}")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
