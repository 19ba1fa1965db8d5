"""How a project is looked at before anything is deployed to it: by REST methods that change nothing."""

import json

import pytest

PROJECTS, USAGE, IAM = "cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com", "iam.googleapis.com"
ARTIFACTS, SECRETS = "artifactregistry.googleapis.com", "secretmanager.googleapis.com"
STORAGE = "storage.googleapis.com"
RUN = "run.services.update"
SECRET = "correct-horse-battery-staple"
NOBODY = "nobody-of-that-name"
state_file = pytest.mark.emulator_only("what is denied or missing stands in the emulator's state folder")


@pytest.fixture
def lacks(state):
    """Says what the project lacks, until the test has ended."""
    file = state / "google.json"
    yield lambda **what: file.write_text(json.dumps(what))
    file.unlink(missing_ok=True)


@pytest.fixture
def secrets(state):
    file = state / "secrets.yaml"
    file.write_text(f"jwt: {{2: old, 11: {SECRET}}}\n")
    yield
    file.unlink()


def repository(target):
    return f"{target.location}/repositories/{target.repository.rpartition('/')[2]}"


def refused(answer, code, status):
    assert answer[0] == code
    assert (answer[1]["error"]["code"], answer[1]["error"]["status"]) == (code, status)
    return answer[1]["error"]


def permission_of(error):
    """Which one is missing, by the error's details."""
    (info,) = [each for each in error["details"] if each["@type"].endswith("google.rpc.ErrorInfo")]
    assert (info["reason"], info["domain"]) == ("IAM_PERMISSION_DENIED", "iam.googleapis.com")
    return info["metadata"]["permission"]


def test_a_project_is_active_and_has_a_number(target):
    status, found = target.ask(PROJECTS, "GET", f"v3/projects/{target.project}")
    assert (status, found["projectId"], found["state"]) == (200, target.project, "ACTIVE")
    assert found["name"].removeprefix("projects/").isdecimal()


@state_file
def test_a_read_that_is_denied_names_the_permission(target, lacks, secrets):
    number = f"v1/{repository(target)}"
    asked = {
        "resourcemanager.projects.get": (PROJECTS, f"v3/projects/{target.project}"),
        "serviceusage.services.get": (USAGE, f"v1/projects/{target.project}/services:batchGet"),
        "secretmanager.versions.get": (SECRETS, f"v1/projects/{target.project}/secrets/jwt/versions/11"),
        "artifactregistry.repositories.get": (ARTIFACTS, number),
    }
    lacks(denied=list(asked))
    for permission, (api, path) in asked.items():
        error = refused(target.ask(api, "GET", path), 403, "PERMISSION_DENIED")
        assert permission_of(error) == permission


def test_of_permissions_that_are_asked_for_the_granted_ones_are_told(target):
    wanted = {"permissions": [RUN]}
    assert target.ask(PROJECTS, "POST", f"v3/projects/{target.project}:testIamPermissions", json=wanted) == (
        200,
        wanted,
    )


@state_file
def test_where_none_is_granted_the_message_is_empty(target, lacks):
    lacks(denied=[RUN])
    path = f"v3/projects/{target.project}:testIamPermissions"
    assert target.ask(PROJECTS, "POST", path, json={"permissions": [RUN]}) == (200, {})
    both = {"permissions": [RUN, "run.services.get"]}
    assert target.ask(PROJECTS, "POST", path, json=both) == (200, {"permissions": ["run.services.get"]})


def test_an_api_is_enabled_or_not(target):
    names = [f"projects/{target.project}/services/{api}.googleapis.com" for api in ("run", "cloudbuild")]
    status, found = target.ask(USAGE, "GET", f"v1/projects/{target.project}/services:batchGet", params={"names": names})
    assert status == 200
    assert [(each["name"].rpartition("/")[2], each["state"]) for each in found["services"]] == [
        ("run.googleapis.com", "ENABLED"), ("cloudbuild.googleapis.com", "ENABLED"),
    ]  # fmt: skip


@state_file
def test_an_api_that_is_disabled_is_told_to_be(target, lacks):
    lacks(disabled=["run.googleapis.com"])
    names = [f"projects/{target.project}/services/run.googleapis.com"]
    _, found = target.ask(USAGE, "GET", f"v1/projects/{target.project}/services:batchGet", params={"names": names})
    assert [each["state"] for each in found["services"]] == ["DISABLED"]


@state_file
def test_a_service_account_may_be_used_is_not_there_or_is_not_granted(target, lacks):
    account, wanted = f"projects/{target.project}/serviceAccounts/x@y", {"permissions": ["iam.serviceAccounts.actAs"]}
    assert target.ask(IAM, "POST", f"v1/{account}:testIamPermissions", json=wanted) == (200, wanted)
    lacks(missing=[account])
    refused(target.ask(IAM, "POST", f"v1/{account}:testIamPermissions", json=wanted), 404, "NOT_FOUND")
    lacks(denied=wanted["permissions"])
    assert target.ask(IAM, "POST", f"v1/{account}:testIamPermissions", json=wanted) == (200, {})


def test_a_repository_holds_docker_images_and_answers_which_permissions_are_granted(target):
    status, found = target.ask(ARTIFACTS, "GET", f"v1/{repository(target)}")
    assert (status, found["name"], found["format"]) == (200, repository(target), "DOCKER")
    wanted = {"permissions": ["artifactregistry.repositories.uploadArtifacts"]}
    path = f"v1/{repository(target)}:testIamPermissions"
    assert target.ask(ARTIFACTS, "POST", path, json=wanted) == (200, wanted)


@state_file
def test_a_repository_that_is_missing_is_not_found(target, lacks):
    lacks(missing=[repository(target)])
    refused(target.ask(ARTIFACTS, "GET", f"v1/{repository(target)}"), 404, "NOT_FOUND")
    path = f"v1/{repository(target)}:testIamPermissions"
    refused(target.ask(ARTIFACTS, "POST", path, json={"permissions": [RUN]}), 404, "NOT_FOUND")


def test_a_secret_that_is_not_there_is_not_found(target):
    path = f"v1/projects/{target.project}/secrets/{NOBODY}/versions/latest"
    refused(target.ask(SECRETS, "GET", path), 404, "NOT_FOUND")


@pytest.mark.emulator_only("the suite makes no secret in a project")
def test_the_latest_version_of_a_secret_is_the_highest_and_its_value_is_not_told(target, secrets):
    status, found = target.ask(SECRETS, "GET", f"v1/projects/{target.project}/secrets/jwt/versions/latest")
    assert (status, found["state"]) == (200, "ENABLED")
    assert found["name"].endswith("/secrets/jwt/versions/11")
    assert SECRET not in json.dumps(found)


def test_a_bucket_answers_which_permissions_are_granted(target):
    wanted = ["storage.objects.create", "storage.objects.get"]
    path = f"storage/v1/b/{target.bucket}/iam/testPermissions"
    status, found = target.ask(STORAGE, "GET", path, params={"permissions": wanted})
    assert (status, sorted(found["permissions"])) == (200, wanted)
