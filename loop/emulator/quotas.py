"""Limits that Google sets and that others' trackers complain of; small ones let a test meet them.

Sources: Run's quotas page (revisions, tags), Logging's quotas page (reads). Only what is named here is limited.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from loop.emulator.wire import Refused

MINUTE = 60.0


class BadQuota(ValueError):
    """`NAME=NUMBER` that can not be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    revisions_per_service: int = 1000
    """Beyond it the oldest that no traffic and no tag names are deleted."""
    tags_per_region: int = 2000
    """Per project; beyond it the oldest tags without traffic vanish from the service that gets a new one."""
    log_reads_per_minute: int = 0
    """Per project; Google's is 60. 0 does not limit, which is the default: the emulator's users poll it in tests."""


def read(told: Iterable[str]) -> Quotas:
    """`tags-per-region=3` and the like."""
    quotas = Quotas()
    names = [field.name.replace("_", "-") for field in fields(Quotas)]
    for each in told:
        name, _, number = each.partition("=")
        if name not in names or not number.isdigit():
            raise BadQuota(f"{each!r} is no quota: write NAME=NUMBER, where NAME is one of {', '.join(names)}")
        quotas = replace(quotas, **{name.replace("-", "_"): int(number)})
    return quotas


class Rate:
    """At most `limit` calls of a project in any minute; the next is told when it may come again."""

    def __init__(self, what: str, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = {}

    def take(self, project: str) -> None:
        if not self._limit:
            return
        now = self._clock()
        with self._lock:
            calls = self._calls.setdefault(project, deque())
            while calls and calls[0] <= now - MINUTE:
                calls.popleft()
            if len(calls) < self._limit:
                calls.append(now)
                return
            again = calls[0] + MINUTE - now
        raise self._refused(project, again)

    def _refused(self, project: str, again: float) -> Refused:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(again * 1e9))
        facts = {"consumer": f"projects/{project}", "quota_limit_value": str(self._limit)}
        info = error_details_pb2.ErrorInfo(reason="RATE_LIMIT_EXCEEDED", domain="googleapis.com", metadata=facts)
        message = f"Quota exceeded: {self._what}, {self._limit} per minute for project {project}."
        return Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, message, (_packed(retry), _packed(info)))


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
