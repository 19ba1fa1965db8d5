"""Start-up and liveness probes: what a template asks for, what is refused, and one attempt of it.

Sources: comments on `Probe` and `Container`; Run's page on container health checks.
"""

import contextlib
import http.client
import socket
from dataclasses import dataclass
from typing import Any

from loop.emulator.wire import Refused, invalid, unimplemented

LONGEST_STARTUP = 240
DEFAULT_PERIOD, DEFAULT_TIMEOUT, DEFAULT_THRESHOLD = 10, 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    port: int
    path: str = ""
    """Empty for a TCP probe."""
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    period: float = DEFAULT_PERIOD
    timeout: float = 1.0
    threshold: int = DEFAULT_THRESHOLD

    @property
    def seconds(self) -> float:
        """Until it is given up."""
        return self.delay + self.threshold * self.period

    def passes(self) -> bool:
        return self._answers() if self.path else answers(self.port)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.putrequest("GET", self.path)
            for name, value in self.headers:
                connection.putheader(name, value)
            connection.endheaders()
            return 200 <= connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


def startup(revision: Any, port: int, patience: float) -> Probe:
    """`patience` in seconds where the template has none of its own, or what Cloud Run fills in."""
    probe = revision.containers[0].startup_probe
    if is_default(probe):
        return Probe(port=port, period=patience, threshold=1)
    return _probe(probe, port)


def liveness(revision: Any, port: int) -> Probe | None:
    container = revision.containers[0]
    return _probe(container.liveness_probe, port) if container.HasField("liveness_probe") else None


def is_default(probe: Any) -> bool:
    """What Cloud Run fills in by itself: TCP, one attempt of 240 s."""
    return not probe.ByteSize() or (probe.HasField("tcp_socket") and probe.period_seconds == LONGEST_STARTUP)


def _probe(probe: Any, port: int) -> Probe:
    return Probe(
        port=port,
        path=probe.http_get.path or "/" if probe.HasField("http_get") else "",
        headers=tuple((each.name, each.value) for each in probe.http_get.http_headers),
        delay=probe.initial_delay_seconds,
        period=probe.period_seconds or DEFAULT_PERIOD,
        timeout=probe.timeout_seconds or DEFAULT_TIMEOUT,
        threshold=probe.failure_threshold or DEFAULT_THRESHOLD,
    )


def check(container: Any) -> None:
    """Raises the refusal of the first thing that Cloud Run would not take, or that is not emulated."""
    where = "service.template.containers[0]"
    if container.HasField("readiness_probe"):
        raise unimplemented(f"{where}.readiness_probe: readiness probes are not emulated.")
    if container.HasField("startup_probe"):
        _check(container.startup_probe, container, f"{where}.startup_probe", LONGEST_STARTUP)
        probe = _probe(container.startup_probe, 0)
        if probe.threshold * probe.period > LONGEST_STARTUP:
            raise invalid(f"{where}.startup_probe: failure_threshold * period_seconds is at most {LONGEST_STARTUP}.")
    if container.HasField("liveness_probe"):
        _check(container.liveness_probe, container, f"{where}.liveness_probe", 3600)
        if container.liveness_probe.HasField("tcp_socket"):
            raise invalid(f"{where}.liveness_probe: a liveness probe is one over HTTP or gRPC, not TCP.")


def _check(probe: Any, container: Any, where: str, longest: int) -> None:
    kind = probe.WhichOneof("probe_type")
    if kind == "grpc":
        raise unimplemented(f"{where}.grpc: gRPC probes are not emulated.")
    if kind is None and probe.ByteSize():
        raise invalid(f"{where}: one of http_get, tcp_socket and grpc must be given.")
    limits = {"initial_delay_seconds": longest, "period_seconds": longest, "timeout_seconds": 3600}
    for field, most in limits.items():
        if not 0 <= getattr(probe, field) <= most:
            raise invalid(f"{where}.{field}: {getattr(probe, field)} is not between 0 and {most}.")
    if probe.failure_threshold < 0:
        raise invalid(f"{where}.failure_threshold: {probe.failure_threshold} is less than 1.")
    if (probe.timeout_seconds or DEFAULT_TIMEOUT) > (probe.period_seconds or DEFAULT_PERIOD):
        raise invalid(f"{where}.timeout_seconds: must not be longer than period_seconds.")
    if refused := _other_port(probe, kind, container, where):
        raise refused


def _other_port(probe: Any, kind: str | None, container: Any, where: str) -> Refused | None:
    port = getattr(probe, kind).port if kind else 0
    served = container.ports[0].container_port if container.ports else 8080
    if port and port != served:
        return unimplemented(f"{where}.{kind}.port: {port} is another port than PORT, of which a process has only one.")
    return None
