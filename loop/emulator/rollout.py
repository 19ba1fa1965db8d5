"""Reconciliation: brings a service to what it asks for, one change of a service at a time, services side by side.

If a new revision does not start, the traffic stays as it was: only a rollout that succeeded touches the routes.
"""

import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import grpc

from loop.emulator.access import audiences
from loop.emulator.desired import (
    FAILED,
    SUCCEEDED,
    CommonReason,
    Revision,
    RevisionReason,
    Service,
    condition,
    statuses,
)
from loop.emulator.failures import Failure, StartFailed
from loop.emulator.instances import Instances
from loop.emulator.names import service_name
from loop.emulator.operations import Operations
from loop.emulator.ports import Reservations, key_of, url_of
from loop.emulator.router import Router, Target, route_of
from loop.emulator.store import Kind, Store

CODES = {
    Failure.IMAGE: grpc.StatusCode.NOT_FOUND,
    Failure.SECRETS: grpc.StatusCode.INTERNAL,
    Failure.CONTAINER: grpc.StatusCode.FAILED_PRECONDITION,
    Failure.TARGET: grpc.StatusCode.INTERNAL,
}
"""As others' trackers report them; docs/emulator.md names which."""
REASONS = {
    Failure.IMAGE: CommonReason.CONTAINER_MISSING,
    Failure.SECRETS: CommonReason.SECRETS_ACCESS_CHECK_FAILED,
    Failure.CONTAINER: RevisionReason.HEALTH_CHECK_CONTAINER_ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One accepted change of a service; `revision` is the full name of the one it made, or empty."""

    operation: str
    service: str
    generation: int
    revision: str


class Rollouts:
    def __init__(
        self, store: Store, operations: Operations, instances: Instances, router: Router, ports: Reservations
    ) -> None:
        self._store = store
        self._operations = operations
        self._instances = instances
        self._router = router
        self._ports = ports
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def begin(self, rollout: Rollout) -> None:
        self._operations.background(rollout.operation, lambda: self._run(rollout))

    def begin_deletion(self, operation: str, service: str) -> None:
        self._operations.background(operation, lambda: self._delete(operation, service))

    def url(self, key: str) -> str:
        """The address of a service or a tag, reserved here if it is not yet."""
        port, listening = self._ports.reserve(key)
        if listening is not None:
            self._router.listen(key, listening)
        return url_of(port)

    def restore(self) -> None:
        """Routes of every service as they were; no process is started before it is asked for."""
        for service in self._store.every(Kind.SERVICE, Service):
            self._route(service)

    def reroute(self, name: str) -> None:
        """Within a change: let the router know who may call the service now."""
        service = self._store.get(Kind.SERVICE, name, Service)
        if service is not None:
            self._router.admit(name, audiences(self._store, service))

    def _run(self, rollout: Rollout) -> None:
        with self._turns[rollout.service]:
            asked = Service()  # as this change left it: a later one may have been accepted, and has its own turn
            self._operations.read(rollout.operation).metadata.Unpack(asked)
            if self._store.get(Kind.SERVICE, rollout.service, Service) is None:
                self._operations.fail(rollout.operation, grpc.StatusCode.ABORTED, "The service was deleted.", asked)
                return
            try:
                if rollout.revision:
                    self._start(rollout.revision)
                self._check_targets(asked)
            except StartFailed as failed:
                self._fail(rollout, failed)
                return
            self._succeed(rollout, asked)

    def _start(self, name: str) -> None:
        revision = self._store.get(Kind.REVISION, name, Revision)
        if revision is None:
            raise StartFailed(Failure.CONTAINER, f"Revision '{name.rpartition('/')[2]}' was deleted.")
        try:
            self._instances.ensure(revision)
        except StartFailed as failed:
            self._instances.say(name, failed.message, "ERROR")
            message = f"{failed.message} Logs of this revision may say more: {revision.log_uri}"
            self._judge(revision, FAILED, message, REASONS[failed.failure])
            short = name.rpartition("/")[2]
            raise StartFailed(
                failed.failure, f"Revision '{short}' is not ready and cannot serve traffic. {message}"
            ) from failed
        self._judge(revision, SUCCEEDED, "", None)

    def _judge(self, revision: Any, state: int, message: str, reason: Any) -> None:
        del revision.conditions[:]
        for kind in ("Ready", "Active", "ContainerHealthy", "ContainerReady", "ResourcesAvailable"):
            # The image is there and only the container is sick, or the other way round.
            missing = reason in (CommonReason.CONTAINER_MISSING, CommonReason.SECRETS_ACCESS_CHECK_FAILED)
            concerned = kind == "Ready" or kind == ("ContainerReady" if missing else "ContainerHealthy")
            if state == SUCCEEDED or not concerned:
                revision.conditions.append(condition(kind, SUCCEEDED))
            else:
                revision.conditions.append(condition(kind, state, message, reason))
        revision.reconciling = False
        revision.observed_generation = revision.generation
        revision.update_time.GetCurrentTime()
        self._store.put(Kind.REVISION, revision.name, revision)

    def _check_targets(self, service: Any) -> None:
        latest = service.latest_created_revision.rpartition("/")[2]
        for target in service.traffic:
            short = target.revision or latest
            revision = self._store.get(Kind.REVISION, f"{service.name}/revisions/{short}", Revision)
            if revision is None:
                raise StartFailed(Failure.TARGET, f"Revision '{short}', which traffic names, does not exist.")
            if not _ready(revision):
                raise StartFailed(Failure.CONTAINER, f"Revision '{short}' is not ready and cannot serve traffic.")

    def _succeed(self, rollout: Rollout, asked: Any) -> None:
        addresses = {tag: self.url(key_of(service_name(asked.name), tag)) for tag in ("", *_tags(asked.traffic))}
        with self._store.change():
            service = self._store.get(Kind.SERVICE, rollout.service, Service) or asked
            if rollout.revision:
                service.latest_ready_revision = rollout.revision
            del service.traffic_statuses[:]
            for status in statuses(asked, service.latest_ready_revision.rpartition("/")[2]):
                status.uri = addresses[status.tag] if status.tag else ""
                service.traffic_statuses.append(status)
            service.uri = addresses[""]
            service.urls[:] = [addresses[""]]
            service.observed_generation = rollout.generation
            _judge_service(service, SUCCEEDED, "", rollout.generation)
            self._store.put(Kind.SERVICE, service.name, service)
            # Before the operation is done, so that whoever waits for it meets the new routes.
            self._route(service)
            self._operations.finish(rollout.operation, service)

    def _fail(self, rollout: Rollout, failed: StartFailed) -> None:
        with self._store.change():
            service = self._store.get(Kind.SERVICE, rollout.service, Service)
            if service is None:
                service = Service(name=rollout.service)
            else:
                _judge_service(service, FAILED, failed.message, rollout.generation)
                self._store.put(Kind.SERVICE, service.name, service)
                self._route(service)
            self._operations.fail(rollout.operation, CODES[failed.failure], failed.message, service)

    def _route(self, service: Any) -> None:
        """Give the router what `traffic_statuses` says; stop what nobody can reach any more."""
        name = service_name(service.name)
        latest = service.latest_ready_revision.rpartition("/")[2]
        tagged = {status.tag: status.revision or latest for status in service.traffic_statuses if status.tag}
        split = tuple(
            Target(revision=name.revision(status.revision or latest), percent=status.percent)
            for status in service.traffic_statuses
            if status.percent
        )
        asked = audiences(self._store, service)
        self._router.route(key_of(name), route_of(service, split, asked))
        for tag, short in tagged.items():
            whole = (Target(revision=name.revision(short), percent=100),)
            self._router.route(key_of(name, tag), route_of(service, whole, asked))
        self._drop_tags(service, set(tagged))
        reachable = {target.revision for target in split} | {name.revision(short) for short in tagged.values()}
        named = reachable | {name.revision(status.revision or latest) for status in service.traffic_statuses}
        for revision in self._store.every(Kind.REVISION, Revision, f"{service.name}/"):
            shared = any(target.revision == revision.name for target in split)
            if _has_minimum(service, revision, shared=shared) and revision.name in named:
                self._instances.keep(revision)
            elif revision.name in reachable:
                self._instances.release(revision.name)
            else:
                self._instances.stop(revision.name)

    def _drop_tags(self, service: Any, kept: set[str]) -> None:
        for key in self._ports.every():
            whole, _, tag = key.partition("#")
            if whole == service.name and tag and tag not in kept:
                self._router.route(key, None)

    def _delete(self, operation: str, name: str) -> None:
        with self._turns[name]:
            for key in self._ports.every():
                if key.partition("#")[0] == name:
                    self._router.route(key, None)
            with self._store.change():
                service = self._store.get(Kind.SERVICE, name, Service) or Service(name=name)
                for revision in self._store.every(Kind.REVISION, Revision, f"{name}/"):
                    self._instances.stop(revision.name)
                    self._store.delete(Kind.REVISION, revision.name)
                self._store.delete(Kind.SERVICE, name)
                self._store.delete(Kind.POLICY, name)
                service.reconciling = False
                service.delete_time.GetCurrentTime()
                self._operations.finish(operation, service)


def _has_minimum(service: Any, revision: Any, *, shared: bool) -> bool:
    """A revision's own minimum counts wherever traffic or a tag names it, the service's where traffic goes.

    Source: Run's page on minimum instances.
    """
    return bool(revision.scaling.min_instance_count or (shared and service.scaling.min_instance_count))


def _ready(revision: Any) -> bool:
    return any(each.type_ == "Ready" and each.state == SUCCEEDED for each in revision.conditions)


def _tags(traffic: Any) -> list[str]:
    return [target.tag for target in traffic if target.tag]


def _judge_service(service: Any, state: int, message: str, generation: int) -> None:
    """Its conditions, unless a later change is under way: then its own rollout will say."""
    if service.generation != generation:
        return
    reason = CommonReason.REVISION_FAILED if state == FAILED else None
    service.reconciling = False
    service.terminal_condition.CopyFrom(condition("Ready", state, message, reason))
    del service.conditions[:]
    for kind in ("RoutesReady", "ConfigurationsReady"):
        service.conditions.append(condition(kind, state, message, reason))
