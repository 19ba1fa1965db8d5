"""Opens channels: the one place that knows whether it talks to Google or to an emulator on loopback.

Clients are made when first needed, because importing them costs up to half a second.
"""

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from loop.cloud.addresses import EmulatedAddresses, GoogleAddresses
from loop.cloud.credentials import Credentials
from loop.cloud.values import Endpoints
from loop.core.environment import PlatformTarget
from loop.errors import PlatformError

if TYPE_CHECKING:
    from google.cloud.devtools.cloudbuild_v1 import CloudBuildClient
    from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
    from google.cloud.run_v2 import RevisionsClient, ServicesClient
    from google.cloud.storage import Client as StorageClient


class Wire:
    """Google's clients for one project and region. Thread-safe."""

    def __init__(self, target: PlatformTarget, endpoints: Endpoints | None) -> None:
        if target.emulated and endpoints is None:
            raise PlatformError("the emulator's endpoints are not known", where=target.endpoint, hint="loop emulator")
        # gRPC writes notices (`Got goaway`) to stderr, into the display; it reads this when it is imported.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        self.target = target
        self.endpoints = endpoints
        self.addresses: GoogleAddresses | EmulatedAddresses
        if endpoints is None:
            self.credentials = Credentials(target)
            self.addresses = GoogleAddresses(target, self.credentials)
        else:
            self.addresses = EmulatedAddresses(target, endpoints.admin)
            self.credentials = Credentials(target, self.addresses.key_file)
        self._opening = threading.Lock()
        self._clients: dict[str, Any] = {}

    @property
    def makes_buckets(self) -> bool:
        """On an emulator nobody else can have made the bucket for source archives."""
        return self.endpoints is not None

    @property
    def services(self) -> "ServicesClient":
        from google.cloud.run_v2 import ServicesClient
        from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

        client: ServicesClient = self._client(ServicesClient, ServicesGrpcTransport)
        return client

    @property
    def revisions(self) -> "RevisionsClient":
        from google.cloud.run_v2 import RevisionsClient
        from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport

        client: RevisionsClient = self._client(RevisionsClient, RevisionsGrpcTransport)
        return client

    @property
    def builds(self) -> "CloudBuildClient":
        from google.cloud.devtools.cloudbuild_v1 import CloudBuildClient
        from google.cloud.devtools.cloudbuild_v1.services.cloud_build.transports import CloudBuildGrpcTransport

        client: CloudBuildClient = self._client(CloudBuildClient, CloudBuildGrpcTransport)
        return client

    @property
    def logging(self) -> "LoggingServiceV2Client":
        from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
        from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcTransport

        client: LoggingServiceV2Client = self._client(LoggingServiceV2Client, LoggingServiceV2GrpcTransport)
        return client

    @cached_property
    def storage(self) -> "StorageClient":
        from google.cloud.storage import Client

        if self.endpoints is None:
            return Client(project=self.target.project, credentials=self.credentials.for_calls())
        from google.auth.credentials import AnonymousCredentials
        from google.auth.transport.requests import AuthorizedSession

        nobody: Any = AnonymousCredentials()  # type: ignore[no-untyped-call]
        session: Any = AuthorizedSession(nobody)  # type: ignore[no-untyped-call]
        session.trust_env = False  # a proxy for the outside world does not reach loopback
        address = self.endpoints.storage
        url = address if "://" in address else f"http://{address}"
        options = {"api_endpoint": url}
        return Client(project=self.target.project, credentials=nobody, _http=session, client_options=options)

    def _client(self, client: Any, transport: Any) -> Any:
        """The channel of one API: insecure to a loopback endpoint, with our credentials otherwise."""
        name = client.__name__
        with self._opening:
            if name not in self._clients:
                if self.endpoints is None:
                    self._clients[name] = client(credentials=self.credentials.for_calls())
                else:
                    self._clients[name] = client(transport=transport(channel=self._channel))
            return self._clients[name]

    @cached_property
    def _channel(self) -> Any:
        import grpc

        assert self.endpoints is not None
        # the sizes are those that Google's clients give their own channels: a page of a log may be longer than 4 MB
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        return grpc.insecure_channel(self.endpoints.grpc, options=[("grpc.enable_http_proxy", 0), *unlimited])

    def close(self) -> None:
        for client in self._clients.values():
            client.transport.close()
        self.credentials.close()
