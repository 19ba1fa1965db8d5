"""What the process of a revision writes, as entries of Cloud Logging (Run's page on logging)."""

import json
from typing import Any

from loop.emulator.names import ServiceName, service_of, short_name


def resource(revision: str) -> dict[str, Any]:
    service = service_of(revision)
    return {"resource": {"type": "cloud_run_revision", "labels": labels(service, short_name(revision))}}


def labels(service: ServiceName, revision: str) -> dict[str, str]:
    return {
        "service_name": service.service,
        "revision_name": revision,
        "configuration_name": service.service,
        "location": service.region,
        "project_id": service.project,
    }


def payload(line: str) -> dict[str, Any]:
    """A line that is a JSON object becomes jsonPayload; some of its keys move up (Run's page on structured logs)."""
    if not line.startswith("{"):
        return {"textPayload": line}
    try:
        said = json.loads(line)
    except ValueError:
        return {"textPayload": line}
    raised: dict[str, Any] = {}
    severity = said.pop("severity", None)
    if isinstance(severity, str):
        raised["severity"] = severity.upper()
    trace = said.pop("logging.googleapis.com/trace", None)
    if isinstance(trace, str):
        raised["trace"] = trace
    if set(said) == {"message"} and isinstance(said["message"], str):
        return {**raised, "textPayload": said["message"]}
    return {**raised, "jsonPayload": said}
