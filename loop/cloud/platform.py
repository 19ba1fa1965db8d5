"""The one Platform: what loop does to Cloud Run, Build, Storage and Logging, on Google or on an emulator.

Synchronous and thread-safe: several services are built and deployed at once from worker threads. Waiting goes through
the caller's `wait`, so that a cancellation ends it. Nothing of Google's is imported before it is needed.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from loop.cloud import settings
from loop.cloud.access import Invokers
from loop.cloud.builds import Builds, Output
from loop.cloud.checks import checks
from loop.cloud.existing import existing
from loop.cloud.logs import Logs
from loop.cloud.probes import EVIDENCE_WITHIN, Headers, Probes
from loop.cloud.pruning import Revisions
from loop.cloud.registry import Registry
from loop.cloud.services import START_WITHIN, Services
from loop.cloud.sources import Sources
from loop.cloud.traffic import Traffic
from loop.cloud.values import (
    BuildFailure,
    Built,
    Created,
    Endpoints,
    Logged,
    Mark,
    Observed,
    Order,
    Proven,
    Request,
    Shift,
    Shifted,
    StartFailure,
    Unhealthy,
    Unproven,
    Written,
)
from loop.cloud.wire import Wire
from loop.core.deployed import Deployed
from loop.core.environment import Access, Environment, PlatformTarget, Service
from loop.core.findings import Finding
from loop.core.model import Serving
from loop.core.pruning import RevisionSeen
from loop.errors import Wait


def connect(target: PlatformTarget, endpoints: Endpoints | None = None) -> "Platform":
    """A platform for one project and region. Opens nothing yet: the first call does."""
    return Platform(Wire(target, endpoints))


class Platform:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._logs = Logs(wire)
        self._services = Services(wire, self._logs)
        self._revisions = Revisions(wire, self._services)
        self._builds = Builds(wire, self._logs)
        self._sources = Sources(wire)
        self._registry = Registry(wire)
        self._probes = Probes(self._logs)
        self._invokers = Invokers(wire, wire.credentials)
        self._traffic = Traffic(wire, self._services, self._invokers)

    def close(self) -> None:
        self._wire.close()

    # observing

    def url(self, service: Service, *, tag: str = "") -> str:
        """Where the service (or one of its tags) answers; known before its first deployment."""
        return self._services.url(service, tag)

    def observe(self, service: Service, *, tag: str = "", wait: Wait = time.sleep) -> Observed | None:
        """What serves now (or answers under `tag`), with which settings; None where there is none. Reads only."""
        found = self._services.observe(service, wait, tag)
        if found is None or service.access is Access.KEEP:
            return found
        listed = self._invokers.listed(service, wait)
        access = Access.PUBLIC if found.service.get("invokerIamDisabled") else listed
        standing = replace(found.standing, everyone=listed is Access.PUBLIC)
        return replace(found, access=access, standing=standing)

    def serving(self, service: Service, *, tag: str = "", wait: Wait = time.sleep) -> Serving:
        """What serves now, or answers under `tag`; Missing where the service does not exist. Reads only."""
        return self._services.serving(service, wait, tag)

    def difference(self, service: Service, found: Observed | None, *, env: Mapping[str, str], digest: str) -> str:
        """Why the service has to be deployed anew, without values of `env`; empty where it is unchanged. Pure."""
        return settings.difference(found, service, env, digest)

    def differences(
        self, service: Service, found: Observed | None, *, env: Mapping[str, str], digest: str, image: str = ""
    ) -> tuple[str, ...]:
        """Every reason for it, each a sentence. `image` is what `image:` of the configuration means, where known."""
        return settings.differences(found, service, env, digest, image)

    def revision_differences(
        self, service: Service, found: Observed | None, *, env: Mapping[str, str], digest: str, image: str = ""
    ) -> tuple[str, ...]:
        """Those that a new revision would end; the others hold for the whole service. Pure."""
        return settings.revision_differences(found, service, env, digest, image)

    def standing_differences(self, service: Service, found: Observed) -> tuple[str, ...]:
        """Those that hold for the whole service, whatever revision serves. Pure."""
        return settings.standing_differences(found, service)

    # building

    def upload(self, archive: Path, digest: str, *, wait: Wait = time.sleep) -> str:
        """The `gs://` name of the source archive; nothing is sent where it is there already."""
        return self._sources.upload(archive, digest, wait)

    def find_image(self, service: Service, digest: str, *, wait: Wait = time.sleep) -> str | None:
        """The image, by digest, of an earlier successful build of the same content."""
        return self._builds.find_image(service, digest, wait)

    def find_build(self, service: Service, digest: str, *, wait: Wait = time.sleep) -> str | None:
        """The id of a build of the same content that has not ended."""
        return self._builds.find_open(service, digest, wait)

    def submit_build(
        self, service: Service, digest: str, source: str, *, config: str = "", wait: Wait = time.sleep
    ) -> str | BuildFailure:
        """Start a build of an uploaded archive; its id. `config` is the text of the service's own `cloudbuild:`."""
        return self._builds.submit(service, digest, source, wait, config=config)

    def by_digest(self, image: str) -> str | None:
        """The image that a tag means, `NAME@sha256:...`; None where its registry does not say."""
        return self._registry.by_digest(image)

    def await_build(self, build: str, *, wait: Wait, output: Output | None = None) -> Built | BuildFailure:
        """Wait until the build has ended; `output` takes its log, line by line."""
        return self._builds.wait_for(build, wait, output)

    # deploying

    def request_revision(self, order: Order, *, wait: Wait) -> str:
        """Ask for a revision, with all traffic or under a tag; the operation's name, "" where it exists as ours."""
        return self._services.request(order, wait)

    def await_revision(
        self, operation: str, service: Service, revision: str, *,
        wait: Wait, within: float = START_WITHIN, tag: str = "",
    ) -> Created | StartFailure:  # fmt: skip
        """Wait until the revision is ready and has the traffic, or the tag, or has failed. `operation` may be ""."""
        return self._services.wait_for(operation, service, revision, wait, within, tag)

    def move_traffic(self, shift: Shift, *, wait: Wait) -> Shifted:
        """Move traffic between revisions that exist, and with it what holds for the whole service.

        Moved where somebody else moved it since.
        """
        return self._traffic.move(shift, wait)

    def in_place(self, shift: Shift, *, wait: Wait = time.sleep) -> bool:
        """Whether the service serves by that split, and nothing of ours asks for another. Reads only."""
        return self._traffic.in_place(shift, wait)

    def revisions(self, service: Service, *, wait: Wait = time.sleep) -> tuple[RevisionSeen, ...]:
        """All revisions of the service; none where it does not exist. Reads only."""
        return self._revisions.seen(service, wait)

    def has_revision(self, service: Service, revision: str, *, wait: Wait = time.sleep) -> bool:
        return self._services.has_revision(service, revision, wait)

    def delete_revision(self, service: Service, revision: str, *, wait: Wait) -> None:
        self._revisions.delete(service, revision, wait)

    def drop_tags(self, service: Service, tags: frozenset[str], *, fence: str, wait: Wait) -> None:
        """Take tags away; revisions and split stay."""
        self._traffic.drop_tags(service, tags, fence, wait)

    def probe(
        self, service: Service, url: str, revision: str, *,
        wait: Wait, evidence_within: float = EVIDENCE_WITHIN, headers: Headers = dict,
    ) -> Proven | Unhealthy | Unproven:  # fmt: skip
        """Health first, then proof at the level that the service asks for."""
        return self._probes.prove(service, url, revision, wait, evidence_within=evidence_within, headers=headers)

    def mark(self, service: Service, url: str, *, wait: Wait, headers: Headers = dict) -> Mark:
        """Send a request that `marked` finds again: once it stands in the request log, so does all before it."""
        return self._probes.mark(service, url, wait, headers=headers)

    def marked(self, service: Service, mark: Mark, *, wait: Wait, within: float) -> Request | None:
        """The mark's entry in the request log, waited for; None where it does not show up in time."""
        return self._probes.logged(service, mark.agent, mark.probe.at, wait, within)

    # calling private services

    def private(self, service: Service, *, wait: Wait = time.sleep) -> bool:
        """Whether a call needs a token, as configured or as the platform says. Reads only."""
        return self._invokers.private(service, wait)

    def token(self, service: Service, *, wait: Wait = time.sleep) -> str:
        """An ID token that the service accepts now. Never to be written anywhere."""
        return self._invokers.token(service, wait)

    def headers(self, service: Service, *, wait: Wait = time.sleep) -> Headers:
        """What a request to the service must carry, made anew at each call; nothing where everyone may call it."""
        return self._invokers.headers(service, wait)

    def grant(self, service: Service, *, wait: Wait) -> bool:
        """Make IAM say what `access:` says; whether anything had to be changed. `keep` touches nothing."""
        return self._invokers.grant(service, wait)

    def check_call(self, service: Service, *, wait: Wait) -> None:
        """AccessDenied where we may not call the service."""
        self._invokers.check_call(service, wait)

    # reading logs

    def logs(
        self, service: Service, *,
        revision: str = "", since: datetime | None = None, until: datetime | None = None, limit: int = 1000,
        wait: Wait = time.sleep,
    ) -> tuple[str, ...]:  # fmt: skip
        """The last lines that the service wrote, oldest first."""
        return self._logs.lines(service.service, revision, since=since, until=until, limit=limit, wait=wait)

    def entries(
        self, service: Service, revision: str, *,
        since: datetime, until: datetime, limit: int = 1000, wait: Wait = time.sleep,
    ) -> tuple[Written, ...]:  # fmt: skip
        """The first entries that the revision's own process wrote in that time, oldest first."""
        return self._logs.entries(service.service, revision, since=since, until=until, limit=limit, wait=wait)

    def recent(
        self, service: Service, revision: str = "", *, since: datetime, requests: bool, limit: int,
        wait: Wait = time.sleep,
    ) -> tuple[Logged, ...]:  # fmt: skip
        """The last entries of the service's logs, oldest first, for people to read."""
        return self._logs.recent(service.service, revision, since=since, requests=requests, limit=limit, wait=wait)

    def requests(
        self, service: Service, *,
        since: datetime, until: datetime | None = None, trace: str = "", agent: str = "", limit: int = 10_000,
        wait: Wait = time.sleep,
    ) -> tuple[Request, ...]:  # fmt: skip
        """Entries of the service's request log, oldest first."""
        return self._logs.requests(
            service.service, since=since, until=until, trace=trace, agent=agent, limit=limit, wait=wait
        )

    # examining

    def checks(self, environment: Environment) -> Iterator[Finding]:
        """Whether a run of this environment would find here what it needs, one finding after another. Reads only."""
        return checks(self._wire, self._services, environment)

    def existing(self) -> tuple[Deployed, ...]:
        """The services that the project has in the region, by name. Reads only."""
        return existing(self._wire)
