"""Where services answer, known before their first deployment: services may name each other in a circle.

On Google the deterministic address `https://<service>-<project number>.<region>.run.app`
(https://cloud.google.com/run/docs/triggering/https-request#deterministic); on an emulator whatever it reserved.
"""

import http.client
import json
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from loop.cloud.calls import patiently
from loop.cloud.credentials import Credentials
from loop.core.environment import PlatformTarget
from loop.errors import PlatformError, Unavailable

RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v3/projects"


class GoogleAddresses:
    def __init__(self, target: PlatformTarget, credentials: Credentials) -> None:
        self._target = target
        self._credentials = credentials

    def url(self, service: str, tag: str = "") -> str:
        host = f"{service}-{self.project_number}.{self._target.region}.run.app"
        return f"https://{tag}---{host}" if tag else f"https://{host}"

    @cached_property
    def project_number(self) -> str:
        """Asked once per process. Needs `resourcemanager.projects.get`."""
        if self._target.project.isdigit():
            return self._target.project
        where = f"projects/{self._target.project}"
        name = patiently(self._project, what="reading the project's number", where=where)
        return name.removeprefix("projects/")

    def _project(self, timeout: float) -> str:
        from google.api_core.exceptions import ServiceUnavailable, from_http_response
        from google.auth.transport.requests import AuthorizedSession
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        session: Any = AuthorizedSession(self._credentials.for_calls())  # type: ignore[no-untyped-call]
        try:
            answer = session.get(f"{RESOURCE_MANAGER}/{self._target.project}", timeout=timeout)
        except (RequestException, HTTPError) as error:
            raise ServiceUnavailable(str(error)) from error  # type: ignore[no-untyped-call]
        finally:
            session.close()
        if answer.status_code != http.client.OK:
            raise from_http_response(answer)  # type: ignore[no-untyped-call]
        return str(answer.json()["name"])


class EmulatedAddresses:
    def __init__(self, target: PlatformTarget, admin: str) -> None:
        self._target = target
        self._admin = urlsplit(admin if "://" in admin else f"http://{admin}")

    def url(self, service: str, tag: str = "") -> str:
        query = {"project": self._target.project, "region": self._target.region, "service": service}
        status, body = self._ask(f"/urls?{urlencode(query | ({'tag': tag} if tag else {}))}")
        if status != http.client.OK:
            raise PlatformError(
                f"the emulator knows no address of {service}: {body[:200]}",
                where=self._admin.geturl(),
                hint="loop resume",
            )
        return str(json.loads(body)["url"])

    def key_file(self) -> str:
        """Where the key of the emulator's one account lies."""
        status, body = self._ask("/account")
        if status != http.client.OK:
            raise PlatformError("the emulator names no account", where=self._admin.geturl(), hint="loop emulator")
        return str(json.loads(body)["key_file"])

    def _ask(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._admin.hostname or "", self._admin.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"the emulator does not answer: {error}", where=self._admin.geturl(), hint="loop resume"
            ) from error
        finally:
            connection.close()
