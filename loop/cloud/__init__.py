"""The platform: Google's own clients behind one class, errors mapped in one table, messages turned into values.

Importing this package imports nothing of Google's.
"""

from loop.cloud.platform import Platform, connect
from loop.cloud.values import (
    BuildFailure,
    Built,
    Created,
    Endpoints,
    Logged,
    Mark,
    Observed,
    Order,
    Proven,
    Request,
    Shift,
    Shifted,
    StartFailure,
    Unhealthy,
    Unproven,
    Written,
)

__all__ = [
    "BuildFailure",
    "Built",
    "Created",
    "Endpoints",
    "Logged",
    "Mark",
    "Observed",
    "Order",
    "Platform",
    "Proven",
    "Request",
    "Shift",
    "Shifted",
    "StartFailure",
    "Unhealthy",
    "Unproven",
    "Written",
    "connect",
]
