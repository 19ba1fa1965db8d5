"""The table from Google's errors to ours: type, sentence, object and next step."""

import grpc
import pytest
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.rpc.error_details_pb2 import ErrorInfo, PreconditionFailure, RetryInfo

from loop import errors
from loop.cloud.errors import asked_delay, dropped_connection, from_status, passing, rejected, translated


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (api.PermissionDenied("no"), errors.AccessDenied),
        (api.Unauthenticated("no"), errors.AccessDenied),
        (auth.DefaultCredentialsError("none"), errors.AccessDenied),
        (auth.RefreshError("expired"), errors.AccessDenied),
        (auth.RefreshError("try later", retryable=True), errors.Unavailable),
        (auth.TransportError("no route"), errors.Unavailable),
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
    assert rejected(refused).anew
    denied = translated(api.PermissionDenied("no"), "building web", "p")
    assert rejected(denied) is denied


@pytest.mark.parametrize(
    ("error", "later"),
    [
        (api.ServiceUnavailable("down"), True),
        (api.DeadlineExceeded("late"), True),
        (api.ResourceExhausted("quota"), True),
        (api.BadGateway("front"), True),
        (auth.TransportError("no route"), True),
        (auth.RefreshError("try later", retryable=True), True),
        (auth.RefreshError("invalid_grant"), False),
        (auth.DefaultCredentialsError("none"), False),
        (api.PermissionDenied("no"), False),
        (api.Aborted("etag"), False),
        (api.InvalidArgument("bad"), False),
    ],
)
def test_what_passes_by_itself_is_tried_again_and_nothing_else(error, later):
    assert passing(error) is later


def test_a_refused_sign_in_is_told_in_googles_words_without_the_answer_behind_them():
    error = auth.RefreshError("invalid_grant: Bad Request", {"error": "invalid_grant", "id_token": "x"})
    assert translated(error, "signing in", "here").message.endswith("refused: invalid_grant: Bad Request")


def test_an_organisations_policy_is_named_with_whom_to_ask():
    violation = PreconditionFailure.Violation(type="constraints/iam.allowedPolicyMemberDomains", subject="orgpolicy:x")
    details = [PreconditionFailure(violations=[PreconditionFailure.Violation(type="TOS"), violation])]
    made = translated(api.FailedPrecondition("no", details=details), "making web public", "services/web")
    assert isinstance(made, errors.AccessDenied)
    assert "constraints/iam.allowedPolicyMemberDomains forbids it" in made.message
    assert "organisation" in made.hint
    other = api.FailedPrecondition("no", details=[PreconditionFailure(violations=[details[0].violations[0]])])
    assert type(translated(other, "making web public", "w")) is errors.PlatformError


def test_a_connection_that_a_library_below_lost_is_told_from_a_file_that_can_not_be_read():
    import http.client

    import requests
    import urllib3
    from google.cloud.storage.exceptions import DataCorruption

    lost = (
        requests.ConnectionError("x"), requests.Timeout("x"), urllib3.exceptions.ProtocolError("x"),
        http.client.IncompleteRead(b""), ConnectionResetError(), DataCorruption(None),
    )  # fmt: skip
    assert all(map(dropped_connection, lost))
    assert not any(map(dropped_connection, (FileNotFoundError("x"), PermissionError("x"), ValueError("x"))))
