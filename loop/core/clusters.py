"""Failing cases grouped by signature, each group with the layer that its facts point at. Pure.

Facts are HTTP status codes, exception types, and error lines that services wrote while the case ran; where there is
none, the layer is not known and is called so.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from loop.core.evidence import LogLine
from loop.core.model import Failing, Outcome


class Layer(StrEnum):
    """Where a failure probably lies."""

    ACCESS = "authentication or authorisation"
    ROUTE = "route of the service"
    REQUEST = "request that the service refused"
    RATE_LIMIT = "rate limit"
    SERVICE = "service"
    GATEWAY = "gateway or start-up of the service"
    NETWORK = "network or address"
    TIMEOUT = "time limit"
    TEST_CODE = "test code"
    ASSERTION = "assertion of the test"
    RUNNER = "runner"
    UNKNOWN = "not known"


class Clue(NamedTuple):
    """A layer and the fact that points at it, as it is told to people."""

    layer: Layer
    fact: str = ""
    """`HTTP 403`, an exception's name, an outcome, a service's log; empty where nothing points anywhere."""
    quoted: str = ""
    """The line of that log, in the service's own words."""

    @property
    def source(self) -> str:
        """The fact with its line."""
        return f"{self.fact}: {self.quoted}" if self.quoted else self.fact

    def __str__(self) -> str:
        return f"{self.layer} (from {self.source})" if self.fact else self.layer.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    signature: str
    layer: Layer
    cases: tuple[str, ...]
    known: int = 0
    """How many of them a known issue covers."""


_EXACT = {
    401: Layer.ACCESS, 403: Layer.ACCESS, 407: Layer.ACCESS, 404: Layer.ROUTE, 405: Layer.ROUTE, 408: Layer.TIMEOUT,
    410: Layer.ROUTE, 429: Layer.RATE_LIMIT, 502: Layer.GATEWAY, 503: Layer.GATEWAY, 504: Layer.TIMEOUT,
}  # fmt: skip
_EXCEPTIONS = {
    Layer.TIMEOUT: {
        "TimeoutError", "Timeout", "TimeoutException", "ReadTimeout", "ConnectTimeout", "WriteTimeout", "PoolTimeout",
        "ReadTimeoutError", "ConnectTimeoutError", "ServerTimeoutError", "SocketTimeoutException",
    },
    Layer.NETWORK: {
        "ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "ConnectionAbortedError", "URLError",
        "BrokenPipeError", "ConnectError", "ReadError", "RemoteProtocolError", "NewConnectionError", "MaxRetryError",
        "SSLError", "gaierror", "NameResolutionError", "ClientConnectorError", "ServerDisconnectedError",
        "ConnectionClosed", "ConnectionClosedError", "ConnectException", "UnknownHostException",
    },
    Layer.TEST_CODE: {
        "ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "IndentationError", "AttributeError",
        "TypeError", "UnboundLocalError", "FixtureLookupError", "NotImplementedError", "ReferenceError",
        "NullPointerException",
    },
    Layer.ASSERTION: {"AssertionError", "AssertionFailedError", "ComparisonFailure", "Failed", "ExpectationFailed"},
}  # fmt: skip
_SAYS_LITTLE = frozenset({Layer.UNKNOWN, Layer.ASSERTION})
"""That something was not as the test wanted it, but not why: a service's error says more."""
_SERVER_ERROR = 500
_LAYER_OF = {name: layer for layer, names in _EXCEPTIONS.items() for name in names}
_NAME = re.compile(r"\b[A-Za-z]\w*\b")
_STATUS = re.compile(
    r"(?i)\b(?:http(?:/[\d.]+)?|status(?:[_ -]?code)?|response|code)\b[^\w<]{0,4}"
    r"(?:(?:is|was|of|error|status|code)\b[^\w<]{0,3}){0,2}([45]\d\d)\b"
)
_REASON = re.compile(
    r"(?i)\b([45]\d\d)\b[ :,-]{1,3}(?:client error|server error|bad|unauthorized|forbidden|not found|method not|"
    r"conflict|too many|internal server|service unavailable|gateway)"
)
_COMPARED = re.compile(r"\b([1-5]\d\d)\b\s*(?:==|!=|!==|===|in)\s*[\[({]?(?:\d{3}, ){0,9}([1-5]\d\d)\b")


def group(failing: Iterable[Failing]) -> tuple[Cluster, ...]:
    """Largest first, then in order of appearance; without a signature (unfinished, not run) by outcome."""
    groups: dict[str, list[Failing]] = {}
    for case in failing:
        groups.setdefault(case.signature or case.outcome.value, []).append(case)
    clusters = [_cluster(cause, members) for cause, members in groups.items()]
    return tuple(sorted(clusters, key=lambda c: -len(c.cases)))


def _cluster(cause: str, members: list[Failing]) -> Cluster:
    return Cluster(
        signature=cause,
        layer=layer(members[0]),
        cases=tuple(case.id for case in members),
        known=sum(1 for case in members if case.known),
    )


def layer(case: Failing) -> Layer:
    return clue(case).layer


def clue(case: Failing, log: Sequence[LogLine] = ()) -> Clue:
    """`log`: what is kept of the services' logs for that case; an error line, if there is one, stands at its end."""
    own = _own(case)
    if not log or not log[-1].error:
        return own
    error = log[-1]
    fact = f"a line in {error.service}'s log{', joined by time' if error.by_time else ''}"
    if own.layer in _SAYS_LITTLE:
        return Clue(Layer.SERVICE, fact, error.text)
    if own.layer is not Layer.RUNNER and (status(case.signature) or 0) >= _SERVER_ERROR:
        return Clue(Layer.SERVICE, f"{own.fact} and {fact}", error.text)
    return own


def _own(case: Failing) -> Clue:
    """What the case itself says."""
    if case.outcome in (Outcome.UNFINISHED, Outcome.NOT_RUN):
        return Clue(Layer.RUNNER, case.outcome.value)
    code = status(case.signature)
    return Clue(_of_status(code), f"HTTP {code}") if code else _of_exception(case.signature)


def status(signature: str) -> int | None:
    """The HTTP error status that a signature names as such; a bare number is none."""
    for pattern in (_STATUS, _REASON, _COMPARED):
        for found in pattern.finditer(signature):
            errors = [int(code) for code in found.groups() if code[0] in "45"]
            if len(errors) == 1:
                return errors[0]
    return None


def _of_status(code: int) -> Layer:
    return _EXACT.get(code) or (Layer.REQUEST if code < 500 else Layer.SERVICE)


def _of_exception(signature: str) -> Clue:
    named = (Clue(_LAYER_OF[name], name) for name in _NAME.findall(signature) if name in _LAYER_OF)
    first = next(named, None)
    if first and first.layer is Layer.ASSERTION:
        return next((found for found in named if found.layer is not Layer.TEST_CODE), first)
    return first or (Clue(Layer.ASSERTION, "assert") if signature.startswith("assert ") else Clue(Layer.UNKNOWN))
