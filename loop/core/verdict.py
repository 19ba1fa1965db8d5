"""What may be said of one iteration: validity first, then the goal and the gates (design section 5). Pure.

Numbers come from tally.py, reasons against them from validity.py, comparisons from compare.py; here is decided what
they mean, and every verdict carries the sentence of the rule from which it follows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from loop.core import validity
from loop.core.compare import Earlier, Standing, cause, compare, suite_of, together_digest
from loop.core.environment import Capability, Charter, Gate, Goal, KnownIssues, RateKind
from loop.core.goal import confirmed, decided, meets, rule_text
from loop.core.known import KnownList, remarks
from loop.core.model import (
    CapabilityJudged,
    Case,
    Comparison,
    Failing,
    Judgement,
    Outcome,
    Problem,
    Rate,
    SuiteJudged,
    SuiteResult,
    Verdict,
)
from loop.core.patterns import matching
from loop.core.tally import Before, Tally, adjusted, raw, tally

MESSAGE = 1000
"""Characters of a failure's message that a judgement keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one iteration gave, before anything is said of it."""

    iteration: int
    results: Mapping[str, SuiteResult]
    """By suite; a suite that did not run has none."""
    cases: Mapping[str, Sequence[Case]]
    """By suite, of the attempt that counts."""
    selected: tuple[str, ...] = ()
    """`--suite`; empty means all. A partial run never meets the goal."""
    confirming: tuple[str, ...] = ()
    """The suites of a confirmation: all that it wants, so that it may meet the goal with fewer than the run has."""
    confirms: Judgement | None = None
    """Of the iteration whose promotion a confirmation is to confirm."""
    problems: tuple[Problem, ...] = ()
    """From elsewhere: contaminated, not verified, dependency, operation open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What an iteration is held against."""

    previous: Earlier | None = None
    """The run's last iteration for which `stopping.comparable` holds."""
    baseline: Earlier | None = None
    """The environment's last complete, valid iteration, in the suites of now; else `previous` takes its place."""
    accepted: frozenset[str] = frozenset()
    """Cases whose weakening somebody accepted since the baseline."""
    note: str = ""
    """What earlier runs covered and can not be held against this one, as a sentence."""

    def counted(self) -> frozenset[str]:
        """Also of `previous`: what was new in it may not be weakened in the next iteration either."""
        ids = {case_id for earlier in (self.baseline, self.previous) if earlier for case_id in earlier.counted()}
        return frozenset(ids - self.accepted)


def judge(charter: Charter, trial: Trial, history: History, *, today: date) -> Judgement:
    """Linear in the number of cases; `today` is the UTC day by which known issues expire."""
    known = KnownList(issues=charter.known_issues, today=today)
    tallies = _tallies(charter, trial, history, known)
    judgement = _measured(charter, tallies)
    problems = validity.problems(tallies, trial.problems)
    if problems:
        return _invalid(judgement, problems)
    judgement = _compared(judgement, trial, history, tallies)
    judgement = replace(judgement, notes=_notes(known, tallies, trial))
    return confirmed(decided(judgement, charter, partial=bool(trial.selected)), trial.confirms)


def deploy_failed(charter: Charter, reasons: Sequence[str], *, previous: Judgement | None = None) -> Judgement:
    """The product did not build, start or become healthy: failed, for a fixer can repair it; no suite, so no rate."""
    return Judgement(
        verdict=Verdict.FAILED,
        rule=f"deploy failed: {_first(reasons)}",
        reasons=tuple(reasons),
        goal=rule_text(charter.goal.pass_rate, charter.goal.of),
        progress=previous is None,
        deployed=False,
    )


def hook_failed(charter: Charter, hook: str, reason: str, *, previous: Judgement | None = None) -> Judgement:
    """What was to prepare deployment or suites did not succeed: failed like a deployment, and for a fixer as well."""
    rule = f"hook failed: {hook} {reason}"
    return replace(deploy_failed(charter, [rule], previous=previous), rule=rule)


def _tallies(charter: Charter, trial: Trial, history: History, known: KnownList) -> list[Tally]:
    chosen = trial.confirming or trial.selected
    suites = [suite for suite in charter.suites if not chosen or suite.name in chosen]
    counted = history.counted()
    present = {case.id for cases in trial.cases.values() for case in cases}
    gone = _by_suite(case_id for case_id in sorted(counted - present))
    expected = _expected(history, present)
    failing = _failing(charter.goal, trial.iteration, history.previous, known)
    return [
        tally(
            suite,
            trial.results.get(suite.name),
            trial.cases.get(suite.name, ()),
            Before(counted=counted, gone=gone.get(suite.name, ()), expected=expected.get(suite.name)),
            failing,
        )
        for suite in suites
    ]


def _expected(history: History, present: set[str]) -> Mapping[str, int]:
    """Cases per suite of the baseline, else of the iteration before; what is gone by consent is expected no more."""

    def wanted(earlier: Earlier | None) -> Counter[str]:
        ids = earlier.cases if earlier else ()
        return Counter(suite_of(each) for each in ids if each in present or each not in history.accepted)

    return {**wanted(history.previous), **wanted(history.baseline)}


def _by_suite(ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for case_id in ids:
        groups.setdefault(suite_of(case_id), []).append(case_id)
    return {suite: tuple(members) for suite, members in groups.items()}


def _failing(goal: Goal, iteration: int, previous: Earlier | None, known: KnownList) -> Callable[[Case], Failing]:
    """Where the goal forbids known issues, none covers anything: they count plainly."""
    since = {failing.id: failing.since for failing in previous.judgement.failing} if previous else {}
    allowed = goal.known_issues is KnownIssues.ALLOW

    def failing(case: Case) -> Failing:
        why = cause(case)
        return Failing(
            id=case.id,
            outcome=case.outcome,
            signature=why,
            message=case.message[:MESSAGE],
            since=since.get(case.id, iteration),
            known=known.covering(case.id, case.outcome, why) if allowed else "",
        )

    return failing


def _measured(charter: Charter, tallies: Sequence[Tally]) -> Judgement:
    """Every number, and no verdict yet. Where a suite is missing there is no rate of the iteration."""
    complete = all(t.result is not None for t in tallies)
    results = {t.suite.name: t.result for t in tallies if t.result is not None}
    return Judgement(
        verdict=Verdict.INVALID,
        rule="",
        raw=raw(tallies) if complete else None,
        adjusted=adjusted(tallies) if complete else None,
        counts=_counts(tallies),
        flaky=tuple(case_id for t in tallies for case_id in t.flaky),
        xpassed=tuple(case_id for t in tallies for case_id in t.xpassed),
        weakened=tuple(case_id for t in tallies for case_id in t.weakened),
        failing=tuple(failing for t in tallies for failing in t.failing),
        suites=tuple(_suite(t) for t in tallies),
        capabilities=tuple(_capability(capability, tallies) for capability in charter.capabilities),
        goal=rule_text(charter.goal.pass_rate, charter.goal.of),
        cases_digest=together_digest({name: result.cases_digest for name, result in results.items()}),
        sources_digest=together_digest({name: result.sources_digest for name, result in results.items()}),
    )


def _counts(tallies: Sequence[Tally]) -> dict[Outcome, int]:
    numbers = {outcome: sum(t.counts.get(outcome, 0) for t in tallies) for outcome in Outcome}
    return {outcome: number for outcome, number in numbers.items() if number}


def _suite(tally: Tally) -> SuiteJudged:
    gate = tally.suite.gate
    rates = {RateKind.RAW: raw([tally]), RateKind.ADJUSTED: adjusted([tally])}
    return SuiteJudged(
        suite=tally.suite.name,
        raw=rates[RateKind.RAW],
        adjusted=rates[RateKind.ADJUSTED],
        counts=tally.counts,
        gate=rule_text(gate.pass_rate, gate.of) if gate else "",
        gate_met=_gate_met(gate, rates[gate.of], tally) if gate else True,
        seconds=tally.result.seconds if tally.result else 0.0,
    )


def _gate_met(gate: Gate, rate: Rate | None, tally: Tally) -> bool:
    """A suite whose every counted case failed as known has no adjusted rate, and nothing for its gate to hold back."""
    return tally.known > 0 if rate is None else meets(rate, gate.pass_rate)


def _capability(capability: Capability, tallies: Sequence[Tally]) -> CapabilityJudged:
    passed = sum(len(matching(capability.patterns, t.passing)) for t in tallies)
    not_passed = [case_id for t in tallies for case_id in (*(f.id for f in t.failing), *t.weakened)]
    failing = tuple(sorted(matching(capability.patterns, not_passed)))
    return CapabilityJudged(name=capability.name, passed=passed, counted=passed + len(failing), failing=failing)


def _first(reasons: Sequence[str]) -> str:
    more = len(reasons) - 1
    return reasons[0] + (f" (and {more} more)" if more else "")


def _invalid(judgement: Judgement, problems: Sequence[Problem]) -> Judgement:
    """Not compared either: a gain or a loss that rests on invalid numbers is none."""
    reasons = tuple(problem.sentence for problem in problems)
    return replace(
        judgement, rule=f"invalid: {_first(reasons)}", reasons=reasons, problems=tuple(problems), progress=False
    )


def _compared(judgement: Judgement, trial: Trial, history: History, tallies: Sequence[Tally]) -> Judgement:
    suites = frozenset(t.suite.name for t in tallies)
    now = _standings(judgement, trial, suites)

    def against(earlier: Earlier | None) -> Comparison | None:
        if earlier is None:
            return None
        both = {n: r.sources_digest for n, r in trial.results.items() if n in earlier.sources and n in suites}
        digest = together_digest(both) if earlier.sources else judgement.sources_digest
        return compare(earlier.only(suites), now, suites=suites, sources_digest=digest)

    before = against(history.previous)
    baseline = before if history.baseline is history.previous else against(history.baseline)
    progress = before is None or bool(before.fixed or before.still_changed)
    return replace(judgement, comparison=before, baseline=baseline, progress=progress)


def _standings(judgement: Judgement, trial: Trial, suites: frozenset[str]) -> dict[str, Standing]:
    causes = {failing.id: failing.signature for failing in judgement.failing}
    return {
        case.id: Standing(case.outcome, causes.get(case.id, ""), case.source)
        for suite, cases in trial.cases.items() if suite in suites
        for case in cases
    }  # fmt: skip


def _notes(known: KnownList, tallies: Sequence[Tally], trial: Trial) -> tuple[str, ...]:
    failures = [(f.id, f.outcome, f.signature) for t in tallies for f in t.failing]
    passing = [case_id for t in tallies for case_id in t.passing]
    return remarks(known, failures, passing, complete=not trial.selected)
