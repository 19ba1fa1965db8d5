"""doctor's checks of what a run finds ready-made: the bucket, the repository for images, the secrets' versions."""

from collections.abc import Iterator

from loop.cloud import grants, permissions
from loop.cloud.asking import PLATFORM, Asking, Denied
from loop.cloud.calls import CALL_TIMEOUT, patiently
from loop.cloud.permissions import Kind, Resource, Secret
from loop.cloud.rest import WITHIN, Api
from loop.cloud.wire import Wire
from loop.core.environment import PlatformTarget
from loop.core.findings import Finding, Topic, fix, ok, skip
from loop.errors import Missing

_HERE = Topic.PLATFORM


def bucket(asking: Asking, wire: Wire) -> Iterator[Finding]:
    """For source archives."""
    target, missing = asking.target, False

    def found() -> Finding:
        nonlocal missing
        missing = not _exists(wire, target.bucket)
        if missing:
            return missing_bucket(target, made=wire.makes_buckets)
        return ok(_HERE, "bucket", f"gs://{target.bucket}")

    yield asking.one("bucket", found, api=Api.STORAGE)
    on = Resource(kind=Kind.BUCKET, name=target.bucket)
    if missing:
        yield skip(_HERE, "permissions", "on the bucket: not asked, they need the bucket")
    else:
        yield from grants.on_resource(asking, on, permissions.on_bucket(), Api.STORAGE)


def missing_bucket(target: PlatformTarget, *, made: bool) -> Finding:
    """`made`: the first upload makes it, as on an emulator."""
    name = f"gs://{target.bucket}"
    if made:
        return ok(_HERE, "bucket", f"{name} is not there yet: on an emulator the first upload makes it")
    command = f"gcloud storage buckets create {name} --project={target.project} --location={target.region}"
    return fix(_HERE, "bucket", f"{name} does not exist", command, code=PLATFORM)


def repository(asking: Asking) -> Iterator[Finding]:
    """For images."""
    on = permissions.repository(asking.target)
    if on is None:
        path = asking.target.repository
        yield skip(_HERE, "repository", f"not looked at: {path} is no path of Artifact Registry")
        return
    denied = Denied.DOCTOR_ALONE
    there = asking.one("repository", lambda: _repository(asking, on), api=Api.ARTIFACTS, denied=denied)
    yield there
    if there.exit_code:
        yield skip(_HERE, "permissions", "on the repository: not asked, they need the repository")
    else:
        yield from grants.on_resource(asking, on, permissions.on_repository(), Api.ARTIFACTS)


def secrets(asking: Asking) -> Iterator[Finding]:
    for secret in permissions.secrets(asking.environment):
        yield _secret(asking, secret)


def _exists(wire: Wire, name: str) -> bool:
    def attempt(left: float) -> None:
        from google.api_core.exceptions import ServiceUnavailable
        from requests import RequestException

        try:
            wire.storage.get_bucket(name, timeout=min(left, CALL_TIMEOUT), retry=None)
        except RequestException as error:  # the client passes these on when its own retries are off
            raise ServiceUnavailable(str(error)) from error  # type: ignore[no-untyped-call]

    try:
        patiently(attempt, what="reading the bucket for source archives", where=f"gs://{name}", within=WITHIN)
    except Missing:
        return False
    return True


def _repository(asking: Asking, on: Resource) -> Finding:
    path = asking.target.repository
    what = "reading the repository for images"
    try:
        kind = asking.rest.get(Api.ARTIFACTS, f"v1/{on.name}", what=what, where=on.name).get("format")
    except Missing:
        _, project, _, location, *_ = on.name.split("/")
        place = f"--location={location} --project={project}"
        command = f"gcloud artifacts repositories create {on.short} --repository-format=docker {place}"
        return fix(_HERE, "repository", f"{path} does not exist", command, code=PLATFORM)
    if kind != "DOCKER":
        command = "name a repository of format docker in platform.repository"
        return fix(_HERE, "repository", f"{path} is of format {kind}", command, code=PLATFORM)
    return ok(_HERE, "repository", path)


def _secret(asking: Asking, secret: Secret) -> Finding:
    """Whether the version is there and enabled; `:access`, which would read the value, is never asked."""
    about, version = "secret", f"version {secret.version} of {secret.name}"

    def found() -> Finding:
        what = "looking for the secret's version"
        try:
            answer = asking.rest.get(Api.SECRETS, f"v1/{secret.full}", what=what, where=secret.full)
        except Missing:
            return fix(_HERE, about, f"there is no {version}", _new_version(asking.target, secret), code=PLATFORM)
        state = str(answer.get("state"))
        if state != "ENABLED":
            command = f"gcloud secrets versions enable {secret.version} --secret={secret.name}"
            said, mend = f"{version} is {state.lower()}", f"{command} --project={secret.project}"
            return fix(_HERE, about, said, mend, code=PLATFORM)
        return ok(_HERE, about, f"{version} is there; its value was not read")

    return asking.one(about, found, api=Api.SECRETS, denied=Denied.DOCTOR_ALONE)


def _new_version(target: PlatformTarget, secret: Secret) -> str:
    if target.emulated:
        return f"name it in {target.state}/secrets.yaml: {secret.name}: {{{secret.version}: VALUE}}"
    return f"gcloud secrets create {secret.name} --project={secret.project} --data-file=FILE"
