"""Cloud Run services: observe, ask for a revision, wait for the one that was asked for.

Every update is read-modify-write with the etag of that read; traffic is always explicit and read back; what is waited
for is the revision that was made, never the latest ready one.
"""

import time
from typing import TYPE_CHECKING

from loop.cloud import settings
from loop.cloud.calls import call, delays, ignoring, poll
from loop.cloud.conversions import (
    failed_condition,
    has_settled,
    is_ready,
    json_from_proto,
    meant_revision,
    serving_from_proto,
    short,
    sole_revision,
    splits_from_proto,
    template_from,
    traffic_to,
)
from loop.cloud.logs import Logs
from loop.cloud.values import Created, Observed, Order, StartFailure
from loop.cloud.wire import Wire
from loop.core.environment import Service
from loop.core.model import Serving
from loop.core.names import LABEL_ITERATION, LABEL_RUN, same_work
from loop.errors import Conflict, Missing, OperationTimeout, PlatformError, Wait

if TYPE_CHECKING:
    from google.cloud.run_v2.types import Revision, RevisionTemplate
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


class Services:
    def __init__(self, wire: Wire, logs: Logs) -> None:
        self._wire = wire
        self._logs = logs

    def url(self, service: Service, tag: str = "") -> str:
        """Where the service answers, also before it exists; `url:` of the configuration wins."""
        if service.url and not tag:
            return service.url
        return self._wire.addresses.url(service.service, tag)

    def observe(self, service: Service, wait: Wait = time.sleep) -> Observed | None:
        """What serves now, and with which settings; None where the service does not exist."""
        found = self._settled(service, wait)
        if found is None:
            return None
        revision = self._sole(service, found, wait)
        return Observed(
            serving=serving_from_proto(found, revision, self._address(service, found)),
            settings=json_from_proto(revision) if revision else {},
            meant=meant_revision(found),
        )

    def serving(self, service: Service, wait: Wait = time.sleep) -> Serving:
        """What serves now; Missing where the service does not exist."""
        found = self._get(service, wait)
        return serving_from_proto(found, self._sole(service, found, wait), self._address(service, found))

    # asking for a revision

    def request(self, order: Order, wait: Wait) -> str:
        """Ask for the revision with all traffic. The operation's name, or "" where that revision exists as ours.

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
        _fence(service, order)
        request = CreateServiceRequest(parent=self._parent, service_id=order.service.service, service=service)
        made = call(
            self._wire.services.create_service,
            request,
            what=f"creating the service {order.service.service}",
            where=self._name(order.service),
            wait=wait,
        )
        return made.operation

    def _update(self, order: Order, current: "ServiceProto", wait: Wait) -> "Operation":
        from google.cloud.run_v2.types import UpdateServiceRequest

        current.template = self._template(order, current)
        current.traffic = traffic_to(order.revision, current.traffic)
        current.client, current.client_version = CLIENT, ""
        _fence(current, order)
        made = call(
            self._wire.services.update_service,
            UpdateServiceRequest(service=current),
            what=f"updating the service {order.service.service}",
            where=self._name(order.service),
            wait=wait,
        )
        return made.operation

    def _template(self, order: Order, current: "ServiceProto | None") -> "RevisionTemplate":
        wish = settings.wanted(order.service, order.env, order.image)
        wish["revision"] = order.revision
        wish["labels"] = dict(order.labels)
        dropped = settings.dropped(json_from_proto(current.template), wish) if current else set()
        return template_from(current.template if current else None, wish, dropped)

    # waiting for it

    def wait_for(
        self, operation: str, service: Service, revision: str, wait: Wait, within: float = START_WITHIN
    ) -> Created | StartFailure:
        """Wait until the revision is ready and takes the traffic, or is known to have failed."""
        until = time.monotonic() + within
        error = self._finished(operation, service, wait, until) if operation else None
        found = self._decided(service, revision, wait, max(0.0, until - time.monotonic()), error)
        reason = failed_condition(found)
        if reason:
            return StartFailure(reason=reason, log=self._logs.first_lines_of_failure(service.service, revision, wait))
        if error is not None:
            raise error
        return Created(serving=self._taking(service, revision, wait))

    def _finished(self, operation: str, service: Service, wait: Wait, until: float) -> PlatformError | None:
        """The error that the operation ended with. An operation that is no longer known counts as ended."""
        from loop.cloud.errors import from_status

        what = f"deploying {service.service}"
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

    def _taking(self, service: Service, revision: str, wait: Wait) -> Serving:
        """Read back: the update was observed, and the revision takes all traffic."""

        def look() -> Serving | None:
            found = self._settled(service, wait)
            if found is None or found.observed_generation != found.generation:
                return None
            if sole_revision(splits_from_proto(found)) != revision:
                return None
            return serving_from_proto(found, self._revision(service, revision, wait), self._address(service, found))

        serving = poll(look, wait=wait, within=SETTLE_WITHIN)
        if serving is None:
            shares = ", ".join(f"{s.revision} {s.percent}%" for s in self.serving(service, wait).traffic if s.percent)
            raise Conflict(
                f"{revision} is ready, but the traffic of {service.service} is: {shares or 'none'}",
                where=self._name(service),
                hint="see who else deploys it, then: loop resume",
            )
        return serving

    # reading

    def _settled(self, service: Service, wait: Wait) -> "ServiceProto | None":
        """The service once its last update was observed, or as it is when that takes too long; None without one."""
        found: ServiceProto | None = None

        def look() -> "ServiceProto | None":
            nonlocal found
            found = self._get(service, wait)
            return found if has_settled(found) else None

        ignoring(Missing, lambda: poll(look, wait=wait, within=SETTLE_WITHIN))
        return found

    def _sole(self, service: Service, found: "ServiceProto", wait: Wait) -> "Revision | None":
        revision = sole_revision(splits_from_proto(found))
        return ignoring(Missing, lambda: self._revision(service, revision, wait)) if revision else None

    def _address(self, service: Service, found: "ServiceProto") -> str:
        """The address that others were told, compared with those that the platform reads back."""
        url = self.url(service)
        known = {address.rstrip("/") for address in [*found.urls, found.uri] if address}
        if service.url or not known or url.rstrip("/") in known:
            return url
        raise PlatformError(
            f"{service.service} answers at {', '.join(sorted(known))}, not at {url}",
            where=self._name(service),
            hint=f"name the address in the configuration: services.{service.name}.url",
        )

    def _get(self, service: Service, wait: Wait) -> "ServiceProto":
        from google.cloud.run_v2.types import GetServiceRequest

        name = self._name(service)
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

    def _name(self, service: Service) -> str:
        return f"{self._parent}/services/{service.service}"

    def _revision_name(self, service: Service, revision: str) -> str:
        return f"{self._name(service)}/revisions/{revision}"


def _fence(service: "ServiceProto", order: Order) -> None:
    """Refuse where a holder with a higher number wrote before us (design section 7), else leave our number."""
    if not order.fence:
        return
    other = service.annotations.get(FENCE, "0")
    if other.isdigit() and int(other) > order.fence:
        raise PlatformError(
            f"another run took over {order.service.service}: {FENCE} is {other}, ours is {order.fence}",
            where=order.service.service,
            hint="loop status",
        )
    service.annotations[FENCE] = str(order.fence)
