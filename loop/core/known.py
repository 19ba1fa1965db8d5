"""Known issues: which failing cases they cover, and what has to be said of those that cover nothing. Pure.

A known issue covers a case that failed with its signature, up to its last day, and nothing else: a mute by name alone
would also hide the next defect of the same case.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from loop.core.environment import KnownIssue
from loop.core.model import Outcome
from loop.core.patterns import matcher, matches, matching

NAMED = 3
"""Cases that one remark names."""
COVERABLE = frozenset({Outcome.FAILED, Outcome.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownList:
    issues: tuple[KnownIssue, ...]
    today: date
    """In UTC."""

    def covering(self, case_id: str, outcome: Outcome, signature: str) -> str:
        """Owner and reason of the issue that covers this failure, else empty text."""
        for issue in self.issues:
            if not self.expired(issue) and covers(issue, case_id, outcome, signature):
                return f"{issue.owner}: {issue.reason}"
        return ""

    def expired(self, issue: KnownIssue) -> bool:
        return self.today.isoformat() > issue.until


def covers(issue: KnownIssue, case_id: str, outcome: Outcome, signature: str) -> bool:
    """Would it cover this failure, were it not expired? An issue without a signature covers nothing."""
    named = outcome in COVERABLE and bool(issue.signature) and issue.signature in signature
    return named and matches(issue.pattern, case_id)


Failure = tuple[str, Outcome, str]
"""Case id, outcome, signature."""


def remarks(
    known: KnownList, failures: Sequence[Failure], passing: Sequence[str], *, complete: bool
) -> tuple[str, ...]:
    """What the owners should hear: an issue that expired, that a failure does not match, that passed, or (of a complete
    run only) that no case matches."""
    return tuple(text for issue in known.issues for text in _remarks(known, issue, failures, passing, complete))


def _remarks(
    known: KnownList, issue: KnownIssue, failures: Sequence[Failure], passing: Sequence[str], complete: bool
) -> Iterable[str]:
    found = matcher(issue.pattern)
    matched = [failure for failure in failures if found(failure[0])]
    others = [f"{f[0]}: {f[2] or f[1].value}" for f in matched if not covers(issue, *f)]
    covered = len(matched) - len(others)
    title = f"known issue {issue.pattern} ({issue.owner})"
    if known.expired(issue):
        yield f"{title} expired on {issue.until}" + (f": {_cases(covered)} counted plainly" if covered else "")
    if others:
        more = f" and {_cases(len(others) - NAMED)} more" if len(others) > NAMED else ""
        yield f"{title} does not cover {'; '.join(others[:NAMED])}{more}"
    if not matched:
        yield from _unmatched(title, len(matching([issue.pattern], passing)), complete)


def _unmatched(title: str, passed: int, complete: bool) -> Iterable[str]:
    if passed:
        yield f"{title} passed: {_cases(passed)}"
    elif complete:
        yield f"{title} matches no case that counted"


def _cases(number: int) -> str:
    return "1 case" if number == 1 else f"{number} cases"
