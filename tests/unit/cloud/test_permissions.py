import re
from dataclasses import replace
from pathlib import Path

import pytest

import loop.cloud
from loop.cloud import permissions
from loop.cloud.permissions import Kind, Resource
from loop.cloud.rest import Api
from loop.cloud.stores import missing_bucket
from loop.core.environment import Access, BuildMode, Charter, Environment, PlatformTarget, Service

TARGET = PlatformTarget(
    project="acme", region="us-central1", repository="us-central1-docker.pkg.dev/acme/loop/deep", bucket="acme-loop"
)
WEB = Service(name="web", service="web", source="services/web")
IMAGE = Service(name="web", service="web", image="us-docker.pkg.dev/acme/loop/web@sha256:0", build=BuildMode.IMAGE)


def environment(*services: Service) -> Environment:
    return Environment(charter=Charter(name="e", title="e", mission="", platform=TARGET, suites=()), services=services)


def test_every_call_to_google_has_a_row_of_permissions_and_every_row_a_call() -> None:
    """Whoever adds a call adds what it needs, or doctor would promise too much."""
    sources = Path(loop.cloud.__file__).parent.glob("*.py")
    pattern = re.compile(r"wire\.((?:services|revisions|builds|logging|storage)\.[a-z_]+)")
    called = {call for source in sources for call in pattern.findall(source.read_text())}
    assert called == set(permissions.CALLS)


def test_every_permission_has_a_role_that_brings_it() -> None:
    every = {p for needed in permissions.CALLS.values() for p in needed}
    every |= {"resourcemanager.projects.get", "run.services.setIamPolicy", "run.routes.invoke"}
    for permission in (*every, *permissions.on_account(), *permissions.on_repository()):
        assert permissions.role_of(permission).startswith("roles/")
    assert permissions.role_of("run.services.update") == "roles/run.developer"
    assert permissions.role_of("run.services.setIamPolicy") == "roles/run.admin"


def test_what_is_not_built_needs_nothing_of_cloud_build() -> None:
    given = permissions.on_project(environment(IMAGE))
    built = permissions.on_project(environment(WEB))
    assert not [p for p in given if p.startswith("cloudbuild.")]
    assert set(built) - set(given) == {"cloudbuild.builds.create", "cloudbuild.builds.get", "cloudbuild.builds.list"}
    assert Api.BUILD not in permissions.apis(environment(IMAGE))
    assert Api.BUILD in permissions.apis(environment(WEB))


def test_access_that_is_kept_needs_no_permission_on_policies() -> None:
    kept = set(permissions.on_project(environment(WEB)))
    public = set(permissions.on_project(environment(replace(WEB, access=Access.PUBLIC))))
    private = set(permissions.on_project(environment(replace(WEB, access=Access.PRIVATE))))
    assert public - kept == {"run.services.getIamPolicy", "run.services.setIamPolicy"}
    assert private - public == {"run.routes.invoke"}


def test_secrets_are_found_as_variables_and_in_volumes_each_version_once() -> None:
    volume = {"name": "v", "secret": {"secret": "cert", "items": [{"version": "2", "path": "pem"}]}}
    first = replace(WEB, secrets={"A": "jwt:3", "B": "projects/other/secrets/key:1"}, template={"volumes": [volume]})
    second = replace(WEB, name="api", service="api", secrets={"A": "jwt:3"})
    found = permissions.secrets(environment(first, second))
    assert {secret.full for secret in found} == {
        "projects/acme/secrets/jwt/versions/3",
        "projects/acme/secrets/cert/versions/2",
        "projects/other/secrets/key/versions/1",
    }
    assert len(found) == 3
    assert Api.SECRETS in permissions.apis(environment(first))


def test_the_repository_is_taken_out_of_its_path_or_left_alone() -> None:
    found = permissions.repository(TARGET)
    assert found is not None
    assert found.name == "projects/acme/locations/us-central1/repositories/loop"
    assert permissions.repository(replace(TARGET, repository="gcr.io/acme")) is None


@pytest.mark.parametrize(
    ("resource", "begins"),
    [
        (Resource(kind=Kind.PROJECT, name="projects/acme"), "gcloud projects add-iam-policy-binding acme "),
        (Resource(kind=Kind.BUCKET, name="b"), "gcloud storage buckets add-iam-policy-binding gs://b "),
        (
            Resource(kind=Kind.REPOSITORY, name="projects/acme/locations/eu/repositories/loop"),
            "gcloud artifacts repositories add-iam-policy-binding loop --location=eu --project=acme ",
        ),
        (permissions.account("x@y"), "gcloud iam service-accounts add-iam-policy-binding x@y "),
    ],
)
def test_a_grant_is_a_command_for_that_resource(resource: Resource, begins: str) -> None:
    assert resource.grant("roles/r", "user:me").startswith(begins)
    assert resource.grant("roles/r", "user:me").endswith('--member="user:me" --role=roles/r')


def test_a_missing_bucket_is_a_fault_on_google_and_none_where_the_first_upload_makes_it() -> None:
    fault = missing_bucket(TARGET, made=False)
    assert fault.exit_code == 3
    assert fault.mend == "gcloud storage buckets create gs://acme-loop --project=acme --location=us-central1"
    assert missing_bucket(TARGET, made=True).exit_code == 0
