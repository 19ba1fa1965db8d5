"""google.cloud.run.v2 Services and Revisions: what is accepted and refused. How it comes true is in `rollout`."""

import random
import uuid
from typing import Any

import grpc
from google.longrunning import operations_pb2 as lro

from loop.emulator import desired
from loop.emulator.desired import RECONCILING, CommonReason, Revision, Service, condition
from loop.emulator.names import ServiceName, check_location, new_service_name, service_name, service_of
from loop.emulator.operations import Operations
from loop.emulator.paging import page
from loop.emulator.ports import key_of
from loop.emulator.protos import run as types
from loop.emulator.retention import Retention
from loop.emulator.rollout import Rollout, Rollouts
from loop.emulator.store import Kind, Store
from loop.emulator.wire import Method, Refused, not_found, precondition, shape

LETTERS = "bcdfghjklmnpqrstvwxz"
ListServicesResponse = shape(types.ListServicesResponse)
ListRevisionsResponse = shape(types.ListRevisionsResponse)


class Services:
    def __init__(self, store: Store, operations: Operations, rollouts: Rollouts, retention: Retention) -> None:
        self._store = store
        self._operations = operations
        self._rollouts = rollouts
        self._retention = retention

    def methods(self) -> list[Method]:
        services, revisions = "google.cloud.run.v2.Services", "google.cloud.run.v2.Revisions"
        return [
            Method(f"{services}/CreateService", shape(types.CreateServiceRequest), self._create),
            Method(f"{services}/GetService", shape(types.GetServiceRequest), self._get),
            Method(f"{services}/ListServices", shape(types.ListServicesRequest), self._list),
            Method(f"{services}/UpdateService", shape(types.UpdateServiceRequest), self._update),
            Method(f"{services}/DeleteService", shape(types.DeleteServiceRequest), self._delete),
            Method(f"{revisions}/GetRevision", shape(types.GetRevisionRequest), self._get_revision),
            Method(f"{revisions}/ListRevisions", shape(types.ListRevisionsRequest), self._list_revisions),
            Method(f"{revisions}/DeleteRevision", shape(types.DeleteRevisionRequest), self._delete_revision),
        ]

    def go_on(self, operation: lro.Operation) -> None:
        """Finish what was under way when the emulator ended: its metadata is the service as it was accepted."""
        accepted = Service()
        if not operation.metadata.Unpack(accepted):
            return
        if accepted.HasField("delete_time"):
            self._rollouts.begin_deletion(operation.name, accepted.name)
            return
        made = accepted.latest_created_revision
        revision = self._store.get(Kind.REVISION, made, Revision) if made else None
        pending = made if revision is not None and revision.reconciling else ""
        self._rollouts.begin(
            Rollout(operation=operation.name, service=accepted.name, generation=accepted.generation, revision=pending)
        )

    def _create(self, request: Any) -> lro.Operation:
        name = new_service_name(request.parent, request.service_id)
        return self._accept_new(name, request.service, request.validate_only)

    def _accept_new(self, name: ServiceName, wanted: Any, validate_only: bool) -> lro.Operation:
        with self._store.change():
            if self._store.get(Kind.SERVICE, name.full, Service) is not None:
                raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"Resource '{name.service}' already exists.")
            service = desired.asked(wanted)
            desired.check(_with_traffic(service), name)
            desired.fill_defaults(service)
            service.name, service.uid, service.generation = name.full, str(uuid.uuid4()), 1
            service.create_time.GetCurrentTime()
            self._check_new_revision(service, name)
            return self._accept(service, name, validate_only=validate_only, new_revision=True)

    def _update(self, request: Any) -> lro.Operation:
        name = service_name(request.service.name)
        with self._store.change():
            current = self._store.get(Kind.SERVICE, name.full, Service)
            if current is None:
                if request.allow_missing:
                    new_service_name(name.location, name.service)
                    return self._accept_new(name, request.service, request.validate_only)
                raise _no_service(name.full)
            _check_etag(request.service.etag, current.etag)
            service = desired.merged(current, request.service, request.update_mask)
            desired.check(_with_traffic(service), name)
            desired.fill_defaults(service)
            new = self._needs_revision(current, service, request.update_mask, name)
            if desired.asked(service) != desired.asked(current):
                service.generation += 1
            return self._accept(service, name, validate_only=request.validate_only, new_revision=new)

    def _needs_revision(self, current: Any, service: Any, mask: Any, name: ServiceName) -> bool:
        named = service.template.revision
        if not desired.covers_template(mask):
            return False
        if named:
            self._check_new_revision(service, name)
            return True
        return not desired.same_template(current.template, service.template)

    def _check_new_revision(self, service: Any, name: ServiceName) -> None:
        """Source: googleapis/python-run#123 and google-cloud-python#14259: an echoed name answers 409."""
        short = service.template.revision
        if short and self._store.get(Kind.REVISION, name.revision(short), Revision) is not None:
            raise Refused(
                grpc.StatusCode.ALREADY_EXISTS, f"Revision named '{short}' with different configuration already exists."
            )

    def _accept(self, service: Any, name: ServiceName, *, validate_only: bool, new_revision: bool) -> lro.Operation:
        operation = f"{name.location}/operations/{uuid.uuid4()}"
        service.etag = f'"{uuid.uuid4().hex}"'
        service.update_time.GetCurrentTime()
        if validate_only:
            done = lro.Operation(name=operation, done=True)
            done.metadata.Pack(service)
            done.response.Pack(service)
            return done
        service.reconciling = True
        service.terminal_condition.CopyFrom(condition("Ready", RECONCILING, reason=CommonReason.WAITING_FOR_OPERATION))
        service.uri = self._rollouts.url(key_of(name))
        service.urls[:] = [service.uri]
        self._retention.tidy_tags(service)
        made = self._make_revision(service, name) if new_revision else ""
        self._store.put(Kind.SERVICE, service.name, service)
        opened = self._operations.open(operation, service)
        self._rollouts.begin(
            Rollout(operation=operation, service=service.name, generation=service.generation, revision=made)
        )
        return opened

    def _make_revision(self, service: Any, name: ServiceName) -> str:
        short = service.template.revision or self._fresh_name(service, name)
        full = name.revision(short)
        revision = desired.revision_from(service, full)
        revision.uid, revision.etag, revision.reconciling = str(uuid.uuid4()), f'"{uuid.uuid4().hex}"', True
        revision.create_time.GetCurrentTime()
        revision.update_time.CopyFrom(revision.create_time)
        revision.launch_stage = service.launch_stage
        revision.log_uri = _log_uri(name, short)
        revision.conditions.append(condition("Ready", RECONCILING))
        service.latest_created_revision = full
        self._store.put(Kind.REVISION, full, revision)
        self._retention.delete_old_revisions(service)
        return full

    def _fresh_name(self, service: Any, name: ServiceName) -> str:
        while True:
            short = f"{name.service}-{service.generation:05d}-{''.join(random.choices(LETTERS, k=3))}"  # noqa: S311 (not a secret)
            if self._store.get(Kind.REVISION, name.revision(short), Revision) is None:
                return short

    def _get(self, request: Any) -> Any:
        return self._service(request.name)

    def _service(self, name: str) -> Any:
        service = self._store.get(Kind.SERVICE, service_name(name).full, Service)
        if service is None:
            raise _no_service(name)
        return service

    def _list(self, request: Any) -> Any:
        check_location(request.parent)
        found = self._store.every(Kind.SERVICE, Service, f"{request.parent}/services/")
        shown, more = page(found, request)
        return ListServicesResponse(services=shown, next_page_token=more)

    def _delete(self, request: Any) -> lro.Operation:
        with self._store.change():
            service = self._service(request.name)
            _check_etag(request.etag, service.etag)
            service.delete_time.GetCurrentTime()
            operation = f"{service_name(service.name).location}/operations/{uuid.uuid4()}"
            if request.validate_only:
                return lro.Operation(name=operation, done=True)
            service.reconciling = True
            self._retention.forget_tags(service.name)
            opened = self._operations.open(operation, service)
        self._rollouts.begin_deletion(operation, service.name)
        return opened

    def _get_revision(self, request: Any) -> Any:
        service_of(request.name)
        revision = self._store.get(Kind.REVISION, request.name, Revision)
        if revision is None:
            raise not_found(f"Revision '{request.name.rpartition('/')[2]}' was not found.")
        return revision

    def _list_revisions(self, request: Any) -> Any:
        """Newest first; the service `-` stands for every service of the location (ListRevisionsRequest.parent)."""
        name = service_name(request.parent)
        parent = f"{name.location}/services/" if name.service == "-" else f"{name.full}/"
        found = self._store.every(Kind.REVISION, Revision, parent)[::-1]
        shown, more = page(found, request)
        return ListRevisionsResponse(revisions=shown, next_page_token=more)

    def _delete_revision(self, request: Any) -> lro.Operation:
        with self._store.change():
            revision = self._get_revision(request)
            _check_etag(request.etag, revision.etag)
            service = self._service(service_of(revision.name).full)
            short = revision.name.rpartition("/")[2]
            if any(status.revision == short for status in service.traffic_statuses):
                raise precondition(f"Revision '{short}' has traffic or a tag.")
            if service.latest_created_revision == revision.name:
                raise precondition(f"Revision '{short}' is the latest of its service.")
            operation = f"{service_name(service.name).location}/operations/{uuid.uuid4()}"
            if request.validate_only:
                return lro.Operation(name=operation, done=True)
            revision.delete_time.GetCurrentTime()
            self._store.delete(Kind.REVISION, revision.name)
            self._operations.open(operation, revision)
            return self._operations.finish(operation, revision)


def _with_traffic(service: Any) -> Any:
    """For the checks only: traffic that is left out means all of it to the latest revision."""
    if service.traffic:
        return service
    copy = Service()
    copy.CopyFrom(service)
    copy.traffic.add(type_=desired.LATEST, percent=100)
    return copy


def _check_etag(given: str, current: str) -> None:
    if given and given != current:
        raise Refused(
            grpc.StatusCode.ABORTED, f"Conflict for resource: version {given} was given, but the current is {current}."
        )


def _no_service(name: str) -> Refused:
    return not_found(f"Resource '{name.rpartition('/')[2]}' of kind 'SERVICE' does not exist.")


def _log_uri(name: ServiceName, revision: str) -> str:
    filters = f"resource.labels.service_name%3D%22{name.service}%22%0Aresource.labels.revision_name%3D%22{revision}%22"
    return f"https://console.cloud.google.com/logs/viewer?project={name.project}&advancedFilter={filters}"
