"""When going on makes no sense: counts over the judgements of one run, oldest first. Pure; limits are decide.py's."""

from collections.abc import Sequence
from itertools import takewhile

from loop.core.model import Judgement, Verdict


def no_progress(judgements: Sequence[Judgement]) -> int:
    """Latest iterations in a row that fixed no case and changed no failing case's signature.

    Invalid iterations are passed over: they are no progress, but they have a limit of their own.
    """
    valid = (j for j in reversed(judgements) if j.verdict is not Verdict.INVALID)
    return sum(1 for _ in takewhile(lambda j: not j.progress, valid))


def invalid_in_a_row(judgements: Sequence[Judgement]) -> int:
    return sum(1 for _ in takewhile(lambda j: j.verdict is Verdict.INVALID, reversed(judgements)))


def undeployed_in_a_row(judgements: Sequence[Judgement]) -> int:
    """Latest iterations in a row whose product did not build, start or become healthy."""
    return sum(1 for _ in takewhile(lambda j: not j.deployed, reversed(judgements)))


def oscillating(judgements: Sequence[Judgement]) -> bool:
    """The ids that did not pass are those of two iterations before, and not those of the last one.

    Iterations without cases to compare (invalid, or not deployed) are passed over.
    """
    compared = [not_passed(j) for j in judgements if comparable(j)]
    return len(compared) >= 3 and compared[-1] == compared[-3] != compared[-2]


def comparable(judgement: Judgement) -> bool:
    """May a later iteration be compared with this one: were its suites run, and are its numbers valid?"""
    return judgement.deployed and judgement.verdict is not Verdict.INVALID


def not_passed(judgement: Judgement) -> frozenset[str]:
    return frozenset(f.id for f in judgement.failing) | frozenset(judgement.weakened)
