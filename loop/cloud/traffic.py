"""Moves traffic between revisions that exist: promotion, restoration, and the tags that are no longer needed.

Only the split, our own annotations and those of the service's own settings that change with it are sent (update mask),
with the etag of the read they rest on: the template, and whatever else somebody changed meanwhile, stays. The split is
read back.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from loop.cloud import standing
from loop.cloud.access import Invokers
from loop.cloud.calls import call, delays, poll
from loop.cloud.conversions import short, splits_from_proto, traffic_split
from loop.cloud.services import CONFLICTS_WITHIN, SETTLE_WITHIN, START_WITHIN, Services, fenced, in_words
from loop.cloud.values import Shift, Shifted
from loop.cloud.wire import Wire
from loop.core.environment import Access, Service
from loop.core.model import Serving, Split
from loop.core.traffic import shares
from loop.errors import Conflict, Missing, Moved, PlatformError, Wait

if TYPE_CHECKING:
    from google.cloud.run_v2.types import Service as ServiceProto


class Traffic:
    def __init__(self, wire: Wire, services: Services, invokers: Invokers) -> None:
        self._wire = wire
        self._services = services
        self._invokers = invokers

    def in_place(self, shift: Shift, wait: Wait) -> bool:
        """Reads only; Missing where the service does not exist."""
        found = self._services.settled(shift.service, wait)
        if found is None:
            raise self._absent(shift.service)
        return _in_place(found, shift)

    def move(self, shift: Shift, wait: Wait) -> Shifted:
        """Give the traffic to `shift.to`, and the service's own settings with it; nothing is sent where all is so.

        Conflict, and nothing changed, where the present split is neither of ours nor one that was expected.
        """
        service, to = shift.service, dict(shift.to)
        settings: tuple[str, ...] = ()
        kept: tuple[str, ...] = ()
        access = _Access(self._invokers, shift, wait)

        def change(found: "ServiceProto") -> Sequence[str]:
            nonlocal settings, kept
            now = shares(splits_from_proto(found))
            if now != to and _sole(now) not in shift.ours and now != dict(shift.expected):
                raise Moved(
                    f"{service.service} serves {in_words(splits_from_proto(found)) or 'nothing'}, {_whose(shift, now)}",
                    where=self._services.name(service),
                    hint="see who deploys it; it was left alone",
                )
            before = type(found)(found)
            settings, kept = _own_settings(found, shift)
            paths = standing.paths_changed(before, found)
            if _in_place(before, shift) and not paths:
                return ()
            found.traffic = traffic_split(to, found.traffic)
            return ("traffic", *paths)

        gone = next((revision for revision in to if not self._services.has_revision(service, revision, wait)), "")
        if gone:
            raise Missing(
                f"{gone} is no longer there (pruned, or deleted): that split can not come back; "
                f"{service.service} serves {in_words(self._services.serving(service, wait).traffic) or 'nothing'}",
                where=self._services.name(service),
                hint="deploy again: loop run",
            )
        what = f"moving the traffic of {service.service}"
        error = self._changed(service, change, shift.fence, what, wait, first=access.before)
        # another revision, which takes no traffic and does not start, may be what the operation complains of
        if error is not None and not self.in_place(shift, wait):
            raise error
        serving = self._read_back(service, to, wait)
        access.after()
        return Shifted(serving=serving, settings=(*settings, *access.said), kept=kept)

    def drop_tags(self, service: Service, tags: frozenset[str], fence: str, wait: Wait) -> None:
        """Take these tags away; revisions and split stay."""

        def change(found: "ServiceProto") -> Sequence[str]:
            kept = [target for target in found.traffic if target.tag not in tags]
            if len(kept) == len(found.traffic):
                return ()
            taking = [target for target in found.traffic if target.tag in tags and target.percent]
            for target in taking:
                target.tag = ""
            found.traffic = [*kept, *taking]
            return ("traffic",)

        error = self._changed(service, change, fence, f"removing tags of {service.service}", wait)
        if error is not None:
            raise error

    def _changed(
        self, service: Service, change: "Callable[[ServiceProto], Sequence[str]]", fence: str, what: str, wait: Wait,
        *, first: Callable[[], None] = lambda: None,
    ) -> PlatformError | None:  # fmt: skip
        """Read, change, send, wait; anew where somebody else changed the service between the first and the third.

        `change` answers with the paths that it changed; `first` is done before they are sent, or where there are none.
        The error that the operation ended with.
        """
        until = time.monotonic() + CONFLICTS_WITHIN
        for delay in delays():
            found = self._services.settled(service, wait)
            if found is None:
                raise self._absent(service)
            paths = change(found)
            fenced(found, service, fence)
            first()
            if not paths:
                return None
            try:
                operation = self._sent(found, paths, service, what, wait)
            except Moved:
                raise
            except Conflict:
                if time.monotonic() + delay >= until:
                    raise
                wait(delay)
                continue
            return self._services.finished(operation, what, wait, time.monotonic() + START_WITHIN)
        raise AssertionError("delays never end")

    def _absent(self, service: Service) -> Missing:
        return Missing(f"{service.service} does not exist", where=self._services.name(service))

    def _sent(self, found: "ServiceProto", paths: Sequence[str], service: Service, what: str, wait: Wait) -> str:
        from google.cloud.run_v2.types import UpdateServiceRequest
        from google.protobuf.field_mask_pb2 import FieldMask

        mask = FieldMask(paths=dict.fromkeys([*paths, "annotations"]))
        request = UpdateServiceRequest(service=found, update_mask=mask)
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


class _Access:
    """Who may call the service: no longer everyone before the traffic comes, everyone once it is there."""

    def __init__(self, invokers: Invokers, shift: Shift, wait: Wait) -> None:
        self._invokers = invokers
        self._service = replace(shift.service, access=standing.access_of(shift))
        self._wait = wait
        self.said: tuple[str, ...] = ()

    def before(self) -> None:
        if self._service.access is Access.PRIVATE:
            self._grant(Access.PUBLIC)

    def after(self) -> None:
        if self._service.access is Access.PUBLIC:
            self._grant(Access.PRIVATE)

    def _grant(self, was: Access) -> None:
        if self._invokers.grant(self._service, self._wait):
            self.said = (f"access: {was} -> {self._service.access}",)


def _own_settings(found: "ServiceProto", shift: Shift) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences on what changes, and on what stays because it is somebody else's."""
    if shift.apply:
        return standing.apply(found, shift.service), ()
    if shift.back is not None:
        return standing.put_back(found, shift.back, shift.definitions)
    return (), ()


def _in_place(found: "ServiceProto", shift: Shift) -> bool:
    """It serves so, and is not asked for a revision of ours that does not start: that one blocks every later update."""
    wanted = _sole(_asked(found))
    waiting = wanted in shift.ours and wanted not in shift.to
    return shares(splits_from_proto(found)) == dict(shift.to) and not waiting


def _asked(found: "ServiceProto") -> dict[str, int]:
    """The split that the specification asks for by name; what follows the latest revision is left aside."""
    named = [entry for entry in found.traffic if entry.percent]
    return shares(Split(revision=short(entry.revision), percent=entry.percent) for entry in named)


def _sole(split: Mapping[str, int]) -> str:
    return next(iter(split)) if len(split) == 1 else ""


def _whose(shift: Shift, split: Mapping[str, int]) -> str:
    """Names tell who made a revision; who gave it the traffic, nothing tells."""
    name = re.compile(rf"{re.escape(shift.service.service)}-l([a-z2-7]{{6}})-\d+")
    others = {found[1] for revision in set(split) - shift.ours if (found := name.fullmatch(revision))}
    makers = [f"run {uid} of loop" for uid in sorted(others)]
    makers += ["this run"] if set(split) & shift.ours else []
    if not makers:
        return "which somebody else decided"
    return f"made by {' and '.join(makers)}; who gave the traffic there is not known"
