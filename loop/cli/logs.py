"""`loop logs SERVICE`: what a service wrote, read through the platform, and on request as it goes on writing."""

import os
import re
import sys
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from loop.errors import UsageError

if TYPE_CHECKING:
    from loop.cloud import Logged
    from loop.cloud.following import Read
    from loop.core.environment import Environment, Service
    from loop.perform.setting import Mask
    from loop.source import Repository

MOST = 1000
"""Entries of one read."""


def logs(
    service: Annotated[str, typer.Argument(help="The service, by its key in the configuration.")],
    env: Annotated[
        str | None, typer.Option("--env", "-e", help="Environment; may be left out where there is only one.")
    ] = None,
    revision: Annotated[str, typer.Option(help="Only this revision; default: all of them.")] = "",
    since: Annotated[str, typer.Option(help="How far to look back: 90s, 10m, 2h, 1d.")] = "1h",
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, max=MOST, help="Most entries that are shown, the last ones.")
    ] = 100,
    requests: Annotated[bool, typer.Option("--requests", help="Show the request log too.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """What a service wrote lately, oldest first: time, severity, revision, text."""
    from loop.cli.here import connector, repository
    from loop.engine import utc_now
    from loop.perform.setting import Mask

    repo = repository()
    begin = utc_now() - _back(since)
    environment = _environment(env, repo)
    wanted = _service(service, environment)
    redact = Mask()
    _learn(redact, environment)
    with ExitStack() as stack:
        platform = connector(environment.charter.platform, repo, stack)()

        def read(since: datetime, most: int) -> "tuple[Logged, ...]":
            return platform.recent(wanted, revision, since=since, requests=requests, limit=most)

        try:
            found = read(begin, lines)
            if not found and revision and not platform.has_revision(wanted, revision):
                hint = f"loop logs {service} shows all of them, each line with its own"
                raise UsageError(f"{service} has no revision {revision}", where=f"--revision {revision}", hint=hint)
            if not found:
                of = f"{service} ({revision})" if revision else service
                sys.stderr.write(f"no line of {of} in the last {since}\n")
            _print(found, read if follow else None, begin, redact)
        except KeyboardInterrupt:
            pass  # how --follow ends
        except BrokenPipeError:  # whoever reads has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(found: "tuple[Logged, ...]", read: "Read | None", begin: datetime, redact: "Mask") -> None:
    """What was found; with `read`, what comes after it too, for ever."""
    from loop.cloud.following import following

    shown = _Shown(redact)
    shown.show(found)
    for look in following(read, begin, found, most=MOST, wait=time.sleep) if read else ():
        if look.cut_before:
            sys.stderr.write(f"too many lines at once: those before {look.cut_before:%H:%M:%S} are left out\n")
        shown.show(look.entries)


class _Shown:
    """Writes entries to stdout, redacted: a private key goes over many of them."""

    def __init__(self, redact: "Mask") -> None:
        self._redact = redact.line_by_line()

    def show(self, entries: "tuple[Logged, ...]") -> None:
        from loop.console.loglines import log_lines
        from loop.core.loglines import plain_lines

        for entry in entries:
            text = "\n".join(map(self._redact, plain_lines(entry.text)))
            for line in log_lines(entry.at, entry.severity, entry.revision, text):
                sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _back(since: str) -> timedelta:
    from loop.config.values import seconds

    hint = "loop logs SERVICE --since 10m"
    if re.fullmatch(r"[\d.]+", since.strip()):
        sentence = f"expected a time with its unit such as 90s, 10m, 2h or 1d, found {since}"
        raise UsageError(sentence, where=f"--since {since}", hint=hint)
    try:
        return timedelta(seconds=seconds(since))
    except ValueError as error:
        raise UsageError(str(error), where=f"--since {since}", hint=hint) from error


def _environment(name: str | None, repo: "Repository") -> "Environment":
    from loop import config
    from loop.cli.here import known_environment

    read = config.tree(repo.root)
    if name is None:
        files = tuple(path.name for path in (repo.root / "configs").glob("*.yaml"))
        names = config.environments(files, read=read)
        if len(names) != 1:
            there = f"--env takes: {', '.join(names)}" if names else "make one; README.md shows the least that works"
            raise UsageError("which environment?", where=str(repo.root), hint=there)
        name = names[0]
    known_environment(name, repo.root)
    return config.load(name, read=read, variables=os.environ).environment


def _service(name: str, environment: "Environment") -> "Service":
    found = next((service for service in environment.services if service.name == name), None)
    if found is None:
        names = ", ".join(service.name for service in environment.services)
        where = f"environment {environment.charter.name}"
        raise UsageError(f"no service is called {name}", where=where, hint=f"SERVICE takes: {names}")
    return found


def _learn(redact: "Mask", environment: "Environment") -> None:
    from loop import config

    redact.learn(config.secrets(environment, os.environ))
