"""The table from Google's errors to ours: type, sentence, object and next step."""

import grpc
import pytest
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo

from loop import errors
from loop.cloud.errors import asked_delay, from_status, rejected, translated


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (api.PermissionDenied("no"), errors.AccessDenied),
        (api.Unauthenticated("no"), errors.AccessDenied),
        (auth.DefaultCredentialsError("none"), errors.AccessDenied),
        (auth.RefreshError("expired"), errors.AccessDenied),
        (api.NotFound("gone"), errors.Missing),
        (api.ResourceExhausted("quota"), errors.QuotaExceeded),
        (api.Aborted("etag"), errors.Conflict),
        (api.AlreadyExists("there"), errors.Conflict),
        (api.PreconditionFailed("generation"), errors.Conflict),
        (api.DeadlineExceeded("late"), errors.OperationTimeout),
        (api.ServiceUnavailable("down"), errors.Unavailable),
        (api.InternalServerError("oops"), errors.Unavailable),
        (api.InvalidArgument("bad"), errors.PlatformError),
        (api.FailedPrecondition("state"), errors.PlatformError),
        (api.MethodNotImplemented("what"), errors.PlatformError),
        (api.Cancelled("stop"), errors.PlatformError),
    ],
)  # fmt: skip
def test_every_status_has_a_type_a_sentence_and_an_object(error, ours):
    made = translated(error, "reading the service web", "services/web")
    assert type(made) is ours
    assert made.message.startswith("reading the service web: ")
    assert made.where == "services/web"
    assert made.hint
    assert made.exit_code == 3


def info(reason, **metadata):
    return ErrorInfo(reason=reason, domain="googleapis.com", metadata=metadata)


def test_the_missing_permission_is_named_where_the_api_names_it():
    details = info("IAM_PERMISSION_DENIED", permission="run.services.update", resource="projects/p/services/web")
    made = translated(api.PermissionDenied("no", error_info=details), "updating the service web", "web")
    assert "run.services.update is missing" in made.message
    assert made.where == "projects/p/services/web"
    assert "run.services.update" in made.hint


def test_an_api_that_is_not_enabled_is_named_with_the_command_that_enables_it():
    details = info("SERVICE_DISABLED", service="run.googleapis.com")
    made = translated(api.PermissionDenied("no", error_info=details), "updating", "web")
    assert "not enabled" in made.message
    assert made.hint == "gcloud services enable run.googleapis.com"


def test_an_operations_error_is_mapped_like_a_calls():
    made = from_status(grpc.StatusCode.PERMISSION_DENIED.value[0], "no", "deploying web", "operations/1")
    assert isinstance(made, errors.AccessDenied)
    assert made.where == "operations/1"


def test_the_delay_that_the_platform_asks_for_is_read_from_the_details():
    asked = RetryInfo()
    asked.retry_delay.FromMilliseconds(1500)
    assert asked_delay(api.ResourceExhausted("quota", details=[asked])) == 1.5
    assert asked_delay(api.ResourceExhausted("quota")) is None


def test_only_a_refused_request_to_build_becomes_build_rejected():
    refused = translated(api.InvalidArgument("bad step"), "building web", "p")
    assert type(rejected(refused)) is errors.BuildRejected
    denied = translated(api.PermissionDenied("no"), "building web", "p")
    assert rejected(denied) is denied
