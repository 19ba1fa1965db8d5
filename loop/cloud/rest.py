"""The APIs that only `doctor` and `init` ask, by their REST methods: for a handful of reads no client is installed.

One session and one place for addresses: Google's, or the loopback address under which an emulator serves the same
paths. Reads only, but for `:testIamPermissions`, which is a POST and changes nothing.
"""

import http.client
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from loop.cloud.calls import CALL_TIMEOUT, patiently
from loop.cloud.credentials import Credentials
from loop.cloud.values import Endpoints, Json

WITHIN = 10.0
"""Seconds for all attempts of one read: a person waits for the answer."""


class Api(StrEnum):
    """The names by which projects enable them; each is also the API's host."""

    ARTIFACTS = "artifactregistry.googleapis.com"
    BUILD = "cloudbuild.googleapis.com"
    IAM = "iam.googleapis.com"
    LOGGING = "logging.googleapis.com"
    PROJECTS = "cloudresourcemanager.googleapis.com"
    RUN = "run.googleapis.com"
    SECRETS = "secretmanager.googleapis.com"
    STORAGE = "storage.googleapis.com"
    USAGE = "serviceusage.googleapis.com"


class Rest:
    def __init__(self, endpoints: Endpoints | None, credentials: Credentials) -> None:
        self._endpoints = endpoints
        self._credentials = credentials

    def get(
        self, api: Api, path: str, *, what: str, where: str, query: Mapping[str, Sequence[str]] | None = None
    ) -> Json:
        """The JSON answer; a refusal arrives as a PlatformError that names `what` failed on `where`."""
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        return self._asked("GET", f"{self.address(api)}/{path}{asked}", None, what, where)

    def post(self, api: Api, path: str, body: Json, *, what: str, where: str) -> Json:
        return self._asked("POST", f"{self.address(api)}/{path}", body, what, where)

    def address(self, api: Api) -> str:
        if self._endpoints is None:
            return f"https://{api.value}"
        admin = self._endpoints.admin
        return admin if "://" in admin else f"http://{admin}"

    def account(self) -> str:
        """Signs in; the service account that the credentials are for, "" for a person's (they do not say whose).

        Raises AccessDenied or Unavailable.
        """
        return str(getattr(self._credentials.for_calls(), "service_account_email", ""))

    def close(self) -> None:
        if "_session" in self.__dict__:
            self._session.close()

    @cached_property
    def _session(self) -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.auth.transport.requests import AuthorizedSession

        if self._endpoints is None:
            return AuthorizedSession(self._credentials.for_calls())  # type: ignore[no-untyped-call]
        session: Any = AuthorizedSession(AnonymousCredentials())  # type: ignore[no-untyped-call]
        session.trust_env = False  # a proxy for the outside world does not reach loopback
        return session

    def _asked(self, method: str, url: str, body: Json | None, what: str, where: str) -> Json:
        def attempt(left: float) -> Json:
            from google.api_core.exceptions import ServiceUnavailable, from_http_response
            from requests import RequestException

            try:
                answer = self._session.request(method, url, json=body, timeout=min(left, CALL_TIMEOUT))
            except RequestException as error:
                raise ServiceUnavailable(str(error)) from error  # type: ignore[no-untyped-call]
            if answer.status_code != http.client.OK:
                raise from_http_response(answer)  # type: ignore[no-untyped-call]
            found: Json = answer.json()
            return found

        return patiently(attempt, what=what, where=where, within=WITHIN)
