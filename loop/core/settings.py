"""What a service's container and its scaling are set to: one value per typed key of the configuration.

None, or empty, means that the configuration does not name it: what the platform has is kept (design section 8).
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Ingress(StrEnum):
    """gcloud's words for the networks from which a service can be reached."""

    ALL = "all"
    INTERNAL = "internal"
    LOAD_BALANCING = "internal-and-cloud-load-balancing"


class Egress(StrEnum):
    """gcloud's words for the traffic that leaves through the VPC."""

    ALL_TRAFFIC = "all-traffic"
    PRIVATE_RANGES_ONLY = "private-ranges-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpc:
    """Direct VPC egress (`network`, `subnet` or both), or a Serverless VPC Access `connector`, by its full name."""

    connector: str | None = None
    network: str | None = None
    subnet: str | None = None
    tags: tuple[str, ...] = ()
    egress: Egress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpGet:
    path: str = "/"
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSocket:
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grpc:
    port: int | None = None
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerProbe:
    """One of `http_get`, `tcp_socket` and `grpc` is given. Times in whole seconds; the defaults are Google's."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    grpc: Grpc | None = None
    initial_delay: int = 0
    timeout: int = 1
    period: int = 10
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    cpu: str | None = None
    memory: str | None = None
    min_instances: int | None = None
    """The service's, over all its revisions: one of a revision would keep every tagged revision warm."""
    max_instances: int | None = None
    concurrency: int | None = None
    timeout: float | None = None
    """Seconds for one request."""
    service_account: str | None = None
    ingress: Ingress | None = None
    vpc: Vpc | None = None
    cloud_sql: tuple[str, ...] = ()
    """`project:region:instance`, below /cloudsql."""
    labels: dict[str, str] = field(default_factory=dict)
    startup_probe: ContainerProbe | None = None
    liveness_probe: ContainerProbe | None = None
