"""How every call is made: with a deadline, patient with UNAVAILABLE and quotas, and cancellable while it waits."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from loop.errors import PlatformError, Wait

T = TypeVar("T")

FIRST = 0.05
LONGEST = 2.0
GROWTH = 1.6

CALL_TIMEOUT = 20.0
"""Seconds for one attempt of one call."""
PATIENCE = 60.0
"""Seconds for all attempts of one call."""


def delays(first: float = FIRST, longest: float = LONGEST) -> Iterator[float]:
    """Seconds to wait before each next attempt: short at first, so that what is quick costs no waiting."""
    delay = first
    while True:
        yield delay
        delay = min(delay * GROWTH, longest)


def call(
    method: Callable[..., T],
    request: object,
    *,
    what: str,
    where: str,
    wait: Wait = time.sleep,
    within: float = PATIENCE,
    timeout: float = CALL_TIMEOUT,
) -> T:
    """Call a generated client's method; errors arrive as PlatformErrors of ours that name `what` failed on `where`.

    The clients' own retries are switched off: they sleep where a cancellation can not reach them.
    """

    def attempt(left: float) -> T:
        return method(request=request, retry=None, timeout=min(timeout, left))

    return patiently(attempt, what=what, where=where, wait=wait, within=within)


def patiently(
    attempt: Callable[[float], T], *, what: str, where: str, wait: Wait = time.sleep, within: float = PATIENCE
) -> T:
    """Repeat `attempt(seconds left)` while a later try may do, at most `within` seconds.

    An answer that never came may have had its effect: what is repeated here finds its own work (etag, name, build tag).
    """
    from loop.cloud.errors import GoogleError, asked_delay, passing, translated

    until = time.monotonic() + within
    for delay in delays():
        try:
            return attempt(max(0.1, until - time.monotonic()))
        except GoogleError as error:
            pause = asked_delay(error) or delay
            if not passing(error) or time.monotonic() + pause >= until:
                raise translated(error, what, where) from error
        wait(pause)
    raise AssertionError("delays never end")


def poll(
    look: Callable[[], T | None], *, wait: Wait, within: float, first: float = FIRST, longest: float = LONGEST
) -> T | None:
    """Look until there is an answer, or `within` seconds are over (then None); looks at least once, and at the end."""
    until = time.monotonic() + within
    for delay in delays(first, longest):
        found = look()
        if found is not None:
            return found
        left = until - time.monotonic()
        if left <= 0:
            return None
        wait(min(delay, left))
    return None


def ignoring(kind: type[PlatformError], attempt: Callable[[], T]) -> T | None:
    """The result of `attempt`, or None where it raises that kind of error."""
    try:
        return attempt()
    except kind:
        return None
