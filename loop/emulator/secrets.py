"""Secret Manager's place: secrets and their versions from one file on this machine, read whenever a process starts.

    db-password:
      1: "old"
      2: "new"

`latest` is the highest number. A secret of another project stands under `projects/PROJECT/secrets/NAME`.
"""

import contextlib
from pathlib import Path
from typing import Any

import yaml

FILE = "secrets.yaml"


class SecretMissing(Exception):
    """There is no such secret or version, or the file can not be read; no value is in the message."""


class Secrets:
    def __init__(self, path: Path) -> None:
        self._path = path

    def value(self, project: str, secret: str, version: str) -> str:
        """`secret` as a template names it: by its name, or in full for another project's."""
        short = secret.removeprefix(f"projects/{project}/secrets/")
        versions = self._versions(short)
        number = _latest(versions) if version == "latest" else version
        if number not in versions:
            full = short if "/" in short else f"projects/{project}/secrets/{short}"
            entry = f'{short}: {{{"1" if version == "latest" else version}: "TEXT"}}'
            raise SecretMissing(
                f"Secret {full}/versions/{version} was not found; the emulator reads it from {self._path}, as {entry}"
            )
        return versions[number]

    def every(self) -> dict[str, dict[str, str]]:
        return {secret: self._versions(secret) for secret in self._read()}

    def _versions(self, secret: str) -> dict[str, str]:
        found = self._read().get(secret) or {}
        if not isinstance(found, dict):
            raise SecretMissing(f"{self._path}: {secret} is not a list of versions, such as {{1: text}}")
        versions = {str(number): value for number, value in found.items()}
        for number, value in versions.items():
            if not isinstance(value, str):
                raise SecretMissing(f"{self._path}: version {number} of {secret} is not text; put it in quotes")
        return versions

    def _read(self) -> dict[str, Any]:
        try:
            told = yaml.safe_load(self._path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            # What is wrong with it is not quoted: a parser's message shows the line, and with it a value.
            raise SecretMissing(f"{self._path} can not be read as YAML") from None
        if not isinstance(told, dict | None):
            raise SecretMissing(f"{self._path} does not hold secrets by their names")
        return told or {}


def local_secrets(state: Path) -> dict[str, str]:
    """Every value of the file below `state` under a name for it, so that whoever writes text can mask them."""
    named = Secrets(state / FILE)
    values: dict[str, str] = {}
    with contextlib.suppress(SecretMissing):  # a revision that needs one will say what is wrong with the file
        for secret, versions in named.every().items():
            values |= {f"{secret}/versions/{number}": value for number, value in versions.items()}
    return values


def _latest(versions: dict[str, str]) -> str:
    return str(max((int(number) for number in versions if number.isdigit()), default=0))
