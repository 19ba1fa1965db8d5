"""`retry_failed:`: what failed runs again in the same iteration, every attempt is kept, and the last one counts.

A retry can only turn a case's outcome, never the validity of the results: what the first run collected stays expected,
a suite that had a problem is not run again, and a retry that dies leaves the results as they were.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from loop.core.model import PASSING, Case, CaseAttempt, Outcome, SuiteResult
from loop.suites.outcomes import FAILING
from loop.suites.pytest_runner import Once, run_once
from loop.suites.report import Finished, Order

COUNTED = PASSING | FAILING
"""A case that skips itself the second time is no better for it: such a retry tells nothing."""


@dataclass(slots=True)
class _Held:
    """Failed cases wait here until no retry can change them; all others are handed out as they come."""

    order: Order
    cases: dict[str, Case] = field(default_factory=dict)

    def take(self, case: Case) -> None:
        if case.outcome in FAILING:
            self.cases[case.id] = case
        else:
            self.order.on_case(case)

    def hand_out(self) -> None:
        for case in self.cases.values():
            self.order.on_case(case)


def run_with_retries(order: Order) -> Finished:
    deadline = time.monotonic() + order.suite.timeout
    held = _Held(order)
    first = run_once(replace(order, on_case=held.take))
    before = dict(held.cases)
    result, raw = first.finished.result, [*first.finished.raw]
    told: list[str] = []
    if not result.problems:
        for number in range(1, order.suite.retry_failed + 1):
            failing = [case for case in held.cases.values() if case.outcome in FAILING]
            left = deadline - time.monotonic()
            if not failing or left <= 0:
                break
            mark, files = _retried(order, first, held, failing, number, left)
            told.append(mark)
            raw += files
    held.hand_out()
    return Finished(result=_counted(result, before, held.cases, told), raw=tuple(raw))


def _retried(
    order: Order, first: Once, held: _Held, failing: list[Case], number: int, left: float
) -> tuple[str, tuple[Path, ...]]:
    """One more run of what still fails; a mark on how it went, and what it wrote."""
    order.show(f"retry {number} of {order.suite.retry_failed}: {len(failing)} failed")
    again: dict[str, Case] = {}

    def take(case: Case) -> None:
        if case.outcome in COUNTED:
            again[case.id] = case

    suite = replace(order.suite, timeout=left, minimum=None)
    retry = replace(order, suite=suite, on_case=take, on_collected=lambda _count: None)
    nodeids = [first.nodeids[case.id] for case in failing if case.id in first.nodeids]
    done = run_once(retry, only=nodeids, name=f"retry-{number}").finished
    if done.result.problems:
        return f"retry {number} tells nothing: {done.result.problems[0].sentence}", done.raw
    for case in failing:
        if case.id in again:
            held.cases[case.id] = _joined(case, again[case.id])
    passed = sum(1 for case in failing if held.cases[case.id].outcome in PASSING)
    return f"retry {number}: {passed} of {len(failing)} failed cases passed", done.raw


def _joined(before: Case, now: Case) -> Case:
    failed = CaseAttempt(outcome=before.outcome, seconds=before.seconds, message=before.message)
    return replace(now, attempts=(*before.attempts, failed, *now.attempts))


def _counted(result: SuiteResult, before: dict[str, Case], now: dict[str, Case], told: Iterable[str]) -> SuiteResult:
    counts = dict(result.counts)
    for case_id, case in before.items():
        _move(counts, case.outcome, now[case_id].outcome)
    return replace(result, counts=counts, marks=(*result.marks, *told))


def _move(counts: dict[Outcome, int], old: Outcome, new: Outcome) -> None:
    counts[old] -= 1
    if not counts[old]:
        del counts[old]
    counts[new] = counts.get(new, 0) + 1
