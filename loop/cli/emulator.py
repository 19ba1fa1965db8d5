"""`loop emulator`: the emulator on its own, for use with any client of Google's APIs."""

from pathlib import Path
from typing import Annotated

import typer


def emulator(
    state: Annotated[Path, typer.Option(help="Folder for its services, images and logs.")] = Path(".loop/emulator"),
    quota: Annotated[
        list[str] | None,
        typer.Option(help="NAME=NUMBER: revisions-per-service, tags-per-region or log-reads-per-minute; repeatable."),
    ] = None,
) -> None:
    """Serve Cloud Run, Cloud Build, Logging and Storage on loopback until stopped; prints its endpoints as JSON."""
    from loop.emulator import serve

    serve(state, standalone=True, quotas=quota or ())
