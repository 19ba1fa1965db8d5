"""`loop baseline`: which iteration is an environment's baseline, and the recorded consent to a weakened case."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from loop.errors import UsageError

if TYPE_CHECKING:
    from loop.journal import Journal

app = typer.Typer(help="The baseline: show it, accept what was weakened since.", no_args_is_help=True)

Env = Annotated[str | None, typer.Option("--env", "-e", help="Environment; default: that of the newest run.")]


@app.command()
def show(env: Env = None) -> None:
    """The iteration that the next run is held against, and what was accepted."""
    from loop.cli.judged import environment_of
    from loop.console.records import baseline
    from loop.perform.history import baseline_iteration, cases_of

    journal = _journal()
    environment = environment_of(journal, env)
    suites = {suite.name for suite in journal.state(journal.runs(environment)[-1]).charter.suites}
    found = baseline_iteration(journal, environment, suites)
    accepted = [
        (a.case_id, f"{a.who}, {a.at:%Y-%m-%d %H:%M} UTC: {a.reason}") for a in journal.acceptances(environment)
    ]
    if found is None:
        sys.stdout.write(f"{environment} has no baseline: no valid iteration of all suites of a run yet.\n")
        return
    run, iteration = found
    number = sum(len(rows) for rows in cases_of(iteration, journal, run).values())
    sys.stdout.write(baseline(run.name, iteration, number, accepted, suites))


@app.command()
def accept(
    cases: Annotated[list[str], typer.Argument(metavar="CASE...", help="Ids of weakened cases; `*` is any text.")],
    reason: Annotated[str, typer.Option(help="Why they no longer count; recorded with who and when.")],
    env: Env = None,
) -> None:
    """Agree that weakened cases no longer count. It takes effect with the next iteration."""
    from loop.cli.judged import environment_of, newest_judged
    from loop.engine import utc_now
    from loop.journal import Acceptance
    from loop.journal.lease import me

    if not reason.strip():
        raise UsageError("an acceptance needs a reason", where="--reason")
    journal = _journal()
    environment = environment_of(journal, env)
    _, state, iteration = newest_judged(journal, environment)
    assert iteration.judgement is not None
    ids = _weakened(cases, iteration.judgement.weakened, f"{state.name} {iteration.title.lower()}")
    now, who = utc_now(), me()
    journal.accept(environment, [Acceptance(case_id=c, who=who, at=now, reason=reason.strip()) for c in ids])
    for case in ids:
        sys.stdout.write(f"accepted by {who}: {case}\n")
    again = (
        f"loop resume {state.name} --again" if state.ended and state.ended.exit_code else f"loop run -e {environment}"
    )
    sys.stderr.write(f"It counts from the next iteration on: {again}\n")


def _weakened(patterns: list[str], weakened: tuple[str, ...], where: str) -> list[str]:
    """The weakened cases that are meant, in their order; each pattern must mean one."""
    from loop.core.patterns import matching

    wrong = [pattern for pattern in patterns if not matching([pattern], weakened)]
    if wrong:
        are = f"weakened there: {', '.join(weakened)}" if weakened else "no case is weakened there"
        raise UsageError(f"not weakened: {', '.join(wrong)}", where=where, hint=are)
    found = set(matching(patterns, weakened))
    return [case for case in weakened if case in found]


def _journal() -> "Journal":
    from loop.cli.here import journal_of, repository

    return journal_of(repository())
