"""Lists a service's revisions and removes those that are no longer needed, and their tags."""

import time
from typing import TYPE_CHECKING

from loop.cloud.calls import CALL_TIMEOUT, call, ignoring, patiently
from loop.cloud.conversions import instant, own_labels, short, splits_from_proto
from loop.cloud.services import START_WITHIN, Services
from loop.cloud.wire import Wire
from loop.core.environment import Service
from loop.core.names import LABEL_RUN
from loop.core.pruning import RevisionSeen
from loop.errors import Missing, Wait

if TYPE_CHECKING:
    from google.cloud.run_v2.types import Revision
    from google.cloud.run_v2.types import Service as ServiceProto


class Revisions:
    def __init__(self, wire: Wire, services: Services) -> None:
        self._wire = wire
        self._services = services

    def seen(self, service: Service, wait: Wait) -> tuple[RevisionSeen, ...]:
        """All of them; none where the service does not exist."""
        found = self._services.settled(service, wait)
        return tuple(_seen(each, found) for each in self._listed(service, wait)) if found else ()

    def delete(self, service: Service, revision: str, wait: Wait) -> None:
        """One that is gone already is no failure."""
        from google.cloud.run_v2.types import DeleteRevisionRequest

        name = f"{self._services.name(service)}/revisions/{revision}"
        what = f"deleting the revision {revision}"
        request = DeleteRevisionRequest(name=name)
        made = ignoring(
            Missing, lambda: call(self._wire.revisions.delete_revision, request, what=what, where=name, wait=wait)
        )
        if made is None:
            return
        error = self._services.finished(made.operation.name, what, wait, time.monotonic() + START_WITHIN)
        if error is not None and not isinstance(error, Missing):
            raise error

    def _listed(self, service: Service, wait: Wait) -> "list[Revision]":
        from google.cloud.run_v2.types import ListRevisionsRequest

        name = self._services.name(service)
        request = ListRevisionsRequest(parent=name, page_size=100)

        def attempt(left: float) -> "list[Revision]":
            timeout = min(left, CALL_TIMEOUT)
            return list(self._wire.revisions.list_revisions(request=request, retry=None, timeout=timeout))

        return patiently(attempt, what=f"listing the revisions of {service.service}", where=name, wait=wait)


def _seen(revision: "Revision", service: "ServiceProto") -> RevisionSeen:
    name, created = short(revision.name), instant(revision.create_time)
    assert created is not None, "Cloud Run stamps every revision"
    mine = [split for split in splits_from_proto(service) if split.revision == name]
    return RevisionSeen(
        name=name,
        created=created,
        run=own_labels(service, revision).get(LABEL_RUN, ""),
        serving=any(split.percent for split in mine),
        latest=short(service.latest_created_revision) == name,
        tags=tuple(split.tag for split in mine if split.tag),
    )
