"""`${secret:VAR}` and `${services.X.url}` become values here, at the last moment; nothing here is written anywhere."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from urllib.parse import quote

from loop.config.substitute import REFERENCE, secret_problem
from loop.core.environment import Environment
from loop.errors import ConfigError


def secrets(environment: Environment, variables: Mapping[str, str]) -> dict[str, str]:
    """Variable -> value for every secret that the environment names; a ConfigError names those that are missing."""
    references = [match for text in _texts(environment) for match in REFERENCE.finditer(text)]
    names = sorted({match["secret"] for match in references if match["secret"]})
    problems = [sentence for sentence in (secret_problem(name, variables) for name in names) if sentence]
    if problems:
        where = f"environment {environment.charter.name}"
        raise ConfigError(problems, where=where, hint="export the variable, then go on")
    return {name: variables[name] for name in names}


def reveal(
    text: str, *, secrets: Mapping[str, str], urls: Mapping[str, str], encode: Callable[[str], str] = str
) -> str:
    """Fill both kinds of references; `urls` maps the services' names as the configuration has them to addresses.

    `encode`: what becomes of a secret's value on its way in.
    """

    def fill(match: re.Match[str]) -> str:
        known, name = (secrets, match["secret"]) if match["secret"] else (urls, match["service"])
        if name not in known:
            raise ConfigError([f"{match[0]} is not known here"], where=match[0])
        return encode(known[name]) if match["secret"] else known[name]

    return REFERENCE.sub(fill, text)


def encoded_in(address: str) -> Callable[[str], str]:
    """How secrets stand in an address: percent-encoded in a part of it; one that is all of it is an address already."""
    return str if REFERENCE.fullmatch(address) else partial(quote, safe="")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _texts(inner)
