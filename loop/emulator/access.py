"""IAM policies of services, and what they mean for the router: who is let in with which token.

Field rules are those of the comments in google/iam/v1/policy.proto and iam_policy.proto.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any

import grpc
from google.iam.v1 import iam_policy_pb2, policy_pb2

from loop.emulator.desired import Service
from loop.emulator.names import service_name
from loop.emulator.store import Kind, Store
from loop.emulator.wire import Method, Refused, invalid, not_found

INVOKER = "roles/run.invoker"
EVERYONE = "allUsers"
MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|(deleted:)?(user|serviceAccount|group|domain|principal|principalSet|project\w+):\S+"
)
ROLE = re.compile(r"(?:(?:projects|organizations)/[^/\s]+/)?roles/\S+")


class Policies:
    def __init__(self, store: Store, changed: Callable[[str], None]) -> None:
        """`changed` takes the full name of a service whose policy is another now."""
        self._store = store
        self._changed = changed

    def methods(self) -> list[Method]:
        services = "google.cloud.run.v2.Services"
        return [
            Method(f"{services}/GetIamPolicy", iam_policy_pb2.GetIamPolicyRequest, self._get),
            Method(f"{services}/SetIamPolicy", iam_policy_pb2.SetIamPolicyRequest, self._set),
            Method(f"{services}/TestIamPermissions", iam_policy_pb2.TestIamPermissionsRequest, self._test),
        ]

    def _get(self, request: Any) -> Any:
        _exists(self._store, request.resource)
        return policy_of(self._store, request.resource)

    def _set(self, request: Any) -> Any:
        wanted = policy_pb2.Policy()
        wanted.CopyFrom(request.policy)
        _check(wanted)
        with self._store.change():
            _exists(self._store, request.resource)
            current = policy_of(self._store, request.resource)
            if wanted.etag and wanted.etag != current.etag:
                raise Refused(grpc.StatusCode.ABORTED, "There were concurrent policy changes. Read, modify and retry.")
            wanted.etag = uuid.uuid4().bytes
            self._store.put(Kind.POLICY, request.resource, wanted)
            self._changed(request.resource)
        return wanted

    def _test(self, request: Any) -> Any:
        """The one account that there is may do everything."""
        _exists(self._store, request.resource)
        if any("*" in permission for permission in request.permissions):
            raise invalid("permissions: wildcards are not allowed.")
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=request.permissions)


def policy_of(store: Store, service: str) -> Any:
    """That of a service whose policy nobody set lets everyone in, which is not Google's way (docs/emulator.md)."""
    found = store.get(Kind.POLICY, service, policy_pb2.Policy)
    if found is not None:
        return found
    return policy_pb2.Policy(version=1, etag=b"open", bindings=[policy_pb2.Binding(role=INVOKER, members=[EVERYONE])])


def audiences(store: Store, service: Any) -> frozenset[str] | None:
    """What a token must be made out to: the service's addresses (no tag's) or its own audiences; None: none is asked
    for."""
    bindings = policy_of(store, service.name).bindings
    if service.invoker_iam_disabled or any(EVERYONE in b.members for b in bindings if b.role == INVOKER):
        return None
    return frozenset({service.uri, *service.urls, *service.custom_audiences} - {""})


def _exists(store: Store, resource: str) -> None:
    if store.get(Kind.SERVICE, service_name(resource).full, Service) is None:
        raise not_found(f"Resource '{resource.rpartition('/')[2]}' of kind 'SERVICE' does not exist.")


def _check(policy: Any) -> None:
    for binding in policy.bindings:
        if not ROLE.fullmatch(binding.role):
            raise invalid(f"Role {binding.role} is not supported for this resource.")
        for member in binding.members:
            if not MEMBER.fullmatch(member):
                raise invalid(f"The member {member} is of an unknown type.")
