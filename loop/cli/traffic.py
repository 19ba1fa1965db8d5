"""`loop promote`, `rollback` and `prune`: who takes traffic, decided by a person. All hold the environment's lease."""

import sys
from typing import Annotated

import typer

Env = Annotated[str | None, typer.Option("--env", "-e", help="Environment whose newest run is meant.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another run holds the environment.")]
Json = Annotated[bool, typer.Option("--json", help="Print the events as JSON lines on stdout.")]


def promote(
    run: Annotated[str | None, typer.Argument(help="The run, e.g. staging-42; default: the newest of --env.")] = None,
    env: Env = None,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Give all traffic to the candidates that a run tested, as one unit, and confirm it (traffic: promote: manual)."""
    from loop.cli.session import Session
    from loop.cli.which import promotable

    environment, name = promotable(run, env)
    with Session.of_run(name, environment, wait=wait) as session:
        raise typer.Exit(session.promote(name, json=json))


def rollback(
    run: Annotated[str | None, typer.Argument(help="The run, e.g. staging-42; default: the newest of --env.")] = None,
    env: Env = None,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Put back, as one unit, the split that a run found when it started. What somebody else moved since is left alone.

    Exit code 3 where something was left alone. What a roll back could not finish, the same command goes on with.
    """
    from loop.cli.session import Session
    from loop.cli.which import of_journal

    environment, name = of_journal(run, env)
    with Session.of_run(name, environment, wait=wait) as session:
        raise typer.Exit(session.rollback(name, json=json))


def prune(
    env: Annotated[str, typer.Option("--env", "-e", help="Environment whose services are looked at.")],
    keep: Annotated[int, typer.Option(min=1, help="Newest runs, and newest revisions of ours, that stay.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    wait: Wait = False,
) -> None:
    """Remove tags and revisions of older runs. Stays: what serves, what a roll back of a kept run needs, and everything
    that loop did not make.
    """
    from loop.cli.session import Session

    with Session.opened(env, wait=wait) as session:
        for line in session.prune(keep, dry=dry_run):
            sys.stdout.write(f"{line}\n")
