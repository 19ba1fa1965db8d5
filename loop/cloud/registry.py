"""Which digest a tag means, asked of the image's registry (OCI Distribution: HEAD /v2/<name>/manifests/<tag>).

Only an answer counts: where the registry does not answer or refuses, the digest is not known. Google's credentials go
to Google's registries alone, and an emulated platform asks none but a registry on loopback.
"""

import re
from typing import Any

from loop.cloud.wire import Wire
from loop.errors import PlatformError

ACCEPT = ", ".join((
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
))  # fmt: skip
TIMEOUT = 5.0
GOOGLE = re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev")
LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+)(?::\d+)?")


class Registry:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def by_digest(self, image: str) -> str | None:
        """`NAME@sha256:...`; None where the digest is not known."""
        if "@" in image:
            return image
        host, _, rest = image.partition("/")
        if not _is_host(host) or not self._may_ask(host):
            return None
        name, _, tag = rest.partition(":")
        digest = self._asked(host, name, tag or "latest")
        return f"{host}/{name}@{digest}" if digest else None

    def _may_ask(self, host: str) -> bool:
        return self._wire.endpoints is None or LOOPBACK.fullmatch(host) is not None

    def _asked(self, host: str, name: str, tag: str) -> str:
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException

        scheme = "http" if LOOPBACK.fullmatch(host) else "https"
        address = f"{scheme}://{host}/v2/{name}/manifests/{tag}"
        try:
            with self._session(host) as session:
                answer = session.head(address, headers={"Accept": ACCEPT}, timeout=TIMEOUT)
        except (RequestException, GoogleAuthError, PlatformError):
            return ""
        digest = str(answer.headers.get("Docker-Content-Digest", ""))
        return digest if answer.status_code == 200 and re.fullmatch(r"sha256:[0-9a-f]{64}", digest) else ""

    def _session(self, host: str) -> Any:
        import requests

        if not GOOGLE.fullmatch(host):
            session = requests.Session()
            session.trust_env = not LOOPBACK.fullmatch(host)  # a proxy for the outside world does not reach loopback
            return session
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self._wire.credentials.for_calls())  # type: ignore[no-untyped-call]


def _is_host(host: str) -> bool:
    """As Docker reads a name: without a dot, a port or localhost it is a repository of Docker Hub."""
    return "." in host or ":" in host or host == "localhost"
