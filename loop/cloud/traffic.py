"""Moves traffic between revisions that exist: promotion, restoration, and the tags that are no longer needed.

Only the split and our own annotation are sent (update mask), with the etag of the read they rest on: the template, and
whatever else somebody changed meanwhile, stays. Everything is read back.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from loop.cloud.calls import call, delays, poll
from loop.cloud.conversions import splits_from_proto, traffic_split
from loop.cloud.services import CONFLICTS_WITHIN, SETTLE_WITHIN, START_WITHIN, Services, fenced, in_words
from loop.cloud.values import Shift
from loop.cloud.wire import Wire
from loop.core.environment import Service
from loop.core.model import Serving
from loop.core.traffic import shares
from loop.errors import Conflict, Missing, Moved, Wait

if TYPE_CHECKING:
    from google.cloud.run_v2.types import Service as ServiceProto


class Traffic:
    def __init__(self, wire: Wire, services: Services) -> None:
        self._wire = wire
        self._services = services

    def move(self, shift: Shift, wait: Wait) -> Serving:
        """Give the traffic to `shift.to`; nothing is sent where it is there already.

        Conflict, and nothing changed, where the present split is neither of ours nor one that was expected.
        """
        service, to = shift.service, dict(shift.to)

        def change(found: "ServiceProto") -> bool:
            now = shares(splits_from_proto(found))
            if now == to:
                return False
            sole = next(iter(now)) if len(now) == 1 else ""
            if sole not in shift.ours and now != dict(shift.expected):
                raise Moved(
                    f"{service.service} serves {in_words(splits_from_proto(found)) or 'nothing'}, "
                    f"which {_whose(service, now)} decided",
                    where=self._services.name(service),
                    hint="see who deploys it; it was left alone",
                )
            found.traffic = traffic_split(to, found.traffic)
            return True

        gone = next((revision for revision in to if not self._services.has_revision(service, revision, wait)), "")
        if gone:
            raise Missing(
                f"{gone} is no longer there (pruned, or deleted): that split can not come back",
                where=self._services.name(service),
                hint="deploy again: loop run",
            )
        self._changed(service, change, shift.fence, f"moving the traffic of {service.service}", wait)
        return self._read_back(service, to, wait)

    def drop_tags(self, service: Service, tags: frozenset[str], fence: str, wait: Wait) -> None:
        """Take these tags away; revisions and split stay."""

        def change(found: "ServiceProto") -> bool:
            kept = [target for target in found.traffic if target.tag not in tags]
            if len(kept) == len(found.traffic):
                return False
            taking = [target for target in found.traffic if target.tag in tags and target.percent]
            for target in taking:
                target.tag = ""
            found.traffic = [*kept, *taking]
            return True

        self._changed(service, change, fence, f"removing tags of {service.service}", wait)

    def _changed(
        self, service: Service, change: "Callable[[ServiceProto], bool]", fence: str, what: str, wait: Wait
    ) -> None:
        """Read, change, send, wait; anew where somebody else changed the service between the first and the third."""
        until = time.monotonic() + CONFLICTS_WITHIN
        for delay in delays():
            found = self._services.settled(service, wait)
            if found is None:
                raise Missing(f"{service.service} does not exist", where=self._services.name(service))
            if not change(found):
                return
            fenced(found, service, fence)
            try:
                operation = self._sent(found, service, what, wait)
            except Moved:
                raise
            except Conflict:
                if time.monotonic() + delay >= until:
                    raise
                wait(delay)
                continue
            error = self._services.finished(operation, service, wait, time.monotonic() + START_WITHIN)
            if error is not None:
                raise error
            return

    def _sent(self, found: "ServiceProto", service: Service, what: str, wait: Wait) -> str:
        from google.cloud.run_v2.types import UpdateServiceRequest
        from google.protobuf.field_mask_pb2 import FieldMask

        request = UpdateServiceRequest(service=found, update_mask=FieldMask(paths=["traffic", "annotations"]))
        where = self._services.name(service)
        return str(call(self._wire.services.update_service, request, what=what, where=where, wait=wait).operation.name)

    def _read_back(self, service: Service, to: Mapping[str, int], wait: Wait) -> Serving:
        def look() -> Serving | None:
            serving = self._services.serving(service, wait)
            return serving if shares(serving.traffic) == to else None

        serving = poll(look, wait=wait, within=SETTLE_WITHIN)
        if serving is None:
            now = in_words(self._services.serving(service, wait).traffic)
            raise Conflict(
                f"the traffic of {service.service} was to be {dict(to)} and is: {now or 'none'}",
                where=self._services.name(service),
                hint="see who else deploys it, then: loop resume",
            )
        return serving


def _whose(service: Service, split: Mapping[str, int]) -> str:
    """Another run of loop is told by the names that it gives."""
    name = re.compile(rf"{re.escape(service.service)}-l([a-z2-7]{{6}})-\d+")
    runs = {found[1] for revision in split if (found := name.fullmatch(revision))}
    return f"another run of loop ({', '.join(sorted(runs))})" if runs else "somebody else"
