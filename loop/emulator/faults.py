"""Faults that a test sets: a method refuses, is late, or does its work and loses the answer. The emulator's own.

Nothing of this happens by itself. It is kept in memory only: an emulator that starts anew has no faults.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import any_pb2, json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as _details  # noqa: F401 (a detail is read by its type's name)

from loop.emulator.wire import Refused

KEYS = {
    "method": str, "status": str, "message": str, "details": list, "delay": float, "call": int, "times": int,
    "answer_lost": bool,
}  # fmt: skip
STATUSES = {code.name: code for code in grpc.StatusCode if code is not grpc.StatusCode.OK}


class BadFault(ValueError):
    """A fault that can not be set; says all that is wrong with it."""


@dataclass(slots=True)
class Fault:
    told: dict[str, Any]
    """As it was set."""
    seen: int = 0
    """Calls of its method since then."""

    @property
    def first(self) -> int:
        return int(self.told.get("call", 1))

    @property
    def last(self) -> float:
        times = int(self.told.get("times", 1))
        return self.first + times - 1 if times else float("inf")

    def matches(self, path: str) -> bool:
        method: str = self.told["method"]
        return method == path or method == path.rpartition("/")[2]

    def refusal(self) -> Refused | None:
        if not (status := self.told.get("status")):
            return None
        details = tuple(json_format.ParseDict(each, any_pb2.Any()) for each in self.told.get("details", ()))
        return Refused(STATUSES[status], self.told.get("message", "A fault that was set."), details)


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: list[Fault] = []

    def around(self, path: str, proceed: Callable[[], Message]) -> Message:
        """`wire.Around`: what the first fault that is due makes of a call."""
        fault = self._due(path)
        if fault is None:
            return proceed()
        time.sleep(fault.told.get("delay", 0.0))
        refusal = fault.refusal()
        if refusal and not fault.told.get("answer_lost"):
            raise refusal
        answer = proceed()
        if refusal:
            raise refusal
        return answer

    def add(self, told: object, offered: Iterable[str]) -> None:
        """One fault, or a list of them; all or none is set."""
        wanted: list[Any] = told if isinstance(told, list) else [told]
        known = {name for path in offered for name in (path, path.rpartition("/")[2])}
        if wrong := [problem for each in wanted for problem in _problems(each, known)]:
            raise BadFault("; ".join(wrong))
        with self._lock:
            self._set += [Fault(each) for each in wanted]

    def clear(self) -> None:
        with self._lock:
            self._set.clear()

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{**fault.told, "seen": fault.seen} for fault in self._set]

    def _due(self, path: str) -> Fault | None:
        """Every fault of the method counts the call; the one that was set first has its way."""
        with self._lock:
            found = [fault for fault in self._set if fault.matches(path)]
            for fault in found:
                fault.seen += 1
            return next((fault for fault in found if fault.first <= fault.seen <= fault.last), None)


def _problems(told: object, known: set[str]) -> list[str]:
    if not isinstance(told, dict):
        return [f"a fault is an object, not {told!r}"]
    wrong = [f"{key!r} is no key of a fault: {', '.join(KEYS)}" for key in told if key not in KEYS]
    for key, kind in KEYS.items():
        accepted = (int, float) if kind is float else kind
        if key in told and not isinstance(told[key], accepted):
            wrong.append(f"{key}: {told[key]!r} is not of the type {kind.__name__}")
    return wrong or [*_bad_names(told, known), *_bad_numbers(told), *_bad_details(told)]


def _bad_names(told: dict[str, Any], known: set[str]) -> list[str]:
    wrong = []
    if told.get("method") not in known:
        wrong.append(f"method: {told.get('method')!r} is not offered here")
    if "status" in told and told["status"] not in STATUSES:
        wrong.append(f"status: {told['status']!r} is none of {', '.join(STATUSES)}")
    if "status" not in told and not told.get("delay"):
        wrong.append("a fault has a status, a delay, or both")
    return wrong


def _bad_numbers(told: dict[str, Any]) -> list[str]:
    least = {"delay": 0, "call": 1, "times": 0}
    return [f"{key}: {told[key]} is less than {low}" for key, low in least.items() if told.get(key, low) < low]


def _bad_details(told: dict[str, Any]) -> list[str]:
    try:
        for each in told.get("details", ()):
            json_format.ParseDict(each, any_pb2.Any())
    except (json_format.ParseError, TypeError) as error:
        return [f"details: {error}"]
    return []
