"""doctor's checks of permissions: each is asked for on the resource that it may be granted on alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from loop.cloud import permissions
from loop.cloud.asking import PLATFORM, Asking
from loop.cloud.permissions import Kind, Resource
from loop.cloud.rest import Api
from loop.cloud.values import Observed
from loop.core.environment import Service
from loop.core.findings import Finding, Topic, fix, ok, skip
from loop.errors import Missing

_TESTS: Mapping[Kind, tuple[Api, str]] = {
    Kind.PROJECT: (Api.PROJECTS, "v3"),
    Kind.REPOSITORY: (Api.ARTIFACTS, "v1"),
    Kind.ACCOUNT: (Api.IAM, "v1"),
}
"""Where `:testIamPermissions` of a resource is; a bucket has a method of its own."""


def on_resource(asking: Asking, on: Resource, wanted: Sequence[str], api: Api) -> list[Finding]:
    return asking.several("permissions", lambda: _tested(asking, on, wanted, "permissions"), api=api)


def accounts(asking: Asking, seen: Mapping[str, Observed | None]) -> Iterator[Finding]:
    """Those that builds and services run as: whoever deploys must be allowed to attach them."""
    if asking.target.build_service_account and permissions.builds(asking.environment):
        yield from account(asking, asking.target.build_service_account, "build account")
    named = [_runs_as(asking, service, seen.get(service.name)) for service in asking.environment.services]
    for email in dict.fromkeys(named):
        if email:
            yield from account(asking, email, "service account")
        else:
            yield skip(Topic.PLATFORM, "service account", "not asked: its name needs the project's number")


def account(asking: Asking, email: str, about: str) -> list[Finding]:
    on = permissions.account(email)

    def tested() -> Iterator[Finding]:
        try:
            for found in _tested(asking, on, permissions.on_account(), about):
                yield found if found.exit_code else replace(found, said=f"{email} may be used")
        except Missing:
            name, _, project = email.removesuffix(".iam.gserviceaccount.com").partition("@")
            command = f"gcloud iam service-accounts create {name} --project={project or asking.target.project}"
            yield fix(Topic.PLATFORM, about, f"{email} does not exist", command, code=PLATFORM)

    return asking.several(about, tested, api=Api.IAM)


def _runs_as(asking: Asking, service: Service, seen: Observed | None) -> str:
    """What the configuration says, else what serves has, else the project's default."""
    now = str(seen.settings.get("serviceAccount", "")) if seen else ""
    default = f"{asking.number}-compute@developer.gserviceaccount.com" if asking.number else ""
    return permissions.account_of(service) or now or default


def _tested(asking: Asking, on: Resource, wanted: Sequence[str], about: str) -> Iterator[Finding]:
    granted = _held(asking, on, wanted)
    lacking = [permission for permission in wanted if permission not in granted]
    for role, those in permissions.by_role(lacking).items():
        are = "is" if len(those) == 1 else "are"
        said = f"{', '.join(those)} {are} not granted on the {on.kind.value} {on.short}"
        yield fix(Topic.PLATFORM, about, said, on.grant(role, asking.member), code=PLATFORM, names=those)
    held = [permission for permission in wanted if permission in granted]
    if held:
        said = f"{len(held)} of {len(wanted)} granted on the {on.kind.value} {on.short}"
        yield ok(Topic.PLATFORM, about, said, names=held)


def _held(asking: Asking, on: Resource, wanted: Sequence[str]) -> set[str]:
    what = "asking for permissions"
    if on.kind is Kind.BUCKET:
        path = f"storage/v1/b/{on.name}/iam/testPermissions"
        query = {"permissions": list(wanted)}
        answer = asking.rest.get(Api.STORAGE, path, what=what, where=on.short, query=query)
    else:
        api, version = _TESTS[on.kind]
        path = f"{version}/{on.name}:testIamPermissions"
        answer = asking.rest.post(api, path, {"permissions": list(wanted)}, what=what, where=on.name)
    granted = answer.get("permissions", ())
    return set(granted) if isinstance(granted, list) else set()
