"""Who may call a service: read from its IAM policy, changed only where the configuration says `access:`.

Every change is read-modify-write with the etag of that read; other members and roles stay. A token is made out to the
service's own audience: its first custom one, else its own address; never a tag's, never a load balancer's.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from loop.cloud.calls import call, delays, ignoring
from loop.cloud.credentials import Credentials
from loop.cloud.probes import Headers
from loop.cloud.wire import Wire
from loop.core.environment import Access, Service
from loop.errors import AccessDenied, Conflict, PlatformError, Wait

if TYPE_CHECKING:
    from google.cloud.run_v2.types import Service as ServiceProto

INVOKER = "roles/run.invoker"
EVERYONE = "allUsers"
CALL = "run.routes.invoke"
TOKEN_HEADER = "X-Serverless-Authorization"  # noqa: S105 (a header's name)
"""Cloud Run takes a token from here before it looks at Authorization, which stays the application's own."""
CONFLICTS_WITHIN = 60.0
"""Seconds in which a policy is set anew after others changed it."""
CONDITIONS = 3
"""Policy version that knows conditional bindings: asked for, so that they are not lost when it is written back."""


class Invokers:
    def __init__(self, wire: Wire, credentials: Credentials) -> None:
        self._wire = wire
        self._credentials = credentials

    def found(self, service: Service, wait: Wait = time.sleep) -> Access:
        """`public` where everyone may call it without a token, else `private`."""
        if self._read(service, wait).invoker_iam_disabled:
            return Access.PUBLIC
        return self.listed(service, wait)

    def listed(self, service: Service, wait: Wait = time.sleep) -> Access:
        """What its policy alone says, whether or not that is asked."""
        return Access.PUBLIC if _is_public(self._policy(service, wait)) else Access.PRIVATE

    def private(self, service: Service, wait: Wait = time.sleep) -> bool:
        """Whether calls need a token: as configured, else as its policy says.

        Where the policy may not be read it counts as public: a token is then not asked for, and a 403 is its answer.
        """
        if service.access is not Access.KEEP:
            return service.access is Access.PRIVATE
        return ignoring(AccessDenied, lambda: self.found(service, wait)) is Access.PRIVATE

    def token(self, service: Service, wait: Wait = time.sleep) -> str:
        """An ID token that the service accepts now."""
        return self._credentials.token(self._audience(service, wait), wait)

    def headers(self, service: Service, wait: Wait = time.sleep) -> Headers:
        """What a request to the service must carry, made anew for each request; nothing where it is public."""
        if not self.private(service, wait):
            return dict
        audience = self._audience(service, wait)

        def fresh() -> Mapping[str, str]:
            return {TOKEN_HEADER: f"Bearer {self._credentials.token(audience, wait)}"}

        return fresh

    def grant(self, service: Service, wait: Wait) -> bool:
        """Make the policy say what `access:` says; whether it had to be changed."""
        if service.access is Access.KEEP:
            return False
        until = time.monotonic() + CONFLICTS_WITHIN
        for delay in delays():
            policy = self._policy(service, wait)
            if _is_public(policy) is (service.access is Access.PUBLIC):
                return False
            try:
                self._set(service, _changed(policy, service.access), wait)
            except Conflict:
                if time.monotonic() + delay >= until:
                    raise
                wait(delay)
            else:
                return True
        raise AssertionError("delays never end")

    def check_call(self, service: Service, wait: Wait) -> None:
        """AccessDenied where we are not among those who may call it: then its 403 says nothing of the service."""
        from google.iam.v1.iam_policy_pb2 import TestIamPermissionsRequest

        name = self._name(service)
        request = TestIamPermissionsRequest(resource=name, permissions=[CALL])
        what = f"asking who may call {service.service}"
        answer = call(self._wire.services.test_iam_permissions, request, what=what, where=name, wait=wait)
        if CALL not in answer.permissions:
            raise AccessDenied(
                f"calling {service.service}: permission denied: {CALL} is missing",
                where=name,
                hint=f"gcloud run services add-iam-policy-binding {service.service} --member=CALLER --role={INVOKER} "
                f"--region={self._wire.target.region} --project={self._wire.target.project}, then: loop resume",
            )

    def _audience(self, service: Service, wait: Wait) -> str:
        custom = list(self._read(service, wait).custom_audiences)
        return str(custom[0]) if custom else self._wire.addresses.url(service.service)

    def _read(self, service: Service, wait: Wait) -> "ServiceProto":
        from google.cloud.run_v2.types import GetServiceRequest

        name = self._name(service)
        what = f"reading the service {service.service}"
        return call(self._wire.services.get_service, GetServiceRequest(name=name), what=what, where=name, wait=wait)

    def _policy(self, service: Service, wait: Wait) -> Any:
        from google.iam.v1.iam_policy_pb2 import GetIamPolicyRequest
        from google.iam.v1.options_pb2 import GetPolicyOptions

        name = self._name(service)
        options = GetPolicyOptions(requested_policy_version=CONDITIONS)
        request = GetIamPolicyRequest(resource=name, options=options)
        what = f"reading who may call {service.service}"
        return call(self._wire.services.get_iam_policy, request, what=what, where=name, wait=wait)

    def _set(self, service: Service, policy: Any, wait: Wait) -> None:
        from google.api_core.exceptions import FailedPrecondition
        from google.iam.v1.iam_policy_pb2 import SetIamPolicyRequest

        name = self._name(service)
        request = SetIamPolicyRequest(resource=name, policy=policy)
        what = f"making {service.service} {service.access}"
        try:
            call(self._wire.services.set_iam_policy, request, what=what, where=name, wait=wait)
        except PlatformError as error:
            if isinstance(error.__cause__, FailedPrecondition):
                raise _forbidden(error) from error
            raise

    def _name(self, service: Service) -> str:
        return f"projects/{self._wire.target.project}/locations/{self._wire.target.region}/services/{service.service}"


def _is_public(policy: Any) -> bool:
    return any(EVERYONE in b.members for b in policy.bindings if b.role == INVOKER and not b.HasField("condition"))


def _changed(policy: Any, access: Access) -> Any:
    """The policy with or without everyone among the invokers; all else as it was."""
    from google.iam.v1.policy_pb2 import Binding, Policy

    wanted = Policy()
    wanted.CopyFrom(policy)
    plain = [b for b in wanted.bindings if b.role == INVOKER and not b.HasField("condition")]
    if access is Access.PUBLIC:
        binding = plain[0] if plain else wanted.bindings.add(role=INVOKER)
        binding.members.append(EVERYONE)
        return wanted
    for binding in plain:
        binding.members[:] = [member for member in binding.members if member != EVERYONE]
    kept: list[Binding] = [binding for binding in wanted.bindings if binding.members]
    del wanted.bindings[:]
    wanted.bindings.extend(kept)
    return wanted


def _forbidden(error: PlatformError) -> AccessDenied:
    """Domain restricted sharing is how organisations forbid allUsers; the API answers FAILED_PRECONDITION."""
    return AccessDenied(
        f"{error.message}; an organisation policy may forbid it",
        where=error.where,
        hint="ask for an exception from constraints/iam.allowedPolicyMemberDomains, or set access: private or keep, "
        "then: loop resume",
    )
