"""Text of what is kept over many runs: known issues, the baseline, what flips. Values in, text out, with a newline."""

from collections.abc import Collection, Sequence
from datetime import date

from loop.console.text import cut, table
from loop.core.environment import KnownIssue
from loop.core.flaky import Habit, changed
from loop.core.known import KnownList, covers
from loop.core.model import Failing
from loop.core.state import IterationState
from loop.core.wording import count, moment, one_line, short_commit

WHOLE = 10_000
"""Case ids and patterns are there to be copied, so these tables are as wide as they are."""
SIGNATURE = 60


def known(issues: Sequence[KnownIssue], failing: Sequence[Failing], *, today: date) -> str:
    """`failing`: what did not pass in the newest judged iterations."""
    if not issues:
        return "No known issue is listed.\n"
    listed = KnownList(issues=tuple(issues), today=today)
    rows = [_issue(issue, failing, listed) for issue in issues]
    return "\n".join(table(("Pattern", "Signature", "Owner", "Until", "Days left", "State"), rows, WHOLE)) + "\n"


def _issue(issue: KnownIssue, failing: Sequence[Failing], listed: KnownList) -> tuple[str, ...]:
    left = (date.fromisoformat(issue.until) - listed.today).days
    return (
        issue.pattern,
        cut(issue.signature, SIGNATURE),
        cut(issue.owner, SIGNATURE),
        issue.until,
        str(max(left, 0)),
        _state(issue, failing, listed),
    )


def _state(issue: KnownIssue, failing: Sequence[Failing], listed: KnownList) -> str:
    covered = sum(1 for f in failing if covers(issue, f.id, f.outcome, f.signature))
    state = "expired" if listed.expired(issue) else "active"
    return f"{state}, would cover {count(covered, 'case')} now" if covered else state


def baseline(
    run: str, iteration: IterationState, cases: int, accepted: Sequence[tuple[str, str]], suites: Collection[str]
) -> str:
    """`accepted`: case ids, each with who, when and why; `suites`: those of the newest run."""
    judgement = iteration.judgement
    assert judgement is not None
    counts = ", ".join(f"{number} {outcome}" for outcome, number in judgement.counts.items())
    judged = f", judged {moment(iteration.judged)}" if iteration.judged else ""
    lines = [
        f"{run} {iteration.title.lower()}: commit {short_commit(iteration.commit)} {one_line(iteration.subject, 80)}",
        f"{count(cases, 'case')}: {counts}{judged}",
        *([f"its suites: {', '.join(iteration.suites)}; those of the newest run: {', '.join(sorted(suites))}"]
          if set(iteration.suites) != set(suites) else []),
        *(f"weakened in it: {one_line(case, 2_000)}" for case in judgement.weakened),
        *(f"accepted: {one_line(case, 2_000)} ({one_line(why)})" for case, why in accepted),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def flaky(environment: str, iterations: int, habits: Sequence[Habit]) -> str:
    found = changed(habits)
    over = count(iterations, "valid iteration")
    head = f"{environment}: {count(len(found), 'case')} of {len(habits)} changed over {over}"
    if not found:
        return f"{head}.\n"
    rows = [_habit(habit) for habit in found]
    titles = ("Last", "Passed", "Flips", "Retried", "", "Case")
    return "\n".join([f"{head}, oldest first.", "", *table(titles, rows, WHOLE)]) + "\n"


def _habit(habit: Habit) -> tuple[str, ...]:
    passed = f"{habit.passed}/{habit.counted}"
    flips = f"{habit.flips}/{max(habit.counted - 1, 0)}"
    return habit.last, passed, flips, str(habit.retried or ""), "flaky" if habit.flaky else "", habit.id
