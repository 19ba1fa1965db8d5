"""Resource names of Cloud Run: `projects/P/locations/L/services/S/revisions/R`, taken apart and checked."""

import re
from dataclasses import dataclass

from loop.emulator.wire import Refused, invalid

LABEL = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
LOCATION = re.compile(r"projects/([^/]+)/locations/([^/]+)")
SERVICE = re.compile(r"(projects/([^/]+)/locations/([^/]+))/services/([^/]+)")
REVISION = re.compile(r"(projects/([^/]+)/locations/([^/]+)/services/([^/]+))/revisions/([^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceName:
    project: str
    region: str
    service: str

    @property
    def location(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def full(self) -> str:
        return f"{self.location}/services/{self.service}"

    def revision(self, short: str) -> str:
        return f"{self.full}/revisions/{short}"


def service_name(full: str) -> ServiceName:
    found = SERVICE.fullmatch(full)
    if not found:
        raise invalid(f"Expected projects/PROJECT/locations/LOCATION/services/SERVICE, got {full!r}.")
    return ServiceName(project=found[2], region=found[3], service=found[4])


def service_of(revision: str) -> ServiceName:
    found = REVISION.fullmatch(revision)
    if not found:
        raise invalid(f"Expected projects/P/locations/L/services/S/revisions/REVISION, got {revision!r}.")
    return service_name(found[1])


def check_location(parent: str) -> "re.Match[str]":
    """A parent of services; not the wildcard `-` (ListServicesRequest.parent)."""
    found = LOCATION.fullmatch(parent)
    if not found or found[2] == "-":
        raise invalid(f"Expected a parent projects/PROJECT/locations/LOCATION, got {parent!r}.")
    return found


def new_service_name(parent: str, service_id: str) -> ServiceName:
    """Rules of CreateServiceRequest.service_id: fewer than 50 characters, a letter first, no hyphen last."""
    found = check_location(parent)
    if not LABEL.fullmatch(service_id) or len(service_id) >= 50:
        raise _bad_name("service_id", service_id, 49)
    return ServiceName(project=found[1], region=found[2], service=service_id)


def check_revision_id(service: ServiceName, short: str) -> None:
    if not LABEL.fullmatch(short) or len(short) > 63:
        raise _bad_name("service.template.revision", short, 63)
    if not short.startswith(f"{service.service}-"):
        raise invalid(f"service.template.revision: {short!r} must begin with the service's name, {service.service}-.")


def check_tag(tag: str) -> None:
    if not LABEL.fullmatch(tag) or len(tag) > 46:
        raise _bad_name("service.traffic.tag", tag, 46)


def short_name(full: str) -> str:
    return full.rpartition("/")[2]


def _bad_name(field: str, value: str, longest: int) -> Refused:
    return invalid(
        f"{field}: {value!r} is not allowed: only lower-case letters, digits and hyphens; it must begin with a letter,"
        f" must not end with a hyphen, and has at most {longest} characters."
    )
