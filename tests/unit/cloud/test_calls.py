"""Patience: what is tried again, for how long, and that waiting can be cancelled. Time is counted, not spent."""

from itertools import islice

import pytest
from google.api_core import exceptions as api
from google.rpc.error_details_pb2 import RetryInfo

from loop import errors
from loop.cloud import calls


class Script:
    """Answers in order; an exception is raised. Remembers the timeouts it was given."""

    def __init__(self, *answers):
        self.answers, self.timeouts = list(answers), []

    def __call__(self, *, retry, timeout, **_):
        self.timeouts.append(timeout)
        assert retry is None
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Waits(list):
    def __call__(self, seconds):
        self.append(seconds)


def test_delays_begin_short_and_end_at_two_seconds():
    first = list(islice(calls.delays(), 12))
    assert first[0] == 0.05
    assert first == sorted(first)
    assert first[-1] == 2.0


def test_a_platform_that_is_unavailable_or_late_is_asked_again():
    waits = Waits()
    script = Script(api.ServiceUnavailable("down"), api.DeadlineExceeded("late"), "answer")
    assert calls.call(script, None, what="reading", where="x", wait=waits) == "answer"
    assert waits == [0.05, pytest.approx(0.08)]
    assert all(0 < t <= calls.CALL_TIMEOUT for t in script.timeouts)


def test_a_quota_is_waited_for_as_long_as_the_platform_asks():
    asked = RetryInfo()
    asked.retry_delay.FromMilliseconds(1500)
    waits = Waits()
    script = Script(api.ResourceExhausted("slow down", details=[asked]), "answer")
    assert calls.call(script, None, what="reading", where="x", wait=waits) == "answer"
    assert waits == [1.5]


def test_patience_ends():
    script = Script(api.ServiceUnavailable("down"))
    with pytest.raises(errors.Unavailable, match="reading: it can not be reached"):
        calls.call(script, None, what="reading", where="x", wait=Waits(), within=0.01)


@pytest.mark.parametrize(
    "error", [api.NotFound("x"), api.Aborted("x"), api.PermissionDenied("x"), api.InvalidArgument("x")]
)
def test_what_a_later_try_can_not_mend_is_raised_at_once(error):
    waits = Waits()
    with pytest.raises(errors.PlatformError):
        calls.call(Script(error), None, what="reading", where="x", wait=waits)
    assert waits == []


def test_a_cancellation_ends_the_waiting():
    def cancelled(seconds):
        raise errors.Cancelled

    with pytest.raises(errors.Cancelled):
        calls.call(Script(api.ServiceUnavailable("down")), None, what="reading", where="x", wait=cancelled)
    with pytest.raises(errors.Cancelled):
        calls.poll(lambda: None, wait=cancelled, within=1)


def test_polling_looks_at_least_once_and_gives_up_with_none():
    assert calls.poll(lambda: "there", wait=Waits(), within=0) == "there"
    assert calls.poll(lambda: None, wait=Waits(), within=0) is None
