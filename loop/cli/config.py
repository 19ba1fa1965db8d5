"""`loop config`: check, show, schema, docs. pydantic and YAML are loaded by the commands, not by this module."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loop.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from loop.config import Loaded

FOLDER = "configs"

app = typer.Typer(help="Check, show and explain the configuration.", no_args_is_help=True)

Chosen = Annotated[str | None, typer.Option("--env", "-e", help="Environment; default: all in configs/.")]
Env = Annotated[str, typer.Option("--env", "-e", help="Environment: the name of a file in configs/, without .yaml.")]

Section = Annotated[str | None, typer.Argument(help="One section, e.g. services; default: all.")]


@app.command()
def check(env: Chosen = None) -> None:
    """Read environments as a run would and name every mistake, with file, line and key."""
    root = repository(Path.cwd())
    mistaken: list[ConfigError] = []
    for name in [env] if env else _environments(root):
        try:
            _say(_loaded(name, root))
        except ConfigError as error:
            mistaken.append(error)
    if mistaken:
        raise _together(mistaken)


@app.command()
def show(env: Env) -> None:
    """Print an environment as merged YAML; secrets stay ${secret:VAR}, and what looks like one is masked."""
    import yaml

    from loop.core.redact import Redactor

    loaded = _loaded(env, repository(Path.cwd()))
    typer.echo(f"# {' over '.join(loaded.files)}")
    text = yaml.safe_dump(loaded.merged, sort_keys=False, allow_unicode=True, width=120)
    typer.echo("".join(Redactor({}).lines([text])), nl=False)
    _warn(loaded)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a configuration file, for editors."""
    import json

    from loop.config.reference import schema

    typer.echo(json.dumps(schema(), indent=2, ensure_ascii=False))


@app.command()
def docs(section: Section = None) -> None:
    """Print every key with its meaning and default."""
    from loop.config.problems import did_you_mean
    from loop.config.reference import reference, sections

    if section is not None and section not in sections():
        guess = did_you_mean(section, sections())
        raise UsageError(
            f'there is no section "{section}"{guess}', where="loop config docs", hint=", ".join(sections())
        )
    typer.echo(reference(section), nl=False)


def repository(start: Path) -> Path:
    """The nearest folder upwards with git's mark, else with configs/, else the start itself."""
    folders = (start, *start.parents)
    return next((folder for mark in (".git", FOLDER) for folder in folders if (folder / mark).exists()), start)


def _loaded(name: str, root: Path) -> "Loaded":
    import os

    from loop.config import load, tree

    return load(name, read=tree(root), variables=os.environ)


def _environments(root: Path) -> tuple[str, ...]:
    from loop.config import environments, foundations, tree

    folder = root / FOLDER
    names = tuple(file.name for file in folder.iterdir()) if folder.is_dir() else ()
    read = tree(root)
    found = environments(names, read=read)
    for file in foundations(names, read=read):
        typer.echo(f"note: {file} is left out: it has neither services: nor suites:, so it is no environment", err=True)
    if not found:
        raise ConfigError([f"no environment in {FOLDER}/"], where=str(folder), hint="loop config docs")
    return found


def _say(loaded: "Loaded") -> None:
    from loop.config.values import percent

    own, *extended = [file for file in loaded.files if not file.endswith("known-issues.yaml")]
    names = " -> ".join(file.removeprefix(f"{FOLDER}/") for file in extended)
    counts = ", ".join(_counts(loaded))
    goal = percent(loaded.environment.charter.goal.pass_rate)
    typer.echo(f"ok: {own}{f' (extends {names})' if names else ''}: {counts}, goal pass rate >= {goal}")
    _warn(loaded)


def _counts(loaded: "Loaded") -> Iterator[str]:
    environment = loaded.environment
    yield _several(len(environment.services), "service")
    yield _several(len(environment.charter.suites), "suite")
    if environment.charter.known_issues:
        yield _several(len(environment.charter.known_issues), "known issue")


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _warn(loaded: "Loaded") -> None:
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)


def _together(mistaken: list[ConfigError]) -> ConfigError:
    """One error for several environments; what they extend in common is named once."""
    problems = dict.fromkeys(problem for error in mistaken for problem in error.problems)
    return ConfigError(tuple(problems), where=", ".join(error.where for error in mistaken), hint=mistaken[0].hint)
