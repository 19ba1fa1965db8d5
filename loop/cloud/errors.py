"""The one table from Google's errors to ours: what failed, on which object, and what to do next.

Branches on exception classes and on machine-readable details (google.rpc.ErrorInfo, RetryInfo), never on message text.
No exception of Google's libraries leaves this package.
"""

from google.api_core import exceptions as api
from google.auth import exceptions as auth

from loop.errors import (
    AccessDenied,
    BuildRejected,
    Conflict,
    Missing,
    OperationTimeout,
    PlatformError,
    QuotaExceeded,
    Unavailable,
)

GoogleError = (api.GoogleAPIError, auth.GoogleAuthError)
"""What a call of Google's clients may raise."""

LOGIN = "gcloud auth application-default login"
AGAIN = "loop resume"
ANEW = "correct the configuration and commit it, then: loop run"
"""A resumed iteration keeps the services as its commit has them, and a run its `platform:`."""

TABLE: tuple[tuple[type[Exception], type[PlatformError], str, str], ...] = (
    # exception, ours, what happened, next step; the first row that fits counts
    (auth.DefaultCredentialsError, AccessDenied, "there are no Google credentials here", LOGIN),
    (auth.TransportError, Unavailable, "the sign-in to Google can not be reached", AGAIN),
    (auth.GoogleAuthError, AccessDenied, "the Google credentials were refused", LOGIN),
    (api.Unauthorized, AccessDenied, "the Google credentials were refused", LOGIN),
    (api.Forbidden, AccessDenied, "permission denied", "ask the project's owner for the permission, then: loop resume"),
    (api.NotFound, Missing, "it does not exist", "check project, region and name in the configuration"),
    (api.TooManyRequests, QuotaExceeded, "a quota is used up", "wait, or raise the quota, then: loop resume"),
    (api.Conflict, Conflict, "someone else changed it at the same time", AGAIN),
    (api.PreconditionFailed, Conflict, "someone else changed it at the same time", AGAIN),
    (
        api.FailedPrecondition,
        PlatformError,
        "its present state does not allow that",
        "see the message, then: loop resume",
    ),
    (api.BadRequest, PlatformError, "the request was refused as invalid", ANEW),
    (api.GatewayTimeout, OperationTimeout, "no answer in time", AGAIN),
    (api.ServiceUnavailable, Unavailable, "it can not be reached", AGAIN),
    (api.MethodNotImplemented, PlatformError, "the platform does not offer this", ANEW),
    (api.ServerError, Unavailable, "the platform failed inside", AGAIN),
)


def passing(error: Exception) -> bool:
    """Whether the same call may do a little later (https://cloud.google.com/apis/design/errors#error_retries)."""
    if isinstance(error, auth.GoogleAuthError):
        return error.retryable or isinstance(error, auth.TransportError)
    return isinstance(error, api.ServiceUnavailable | api.GatewayTimeout | api.TooManyRequests | api.BadGateway)


def dropped_connection(error: Exception) -> bool:
    """Whether a library below Google's broke off: Storage and the sign-in pass such errors on as they come."""
    import http.client

    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    kinds = (RequestException, HTTPError, http.client.HTTPException, ConnectionError, TimeoutError, DataCorruption)
    return isinstance(error, kinds)


def translated(error: Exception, what: str, where: str) -> PlatformError:
    """Our error for one of Google's, e.g. `updating the service: permission denied: run.services.update is missing`."""
    if isinstance(error, auth.GoogleAuthError) and error.retryable:
        return _named(error, Unavailable, f"{what}: the sign-in to Google can not be reached", where, AGAIN)
    for kind, ours, sentence, hint in TABLE:
        if isinstance(error, kind):
            return _named(error, ours, f"{what}: {sentence}", where, hint)
    return PlatformError(f"{what}: {error}", where=where, hint=AGAIN)


def from_status(code: int, message: str, what: str, where: str) -> PlatformError:
    """Our error for the `error` of a long-running operation."""
    error: Exception = api.from_grpc_status(code, message)  # type: ignore[no-untyped-call]
    return translated(error, what, where)


def rejected(error: PlatformError) -> PlatformError:
    """A refused request to build is a BuildRejected; every other error stays what it is."""
    if type(error) is PlatformError:
        return BuildRejected(error.message, where=error.where, hint=error.hint, anew=error.anew)
    return error


def asked_delay(error: Exception) -> float | None:
    """Seconds after which the platform asks to try again (google.rpc.RetryInfo)."""
    from google.rpc.error_details_pb2 import RetryInfo

    details = error.details if isinstance(error, api.GoogleAPICallError) else ()
    for detail in details or ():
        if isinstance(detail, RetryInfo):
            return float(detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9)
    return None


def _named(error: Exception, ours: type[PlatformError], sentence: str, where: str, hint: str) -> PlatformError:
    message = getattr(error, "message", "") or str(error.args[0] if error.args else error)
    if isinstance(error, api.GoogleAPICallError):
        facts = dict(error.metadata or {})
        if error.reason == "IAM_PERMISSION_DENIED" and facts.get("permission"):
            permission = facts["permission"]
            hint = (
                f"give the caller a role with {permission} (gcloud projects add-iam-policy-binding), then: loop resume"
            )
            return ours(f"{sentence}: {permission} is missing", where=facts.get("resource", where), hint=hint)
        constraint = _constraint(error)
        if constraint:
            hint = f"ask who administers the organisation for an exception from {constraint}, then: loop resume"
            return AccessDenied(f"{sentence}: {constraint} forbids it", where=where, hint=hint)
        if error.reason == "SERVICE_DISABLED" and facts.get("service"):
            return ours(
                f"{sentence}: the API is not enabled", where=where, hint=f"gcloud services enable {facts['service']}"
            )
    return ours(f"{sentence}: {message}" if message else sentence, where=where, hint=hint, anew=hint == ANEW)


def _constraint(error: api.GoogleAPICallError) -> str:
    """The organisation policy that a google.rpc.PreconditionFailure names; empty where it names none."""
    from google.rpc.error_details_pb2 import PreconditionFailure

    for detail in error.details or ():
        for violation in detail.violations if isinstance(detail, PreconditionFailure) else ():
            if violation.type.startswith("constraints/"):
                return str(violation.type)
    return ""
