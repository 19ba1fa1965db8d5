"""`loop init`: writes a configuration from what is there, and says what it had to guess. Asks nobody anything."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loop.errors import UsageError

if TYPE_CHECKING:
    from loop.config.folders import Folder
    from loop.config.proposal import Entry, Proposal
    from loop.core.deployed import Deployed
    from loop.source import Repository

EMULATOR = "emulator"
LARGEST = 200_000
"""Bytes of a file that is read for hints."""
LINKED = (".venv", "node_modules")
"""Untracked folders at the root that tests commonly need."""


def init(
    project: Annotated[str | None, typer.Option(help="Google Cloud project whose services are listed.")] = None,
    region: Annotated[str | None, typer.Option(help="Their Cloud Run region.")] = None,
    env: Annotated[
        str | None,
        typer.Option("--env", "-e", help="Environment to write; default: staging with --project, else local."),
    ] = None,
    endpoint: Annotated[
        str,
        typer.Option(
            help="`google`, `emulator`, or host:port, the admin address of an emulator that runs (`loop emulator`)."
        ),
    ] = "google",
) -> None:
    """Write configs/ENV.yaml, commented: from a project's services, or from the folders of this repository.

    With --project and --region the services of the project; without, every folder with a Procfile, a Dockerfile or the
    like, for the embedded emulator. Nothing is overwritten and nothing is asked; what was guessed is marked.
    """
    from loop.cli.here import repository

    repo = repository()
    name = env or ("staging" if project else "local")
    _free(repo.root, name)
    if bool(project) != bool(region):
        raise UsageError("--project and --region go together", hint="loop init --project PROJECT --region REGION")
    with ExitStack() as stack:
        found = _listed(project, region, endpoint, repo, stack) if project and region else ()
    proposal = _proposal(name, found, _platform(project, region, endpoint), repo)
    path = _written(repo.root, proposal)
    sys.stdout.write("".join(f"{line}\n" for line in _told(path, proposal)))


def _free(root: Path, name: str) -> None:
    file = root / "configs" / f"{name}.yaml"
    if file.exists() or file.is_symlink():
        raise UsageError(
            f"configs/{name}.yaml is there already, and nothing is overwritten",
            where=str(root),
            hint=f"loop init --env OTHER, or move the file away; loop config check --env {name} says what is in it",
        )


def _listed(project: str, region: str, endpoint: str, repo: "Repository", stack: ExitStack) -> "Sequence[Deployed]":
    from loop.cli.here import connector
    from loop.core.environment import PlatformTarget

    target = PlatformTarget(project=project, region=region, repository="", bucket="", endpoint=endpoint)
    return connector(target, repo, stack)().existing()


def _platform(project: str | None, region: str | None, endpoint: str) -> "tuple[Entry, ...]":
    from loop.config.proposal import Entry

    if project is None:
        return (Entry(key="endpoint", value=EMULATOR, why="Cloud Run on this machine: no account, no network"),)
    where = () if endpoint == "google" else (Entry(key="endpoint", value=endpoint),)
    return (*where, Entry(key="project", value=project), Entry(key="region", value=region))


def _proposal(name: str, found: "Sequence[Deployed]", platform: "tuple[Entry, ...]", repo: "Repository") -> "Proposal":
    from loop.config import deployed, folders, managed, runners
    from loop.config.proposal import Proposal
    from loop.source import tracked_files

    files = tracked_files(repo)

    def read(path: str) -> str:
        file = repo.root / path
        try:
            return file.read_text("utf-8") if file.is_file() and file.stat().st_size <= LARGEST else ""
        except (OSError, UnicodeDecodeError):
            return ""

    here = folders.service_folders(files, read, repository=repo.root.name)
    if not found and not here:
        raise _nothing(repo.root)
    emulated = any(entry.value == EMULATOR for entry in platform)
    return Proposal(
        environment=name,
        origin="the services of the project" if found else "the folders of this repository",
        title=f"{name.capitalize()}{' emulator' if emulated else ''}",
        platform=platform,
        services=deployed.services(found, here, os.environ) if found else folders.services(here, read),
        suites=runners.suites(files, read, within=_paths(here)),
        workspace=runners.workspace([link for link in LINKED if _untracked(repo.root, link, files)]),
        left_out=() if found else folders.left_out(files, read, here),
        exported=tuple(managed.exported(found, os.environ).values()),
        notes=tuple(deployed.notes(found, os.environ) if found else folders.notes(here, emulated=emulated)),
    )


def _nothing(root: Path) -> UsageError:
    sought = "no folder holds a Procfile with a `web:` line, a Dockerfile, a package.json with a start script or a"
    return UsageError(
        f"there is nothing to write of: {sought} requirements.txt",
        where=str(root),
        hint="give a service a Procfile (`web: python app.py`), or: loop init --project PROJECT --region REGION",
    )


def _paths(here: "Sequence[Folder]") -> list[str]:
    return [folder.path for folder in here if folder.path != "."]


def _untracked(root: Path, link: str, files: Sequence[str]) -> bool:
    return (root / link).is_dir() and not any(file.startswith(f"{link}/") for file in files)


def _written(root: Path, proposal: "Proposal") -> Path:
    """Checked first, as a run would read it; then made, unless somebody else was faster."""
    from loop import config
    from loop.config.proposal import text

    path, content = f"configs/{proposal.environment}.yaml", text(proposal)
    there = config.tree(root)
    set_later = dict.fromkeys(proposal.exported, "a value that the shell will have")
    variables = {**os.environ, **set_later}
    config.load(proposal.environment, read=lambda file: content if file == path else there(file), variables=variables)
    try:
        (root / "configs").mkdir(exist_ok=True)
        with (root / path).open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        _free(root, proposal.environment)
        raise
    except OSError as error:
        hint = "make it a folder that you may write to"
        raise UsageError(f"{path} can not be written: {error.strerror}", where=str(root), hint=hint) from error
    return Path(path)


def _told(path: Path, proposal: "Proposal") -> Iterator[str]:
    from shutil import get_terminal_size

    from loop.config.proposal import guesses
    from loop.console.text import wrapped

    width = get_terminal_size().columns
    counts = _counted(len(proposal.services), "service"), _counted(len(proposal.suites), "suite")
    yield f"Wrote {path}: {', '.join(counts)}, from {proposal.origin}."
    guessed = guesses(proposal)
    if guessed:
        yield from ("", "Guessed, and marked so in the file:")
        for key, why in guessed:
            yield from _hanging(f"{key}: {why}", width)
    if proposal.left_out:
        yield ""
        yield from wrapped(f"Note: left out: {', '.join(proposal.left_out)}", width)
    for note in proposal.notes:
        yield ""
        yield from wrapped(f"Note: {note}", width)
    yield from ("", f"Look before it runs: loop doctor --env {proposal.environment}")
    yield f"Next: loop run --env {proposal.environment}"


def _hanging(text: str, width: int) -> Iterator[str]:
    from loop.console.text import wrapped

    first, *rest = wrapped(text, width - 4)
    yield f"  {first}"
    yield from (f"    {line}" for line in rest)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
