"""The goal and the gates held against measured rates, and the sentence that says so. Pure.

The goal is met by a complete run whose rate reaches it, whose gates are met, and in which no case was weakened.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from loop.core.environment import Charter, Goal, RateKind, Suite
from loop.core.model import Judgement, Rate, SuiteJudged, Verdict


def rule_text(pass_rate: Fraction, of: RateKind) -> str:
    """`pass rate >= 96%`; `raw` is said, for the adjusted rate is the usual one."""
    percent = pass_rate * 100
    number = str(percent.numerator) if percent.denominator == 1 else f"{float(percent):g}"
    return f"{'raw ' if of is RateKind.RAW else ''}pass rate >= {number}%"


def meets(rate: Rate | None, wanted: Fraction) -> bool:
    return rate is not None and rate.fraction >= wanted


def decided(judgement: Judgement, charter: Charter, *, partial: bool) -> Judgement:
    """Passed or failed, of a valid iteration; the rule is the first of the reasons."""
    unmet = [*_goal_unmet(judgement, charter.goal, partial), *_gates_unmet(judgement, charter.suites)]
    reasons = unmet or [_met(judgement, charter.goal)]
    return replace(
        judgement,
        verdict=Verdict.FAILED if unmet else Verdict.PASSED,
        rule=reasons[0],
        reasons=tuple(reasons),
        goal_met=not unmet,
    )


def confirmed(judgement: Judgement, promoted: Judgement | None) -> Judgement:
    """A confirmation of fewer suites meets the goal with the figures that it confirms, and says by what."""
    if promoted is None or not _confirms(judgement, promoted):
        return judgement
    by = ", ".join(f"{s.suite} {s.raw or 'without a rate'}" for s in judgement.suites)
    rule = f"{promoted.rule}, confirmed by {by}"
    return replace(judgement, rule=rule, reasons=(rule,))


def meeting(judged: Sequence[Judgement]) -> Judgement:
    """The last of a run's judgements; of a confirmation of fewer suites that met the goal, the one that it confirms."""
    last = judged[-1]
    return judged[-2] if len(judged) > 1 and _confirms(last, judged[-2]) else last


def _confirms(judgement: Judgement, before: Judgement) -> bool:
    """Every other iteration of a run has the same suites."""
    return judgement.goal_met and len(judgement.suites) < len(before.suites)


def known_failing(judgement: Judgement) -> int:
    """Cases that failed as known; where it is not 0, a met goal is met but for them."""
    return sum(1 for failing in judgement.failing if failing.known)


def _goal_unmet(judgement: Judgement, goal: Goal, partial: bool) -> list[str]:
    rate = _rate(judgement, goal.of)
    if rate is None:
        return ["goal not met: every case that counts is a known issue"]
    met = meets(rate, goal.pass_rate)
    said = f"{_shown(rate)} {'meets' if met else 'is below'} {judgement.goal}"
    if not met:
        return [f"goal not met: {said}{_weakened(judgement, ', with')}"]
    if judgement.weakened:
        return [f"goal not met: {said}{_weakened(judgement, ', but')}"]
    return [f"goal not met: {said}, but a run of selected suites can not meet it"] if partial else []


def _weakened(judgement: Judgement, joint: str) -> str:
    """Names the first few: the headline must show which cases left the count."""
    ids = judgement.weakened
    if not ids:
        return ""
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"{joint} {_number(len(ids), 'case')} weakened ({', '.join(ids[:3])}{more})"


def _gates_unmet(judgement: Judgement, suites: Iterable[Suite]) -> list[str]:
    kinds = {suite.name: suite.gate.of for suite in suites if suite.gate}
    return [
        f"gate not met: suite {s.suite}: {_shown(_rate(s, kinds[s.suite]))} is below {s.gate}"
        for s in judgement.suites
        if not s.gate_met
    ]


def _rate(measured: Judgement | SuiteJudged, of: RateKind) -> Rate | None:
    return measured.raw if of is RateKind.RAW else measured.adjusted


def _met(judgement: Judgement, goal: Goal) -> str:
    rate = _rate(judgement, goal.of)
    known = known_failing(judgement)
    but = f" but for {_number(known, 'known issue')}" if known else ""
    return f"goal met{but}: {_shown(rate)} meets {judgement.goal}"


def _shown(rate: Rate | None) -> str:
    return f"{rate} ({rate.percent}%)" if rate else "no rate"


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
