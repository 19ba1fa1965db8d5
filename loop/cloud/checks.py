"""What `loop doctor` asks the platform: could a run of this environment do what it will have to do?

Reads only. Google's own words may repeat what was sent, so whoever shows a finding redacts it first.
"""

from collections.abc import Iterator

from loop.cloud import grants, permissions, stores
from loop.cloud.access import Invokers
from loop.cloud.asking import PLATFORM, Asking, Denied
from loop.cloud.permissions import Kind, Resource
from loop.cloud.probes import ANSWER_WITHIN, ask
from loop.cloud.rest import Api, Rest
from loop.cloud.services import Services
from loop.cloud.values import Json, Observed
from loop.cloud.wire import Wire
from loop.core.environment import Environment, Service
from loop.core.findings import Finding, Standing, Topic, fix, ok, skip
from loop.errors import OperationTimeout, PlatformError, Unavailable

_HERE = Topic.PLATFORM
_PRODUCT = 1
"""Exit code of a run whose service does not answer."""
_WANTS_TO_KNOW = (401, 403)


def checks(wire: Wire, services: Services, environment: Environment) -> Iterator[Finding]:
    """Of the platform, then of the services; in the order in which one depends on another."""
    rest = Rest(wire.endpoints, wire.credentials)
    try:
        asking = Asking(environment=environment, rest=rest)
        signed_in = _credentials(asking)
        yield signed_in
        if signed_in.standing is Standing.FIX:
            yield from _unasked(environment)
        else:
            yield from _asked(asking, wire, services)
    finally:
        rest.close()


def _asked(asking: Asking, wire: Wire, services: Services) -> Iterator[Finding]:
    environment = asking.environment
    yield asking.one("project", lambda: _project(asking), api=Api.PROJECTS)
    yield from asking.several("APIs", lambda: _apis(asking), api=Api.USAGE, denied=Denied.DOCTOR_ALONE)
    project = Resource(kind=Kind.PROJECT, name=asking.project)
    yield from grants.on_resource(asking, project, permissions.on_project(environment), Api.PROJECTS)
    if permissions.builds(environment):
        yield from stores.bucket(asking, wire)
        yield from stores.repository(asking)
    seen = {service.name: _observed(asking, services, service) for service in environment.services}
    yield from grants.accounts(asking, {name: s for name, s in seen.items() if not isinstance(s, Finding)})
    yield from stores.secrets(asking)
    for service in environment.services:
        found = seen[service.name]
        yield found if isinstance(found, Finding) else _answers(asking, wire, service, found)


def _unasked(environment: Environment) -> Iterator[Finding]:
    for about in ("project", "APIs", "permissions", "bucket", "repository", "secrets"):
        yield skip(_HERE, about, "not asked: it needs the credentials")
    for service in environment.services:
        yield skip(Topic.SERVICES, service.name, "not asked: it needs the credentials")


def _credentials(asking: Asking) -> Finding:
    if asking.target.emulated:
        return ok(_HERE, "credentials", "an emulator asks for none")
    try:
        account = asking.rest.account()
    except PlatformError as error:
        return asking.refused("credentials", error)
    if account:
        asking.member = f"serviceAccount:{account}"
    return ok(_HERE, "credentials", account or "a person's, from gcloud auth application-default login")


def _project(asking: Asking) -> Finding:
    name, region = asking.target.project, asking.target.region
    what = "reading the project"
    answer = asking.rest.get(Api.PROJECTS, f"v3/{asking.project}", what=what, where=asking.project)
    asking.number = str(answer.get("name", "")).removeprefix("projects/")
    state = answer.get("state")
    if state != "ACTIVE":
        said = f"{name} is {str(state).lower()}"
        return fix(_HERE, "project", said, f"gcloud projects undelete {name}", code=PLATFORM)
    return ok(_HERE, "project", f"{name} (number {asking.number}), region {region}")


def _apis(asking: Asking) -> Iterator[Finding]:
    """An API that can not be asked about is taken as enabled: what it is needed for will tell."""
    wanted = permissions.apis(asking.environment)
    path, what = f"v1/{asking.project}/services:batchGet", "reading which APIs are enabled"
    query = {"names": [f"{asking.project}/services/{api.value}" for api in wanted]}
    answer = asking.rest.get(Api.USAGE, path, what=what, where=asking.project, query=query)
    states = {str(each.get("name")).rpartition("/")[2]: each.get("state") for each in _maps(answer.get("services"))}
    asking.absent = {api for api in wanted if states.get(api.value) != "ENABLED"}
    for api in wanted:
        if api in asking.absent:
            command = f"gcloud services enable {api.value} --project={asking.target.project}"
            yield fix(_HERE, "API", f"{api.value} is not enabled", command, code=PLATFORM, names=(api.value,))
    enabled = [api.value for api in wanted if api not in asking.absent]
    if enabled:
        yield ok(_HERE, "APIs", f"{len(enabled)} of {len(wanted)} are enabled", names=enabled)


def _observed(asking: Asking, services: Services, service: Service) -> Observed | Finding | None:
    why = asking.unasked(Api.RUN)
    if why:
        return skip(Topic.SERVICES, service.name, why)
    try:
        return services.observe(service)
    except PlatformError as error:
        if isinstance(error, Unavailable | OperationTimeout):
            asking.silent.add(Api.RUN)
        return asking.refused(service.name, error, Topic.SERVICES)


def _answers(asking: Asking, wire: Wire, service: Service, seen: Observed | None) -> Finding:
    if seen is None:
        return skip(Topic.SERVICES, service.name, "not deployed yet: the first run does it")
    url, path = seen.serving.url, service.health.path
    try:
        headers = Invokers(wire, wire.credentials).headers(service)()
    except PlatformError as error:
        return asking.refused(service.name, error, Topic.SERVICES)
    answer = ask(url, path, headers, ANSWER_WITHIN)
    probe = answer.probe
    said = f"{url.rstrip('/')}{path}: {'no answer' if probe.status is None else f'HTTP {probe.status}'}"
    if answer.good:
        return ok(Topic.SERVICES, service.name, f"{said}, {seen.serving.revision or 'several revisions'}")
    if probe.status in _WANTS_TO_KNOW:
        return skip(Topic.SERVICES, service.name, f"{said}: it answers, and wants to know who asks")
    detail = f" ({probe.detail})" if probe.detail else ""
    return fix(Topic.SERVICES, service.name, said + detail, _look(asking, service), code=_PRODUCT)


def _look(asking: Asking, service: Service) -> str:
    """How to see why it does not answer; a run that finds it unchanged would not deploy it anew."""
    target = asking.target
    if target.emulated:
        return f"its log is in {target.state}; loop run --env {asking.environment.charter.name} deploys what changed"
    return f"gcloud run services logs read {service.service} --region={target.region} --project={target.project}"


def _maps(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
