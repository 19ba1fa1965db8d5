"""`loop run` and `loop resume`: turn the loop, in the foreground, until it ends or is stopped."""

from typing import Annotated

import typer

Env = Annotated[str, typer.Option("--env", "-e", help="Environment: the name of a file in configs/, without .yaml.")]


def run(
    env: Env,
    ref: Annotated[
        str | None, typer.Option(help="Commit, branch or tag to start from; default HEAD, or your uncommitted tree.")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="git fetch first, so that --ref origin/main is today's.")
    ] = False,
    iterations: Annotated[
        int | None, typer.Option(min=0, help="Iterations after Initial; overrides limits.iterations.")
    ] = None,
    suite: Annotated[
        list[str] | None, typer.Option(help="Only this suite (repeatable). A partial run can not meet the goal.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait while another run holds the environment.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the events as JSON lines on stdout.")] = False,
) -> None:
    """Build, deploy, wait until the new revisions serve, test, judge, report; let the fixer act; turn again."""
    from loop.cli.session import Session, Wish

    wish = Wish(ref=ref, fetch=fetch, iterations=iterations, suites=tuple(suite or ()))
    with Session.opened(env, wait=wait) as session:
        raise typer.Exit(session.run(wish, json=json))


def resume(
    run: Annotated[str | None, typer.Argument(help="The run, e.g. staging-42; default: the newest of --env.")] = None,
    env: Annotated[str | None, typer.Option("--env", "-e", help="Environment whose newest run goes on.")] = None,
    ref: Annotated[
        str | None, typer.Option(help="Commit for the next iteration; default HEAD, or your uncommitted tree.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Turn again although nothing changed.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait while another run holds the environment.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the events as JSON lines on stdout.")] = False,
) -> None:
    """Go on with a run that was stopped, or start its next iteration from your commit."""
    from loop.cli.session import Session
    from loop.cli.which import resumable

    environment, name = resumable(run, env)
    with Session.opened(environment, wait=wait) as session:
        raise typer.Exit(session.resume(name, ref=ref, again=again, json=json))
