"""Which permissions a run needs, and on what: derived from the calls that this package makes, one row a method.

Pure. A test holds the rows against the calls in the source, so that a new call can not be forgotten here. Each
permission is asked for on the resource that it may be granted on alone, so that a narrow grant is found.
https://cloud.google.com/run/docs/reference/iam/permissions, https://cloud.google.com/build/docs/iam-roles-permissions,
https://cloud.google.com/logging/docs/access-control, https://cloud.google.com/storage/docs/access-control/iam-json
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from loop.cloud.rest import Api
from loop.cloud.wanted import wanted
from loop.core.environment import Access, BuildMode, Environment, PlatformTarget, Service

CALLS: Mapping[str, tuple[str, ...]] = {
    "services.get_service": ("run.services.get",),
    "services.create_service": ("run.services.create",),
    "services.update_service": ("run.services.update",),
    "services.wait_operation": ("run.operations.get",),
    "services.list_services": (),  # `loop init` alone
    "services.get_iam_policy": (),  # where `access:` is set; elsewhere a run does without (docs/identity.md)
    "services.set_iam_policy": (),  # where `access:` is set
    "services.test_iam_permissions": (),  # asks for none
    "revisions.get_revision": ("run.revisions.get",),
    "revisions.list_revisions": (),  # `loop prune` alone
    "revisions.delete_revision": (),  # likewise
    "builds.create_build": ("cloudbuild.builds.create",),
    "builds.get_build": ("cloudbuild.builds.get",),
    "builds.list_builds": ("cloudbuild.builds.list",),
    "logging.list_log_entries": ("logging.logEntries.list",),
    # an object that is not there answers 403 to whoever may not list the bucket
    "storage.get_bucket": ("storage.buckets.get", "storage.objects.get", "storage.objects.list"),
    "storage.bucket": ("storage.objects.create",),
    "storage.create_bucket": (),  # on an emulator only
}
"""Client and method, as `self._wire` has them -> what they ask for."""

ROLES: Mapping[str, str] = {
    "resourcemanager.projects.": "roles/browser",
    "run.services.setIamPolicy": "roles/run.admin",
    "run.services.getIamPolicy": "roles/run.admin",
    "run.routes.invoke": "roles/run.invoker",
    "run.": "roles/run.developer",
    "cloudbuild.": "roles/cloudbuild.builds.editor",
    "logging.": "roles/logging.viewer",
    "storage.buckets.": "roles/storage.legacyBucketReader",
    "storage.objects.": "roles/storage.objectUser",
    "artifactregistry.": "roles/artifactregistry.reader",
    "iam.serviceAccounts.": "roles/iam.serviceAccountUser",
}
"""The smallest predefined role that holds a permission, by how the permission begins; the first row that fits."""

_REPOSITORY = re.compile(r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<name>[^/]+)(?:/.*)?")


class Kind(StrEnum):
    PROJECT = "project"
    BUCKET = "bucket"
    REPOSITORY = "repository"
    ACCOUNT = "service account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that permissions can be granted on."""

    kind: Kind
    name: str
    """As Google names it: `projects/acme`, `projects/-/serviceAccounts/EMAIL`; a bucket by its own name."""

    @property
    def short(self) -> str:
        return f"gs://{self.name}" if self.kind is Kind.BUCKET else self.name.rpartition("/")[2]

    def grant(self, role: str, member: str) -> str:
        """The command that gives the role on this resource alone."""
        who = f'--member="{member}" --role={role}'
        match self.kind:
            case Kind.PROJECT:
                return f"gcloud projects add-iam-policy-binding {self.short} {who}"
            case Kind.BUCKET:
                return f"gcloud storage buckets add-iam-policy-binding {self.short} {who}"
            case Kind.REPOSITORY:
                _, project, _, location, *_ = self.name.split("/")
                place = f"--location={location} --project={project}"
                return f"gcloud artifacts repositories add-iam-policy-binding {self.short} {place} {who}"
            case Kind.ACCOUNT:
                return f"gcloud iam service-accounts add-iam-policy-binding {self.short} {who}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A version that a service is given. Its value is nobody's business here."""

    project: str
    name: str
    version: str

    @property
    def full(self) -> str:
        return f"projects/{self.project}/secrets/{self.name}/versions/{self.version}"


def on_project(environment: Environment) -> tuple[str, ...]:
    clients = ["services", "revisions", "logging", *(["builds"] if builds(environment) else [])]
    called = [p for call, needed in CALLS.items() if call.partition(".")[0] in clients for p in needed]
    return ("resourcemanager.projects.get", *called, *_for_access(environment.services))


def on_bucket() -> tuple[str, ...]:
    return tuple(p for call, needed in CALLS.items() if call.startswith("storage.") for p in needed)


def on_repository() -> tuple[str, ...]:
    """Of whoever deploys: https://cloud.google.com/artifact-registry/docs/integrate-cloud-run."""
    return ("artifactregistry.repositories.downloadArtifacts",)


def on_account() -> tuple[str, ...]:
    """Of whoever attaches it: https://cloud.google.com/run/docs/configuring/services/service-identity."""
    return ("iam.serviceAccounts.actAs",)


def apis(environment: Environment) -> tuple[Api, ...]:
    """What the project must have enabled."""
    built = (Api.BUILD, Api.STORAGE, Api.ARTIFACTS) if builds(environment) else ()
    return (Api.RUN, Api.LOGGING, Api.PROJECTS, *built, *((Api.SECRETS,) if secrets(environment) else ()))


def builds(environment: Environment) -> bool:
    return any(service.source is not None and service.build is not BuildMode.IMAGE for service in environment.services)


def repository(target: PlatformTarget) -> Resource | None:
    """None where the path is not of Artifact Registry."""
    found = _REPOSITORY.fullmatch(target.repository)
    if found is None:
        return None
    name = f"projects/{found['project']}/locations/{found['location']}/repositories/{found['name']}"
    return Resource(kind=Kind.REPOSITORY, name=name)


def account(email: str) -> Resource:
    return Resource(kind=Kind.ACCOUNT, name=f"projects/-/serviceAccounts/{email}")


def account_of(service: Service) -> str:
    """The account that the configuration lets the service run as; "" where it names none."""
    return str(wanted(service, {}, "").get("serviceAccount", ""))


def secrets(environment: Environment) -> tuple[Secret, ...]:
    """Every version that a service names, in its template's own words: as a variable, or in a volume."""
    project = environment.charter.platform.project
    named = [each for service in environment.services for each in _named(wanted(service, {}, ""))]
    return tuple(dict.fromkeys(_secret(name, version, project) for name, version in named))


def role_of(permission: str) -> str:
    return next(role for begin, role in ROLES.items() if permission.startswith(begin))


def by_role(permissions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Permissions under the role that brings them: one command mends them all."""
    found: dict[str, tuple[str, ...]] = {}
    for permission in permissions:
        role = role_of(permission)
        found[role] = (*found.get(role, ()), permission)
    return found


def _for_access(services: Iterable[Service]) -> list[str]:
    accesses = {service.access for service in services}
    changes = ["run.services.getIamPolicy", "run.services.setIamPolicy"] if accesses - {Access.KEEP} else []
    return [*changes, *(["run.routes.invoke"] if Access.PRIVATE in accesses else [])]


def _named(value: object) -> list[tuple[str, str]]:
    """`secretKeyRef: {secret, version}`, and volumes' `secret: {secret, items: [{version}]}`."""
    if isinstance(value, Mapping):
        reference = value.get("secretKeyRef")
        if isinstance(reference, Mapping):
            return [(str(reference.get("secret")), str(reference.get("version") or "latest"))]
        volume = value.get("secret")
        if isinstance(volume, Mapping):
            items = volume.get("items") or [{}]
            return [(str(volume.get("secret")), str(item.get("version") or "latest")) for item in items]
        return [found for inner in value.values() for found in _named(inner)]
    if isinstance(value, list | tuple):
        return [found for inner in value for found in _named(inner)]
    return []


def _secret(name: str, version: str, project: str) -> Secret:
    if name.startswith("projects/"):
        _, project, _, name = name.split("/", 3)
    return Secret(project=project, name=name, version=version)
