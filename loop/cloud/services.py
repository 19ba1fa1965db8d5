"""Cloud Run services: observe, ask for a revision, wait for the one that was asked for.

Every update is read-modify-write with the etag of that read; traffic is always explicit and read back; what is waited
for is the revision that was made, never the latest ready one.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from loop.cloud import settings, standing
from loop.cloud.calls import call, delays, ignoring, poll
from loop.cloud.conversions import (
    failed_condition,
    has_settled,
    is_ready,
    json_from_proto,
    meant_revision,
    own_labels,
    serving_from_proto,
    short,
    sole_revision,
    splits_from_proto,
    tagged_revision,
    template_from,
    traffic_beside,
    traffic_to,
)
from loop.cloud.logs import Logs
from loop.cloud.values import Created, Json, Observed, Order, StartFailure, mapping
from loop.cloud.wanted import wanted
from loop.cloud.wire import Wire
from loop.core.environment import Service
from loop.core.model import Serving, Split
from loop.core.names import LABEL_DIGEST, LABEL_ITERATION, LABEL_RUN, same_work
from loop.errors import Conflict, Missing, OperationTimeout, PlatformError, Wait

if TYPE_CHECKING:
    from google.cloud.run_v2.types import Revision, RevisionTemplate, TrafficTarget
    from google.cloud.run_v2.types import Service as ServiceProto
    from google.longrunning.operations_pb2 import Operation

CLIENT = "loop"
SLICE = 1
"""Seconds that one WaitOperation may block: no cancellation reaches a call under way."""
START_WITHIN = 600.0
"""Seconds for a revision to become ready; Cloud Run itself gives a container at most four minutes to start."""
SETTLE_WITHIN = 60.0
"""Seconds for a service to report the generation and the traffic of its last update."""
CONFLICTS_WITHIN = 60.0
"""Seconds in which an update is tried anew after others changed the service."""
FENCE = "loop-fence"
CANDIDATE = ("template", "traffic", "annotations", "client", "client_version")
"""Update mask of a candidate's deployment: nothing that holds for the whole service."""


class Services:
    def __init__(self, wire: Wire, logs: Logs) -> None:
        self._wire = wire
        self._logs = logs

    def url(self, service: Service, tag: str = "") -> str:
        """Where the service answers, also before it exists; `url:` of the configuration wins."""
        if service.url and not tag:
            return service.url
        return self._wire.addresses.url(service.service, tag)

    def observe(self, service: Service, wait: Wait = time.sleep, tag: str = "") -> Observed | None:
        """What serves now (or answers under `tag`), and with which settings; None where there is none."""
        found = self.settled(service, wait)
        if found is None or (tag and not tagged_revision(splits_from_proto(found), tag)):
            return None
        revision = self._behind(service, found, wait, tag)
        return Observed(
            serving=serving_from_proto(found, revision, self._address(service, found, tag)),
            settings=json_from_proto(revision) if revision else {},
            service=_own(found),
            digests={} if revision or tag else self._digests(service, found, wait),
            standing=standing.recorded(_own(found)),
            meant=short(revision.name) if tag and revision else meant_revision(found),
        )

    def serving(self, service: Service, wait: Wait = time.sleep, tag: str = "") -> Serving:
        """What serves now, or answers under `tag`; Missing where the service does not exist."""
        found = self._get(service, wait)
        return serving_from_proto(found, self._behind(service, found, wait, tag), self._address(service, found, tag))

    # asking for a revision

    def request(self, order: Order, wait: Wait) -> str:
        """Ask for the revision: with all traffic, or under its tag. The operation's name, "" where it exists as ours.

        Conflict where a revision of that name is not ours, or others keep changing the service.
        """
        until = time.monotonic() + CONFLICTS_WITHIN
        for delay in delays():
            if self._exists(order, wait):
                return ""
            try:
                return self._send(order, wait)
            except Conflict:
                if time.monotonic() + delay >= until:
                    raise
            wait(delay)
        raise AssertionError("delays never end")

    def _exists(self, order: Order, wait: Wait) -> bool:
        name = self._revision_name(order.service, order.revision)
        found = ignoring(Missing, lambda: self._revision(order.service, order.revision, wait))
        if found is None:
            return False
        if not same_work(found.labels, order.labels):
            labels = ", ".join(f"{k}={found.labels.get(k, 'none')}" for k in (LABEL_RUN, LABEL_ITERATION))
            raise Conflict(
                f"a revision {order.revision} exists and is not ours: {labels}, image {found.containers[0].image}",
                where=name,
                hint="delete it, or start a new run",
            )
        return True

    def _send(self, order: Order, wait: Wait) -> str:
        current = ignoring(Missing, lambda: self._get(order.service, wait))
        operation = self._create(order, wait) if current is None else self._update(order, current, wait)
        return str(operation.name)

    def _create(self, order: Order, wait: Wait) -> "Operation":
        from google.cloud.run_v2.types import CreateServiceRequest
        from google.cloud.run_v2.types import Service as ServiceProto

        service = ServiceProto(
            template=self._template(order, None), traffic=traffic_to(order.revision, ()), client=CLIENT
        )
        standing.apply(service, order.service)
        fenced(service, order.service, order.fence)
        request = CreateServiceRequest(parent=self._parent, service_id=order.service.service, service=service)
        made = call(
            self._wire.services.create_service,
            request,
            what=f"creating the service {order.service.service}",
            where=self.name(order.service),
            wait=wait,
        )
        return made.operation

    def _update(self, order: Order, current: "ServiceProto", wait: Wait) -> "Operation":
        from google.cloud.run_v2.types import UpdateServiceRequest
        from google.protobuf.field_mask_pb2 import FieldMask

        current.template = self._template(order, current)
        current.traffic = _wanted_traffic(order, current)
        current.client, current.client_version = CLIENT, ""
        if not order.tag:  # a candidate changes nothing that those would notice who are served by another revision
            standing.apply(current, order.service)
        fenced(current, order.service, order.fence)
        made = call(
            self._wire.services.update_service,
            UpdateServiceRequest(service=current, update_mask=FieldMask(paths=CANDIDATE if order.tag else ())),
            what=f"updating the service {order.service.service}",
            where=self.name(order.service),
            wait=wait,
        )
        return made.operation

    def _template(self, order: Order, current: "ServiceProto | None") -> "RevisionTemplate":
        wish = wanted(order.service, order.env, order.image)
        wish["revision"] = order.revision
        wish["labels"] = {**mapping(wish.get("labels", {})), **order.labels}
        if current is None:
            return template_from(None, wish)
        present = json_from_proto(current.template)
        return template_from(
            current.template,
            wish,
            variables=settings.dropped(present, wish),
            paths=settings.abandoned(present, wish),
        )

    # waiting for it

    def wait_for(
        self, operation: str, service: Service, revision: str, wait: Wait, within: float = START_WITHIN, tag: str = ""
    ) -> Created | StartFailure:
        """Wait until the revision is ready and takes the traffic (or has the tag), or is known to have failed."""
        until = time.monotonic() + within
        what = f"deploying {service.service}"
        error = self.finished(operation, what, wait, until) if operation else None
        found = self._decided(service, revision, wait, max(0.0, until - time.monotonic()), error)
        reason = failed_condition(found)
        if reason:
            return StartFailure(reason=reason, log=self._logs.first_lines_of_failure(service.service, revision, wait))
        if error is not None:
            raise error
        return Created(serving=self._taking(service, revision, wait, tag))

    def finished(self, operation: str, what: str, wait: Wait, until: float) -> PlatformError | None:
        """The error that the operation ended with. An operation that is no longer known counts as ended.

        `what`: the work, for the error's words.
        """
        from loop.cloud.errors import from_status

        for delay in delays():
            began = time.monotonic()
            if began >= until:
                raise OperationTimeout(f"{what}: not finished in time", where=operation, hint="loop resume")
            found = ignoring(Missing, lambda: self._wait_operation(operation, what, wait))
            if found is None:
                return None
            if found.done:
                return from_status(found.error.code, found.error.message, what, operation) if found.error.code else None
            # a server may answer at once although it was asked to wait (google.longrunning.Operations.WaitOperation)
            wait(max(0.0, min(delay, SLICE) - (time.monotonic() - began)))
        return None

    def _wait_operation(self, operation: str, what: str, wait: Wait) -> "Operation":
        from google.longrunning.operations_pb2 import Operation, WaitOperationRequest
        from google.protobuf.duration_pb2 import Duration

        request = WaitOperationRequest(name=operation, timeout=Duration(seconds=SLICE))
        answer = call(self._wire.services.wait_operation, request, what=what, where=operation, wait=wait)
        # The generated client names no deserialiser for this method (google-cloud-run 0.16): it answers with bytes.
        return answer if isinstance(answer, Operation) else Operation.FromString(answer)

    def _decided(
        self, service: Service, revision: str, wait: Wait, within: float, error: PlatformError | None
    ) -> "Revision":
        """The revision once its conditions say ready or failed; the operation's own error where it never came to be."""

        def look() -> "Revision | None":
            try:
                found = self._revision(service, revision, wait)
            except Missing as missing:
                raise (error or missing) from missing
            return found if error or is_ready(found) or failed_condition(found) else None

        found = poll(look, wait=wait, within=within)
        if found is None:
            where = self._revision_name(service, revision)
            raise OperationTimeout(f"{revision} is neither ready nor failed", where=where, hint="loop resume")
        return found

    def _taking(self, service: Service, revision: str, wait: Wait, tag: str) -> Serving:
        """Read back: the update was observed, and the revision takes all traffic, or has the tag."""

        def look() -> Serving | None:
            found = self.settled(service, wait)
            if found is None or found.observed_generation != found.generation:
                return None
            splits = splits_from_proto(found)
            if (tagged_revision(splits, tag) if tag else sole_revision(splits)) != revision:
                return None
            address = self._address(service, found, tag)
            return serving_from_proto(found, self._revision(service, revision, wait), address)

        serving = poll(look, wait=wait, within=SETTLE_WITHIN)
        if serving is None:
            shares = in_words(self.serving(service, wait).traffic)
            raise Conflict(
                f"{revision} is ready, but the traffic of {service.service} is: {shares or 'none'}",
                where=self.name(service),
                hint="see who else deploys it, then: loop resume",
            )
        return serving

    # reading

    def settled(self, service: Service, wait: Wait) -> "ServiceProto | None":
        """The service once its last update was observed, or as it is when that takes too long; None without one."""
        found: ServiceProto | None = None

        def look() -> "ServiceProto | None":
            nonlocal found
            found = self._get(service, wait)
            return found if has_settled(found) else None

        ignoring(Missing, lambda: poll(look, wait=wait, within=SETTLE_WITHIN))
        return found

    def _behind(self, service: Service, found: "ServiceProto", wait: Wait, tag: str) -> "Revision | None":
        splits = splits_from_proto(found)
        revision = tagged_revision(splits, tag) if tag else sole_revision(splits)
        return ignoring(Missing, lambda: self._revision(service, revision, wait)) if revision else None

    def _digests(self, service: Service, found: "ServiceProto", wait: Wait) -> dict[str, str]:
        """Of every revision that takes a part of the traffic."""
        digests: dict[str, str] = {}
        for name in dict.fromkeys(split.revision for split in splits_from_proto(found) if split.percent):
            with suppress(Missing):
                digests[name] = own_labels(found, self._revision(service, name, wait)).get(LABEL_DIGEST, "")
        return digests

    def _address(self, service: Service, found: "ServiceProto", tag: str = "") -> str:
        """The address that others were told, compared with those that the platform reads back."""
        url = self.url(service, tag)
        if tag:  # no deployment names it, so the platform's own word may replace it
            return next((status.uri for status in found.traffic_statuses if status.tag == tag and status.uri), url)
        known = {address.rstrip("/") for address in [*found.urls, found.uri] if address}
        if service.url or not known or url.rstrip("/") in known:
            return url
        raise PlatformError(
            f"{service.service} answers at {', '.join(sorted(known))}, not at {url}",
            where=self.name(service),
            hint=f"name the address in the configuration: services.{service.name}.url",
        )

    def has_revision(self, service: Service, revision: str, wait: Wait) -> bool:
        return ignoring(Missing, lambda: self._revision(service, revision, wait)) is not None

    def _get(self, service: Service, wait: Wait) -> "ServiceProto":
        from google.cloud.run_v2.types import GetServiceRequest

        name = self.name(service)
        what = f"reading the service {service.service}"
        return call(self._wire.services.get_service, GetServiceRequest(name=name), what=what, where=name, wait=wait)

    def _revision(self, service: Service, revision: str, wait: Wait) -> "Revision":
        from google.cloud.run_v2.types import GetRevisionRequest

        name = self._revision_name(service, revision)
        what = f"reading the revision {short(revision)}"
        return call(self._wire.revisions.get_revision, GetRevisionRequest(name=name), what=what, where=name, wait=wait)

    @property
    def _parent(self) -> str:
        return f"projects/{self._wire.target.project}/locations/{self._wire.target.region}"

    def name(self, service: Service) -> str:
        return f"{self._parent}/services/{service.service}"

    def _revision_name(self, service: Service, revision: str) -> str:
        return f"{self.name(service)}/revisions/{revision}"


def _own(service: "ServiceProto") -> Json:
    """What holds for all its revisions."""
    return {key: value for key, value in json_from_proto(service).items() if key != "template"}


def _wanted_traffic(order: Order, current: "ServiceProto") -> "list[TrafficTarget]":
    """Where nothing takes traffic yet there is nothing that a candidate could be held beside."""
    if order.tag and any(split.percent for split in splits_from_proto(current)):
        return traffic_beside(order.revision, order.tag, current, order.superseded)
    return traffic_to(order.revision, current.traffic)


def in_words(splits: Iterable[Split]) -> str:
    return ", ".join(f"{s.revision} {s.percent}%" for s in splits if s.percent)


def fenced(proto: "ServiceProto", service: Service, fence: str) -> None:
    """Refuse where a later holder of our lease wrote before us (design section 7), else leave our number.

    Numbers of another scope are another journal's, or another environment's: they can not be compared with ours.
    """
    if not fence:
        return
    other = proto.annotations.get(FENCE, "")
    scope, _, number = fence.partition(":")
    theirs, _, later = other.partition(":")
    if theirs == scope and later.isdecimal() and int(later) > int(number):
        raise PlatformError(
            f"a later run took over {service.service}: {FENCE} is {other}, ours is {fence}",
            where=service.service,
            hint="loop status",
        )
    proto.annotations[FENCE] = fence
