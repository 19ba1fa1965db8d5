"""`loop flaky`: which cases change their mind without anybody changing the product or the tests."""

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from loop.core.flaky import Sighting
    from loop.core.state import IterationState
    from loop.journal import Journal, Run


def flaky(
    env: Annotated[
        str | None, typer.Option("--env", "-e", help="Environment; default: that of the newest run.")
    ] = None,
    last: Annotated[int, typer.Option(min=2, help="Valid iterations to look at, newest last.")] = 20,
) -> None:
    """Cases that changed over the last iterations, worst first; `flaky`: on the same images and tests."""
    from loop.cli.here import journal_of, repository
    from loop.cli.judged import environment_of, judged
    from loop.console.records import flaky as shown
    from loop.core.flaky import habits
    from loop.core.stopping import comparable

    journal = journal_of(repository())
    environment = environment_of(journal, env)
    valid = ((r, i) for r, _, i in judged(journal, environment) if i.judgement and comparable(i.judgement))
    chosen = list(reversed(list(islice(valid, last))))
    found = habits(_sightings(journal, chosen))
    sys.stdout.write(shown(environment, len(chosen), found))


def _sightings(journal: "Journal", chosen: "list[tuple[Run, IterationState]]") -> "Iterator[Sighting]":
    """One after another: the cases of many iterations need not be in memory at once."""
    from loop.core.flaky import Sighting, images
    from loop.perform.history import cases_of

    for run, iteration in chosen:
        rows = (case for cases in cases_of(iteration, journal, run).values() for case in cases)
        served = images({s.name: s.image for s in iteration.services.values()})
        yield Sighting(cases=rows, images=served, testside=iteration.testside)
