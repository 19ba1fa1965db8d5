"""What a process of a revision is given: command, environment, secrets as variables and as files.

Source: the container runtime contract; comments on `Container`, `EnvVar` and `SecretVolumeSource`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.emulator import mounts
from loop.emulator.failures import Failure, StartFailed
from loop.emulator.images import Image
from loop.emulator.names import service_of, short_name
from loop.emulator.secrets import SecretMissing, Secrets

READABLE = 0o444
WRITING = 0o222
"""Taken from any mode that is given (SecretVolumeSource.default_mode)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A command as it is to be started; `stdin` is for `mounts`, and None where it reads nothing."""

    argv: list[str]
    env: dict[str, str]
    stdin: bytes | None = None


class Contract:
    def __init__(self, secrets: Secrets, *, state: Path, path: str) -> None:
        self._secrets = secrets
        self._path = path
        self._home = state / "home"
        self._root = state / "root"
        """Stays empty: what is mounted there, only the process sees that mounted it."""
        for folder in (self._home, self._root):
            folder.mkdir(exist_ok=True)

    def given(self, revision: Any, image: Image, port: int) -> Given:
        missing: list[str] = []
        argv = _argv(revision.containers[0], image.command)
        env = self._environment(revision, port, image.venv, missing.append)
        folders = self._folders(revision, missing.append)
        if missing:
            raise StartFailed(Failure.SECRETS, " ".join(missing))
        if not folders:
            return Given(argv=argv, env=env)
        return Given(argv=[*mounts.command(), *argv], env=env, stdin=mounts.told(self._root, folders))

    def _environment(self, revision: Any, port: int, venv: str, missing: Callable[[str], None]) -> dict[str, str]:
        service = service_of(revision.name)
        bin_of_venv = [str(Path(venv) / "bin")] if venv else []
        asked = {each.name: each.value for each in revision.containers[0].env}
        for k, each in enumerate(revision.containers[0].env):
            if each.HasField("value_source"):
                where = f"spec.template.spec.containers[0].env[{k}].value_from.secret_key_ref.name"
                key = each.value_source.secret_key_ref
                asked[each.name] = self._secret(service.project, key.secret, key.version, where, missing)
        return {
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PATH": os.pathsep.join([*bin_of_venv, self._path]),
            **asked,
            "PORT": str(port),
            "K_SERVICE": service.service,
            "K_REVISION": short_name(revision.name),
            "K_CONFIGURATION": service.service,
        }

    def _folders(self, revision: Any, missing: Callable[[str], None]) -> mounts.Folders:
        project = service_of(revision.name).project
        volumes = {volume.name: (k, volume.secret) for k, volume in enumerate(revision.volumes)}
        folders: mounts.Folders = {}
        for mount in revision.containers[0].volume_mounts:
            k, source = volumes[mount.name]
            where = f"spec.template.spec.volumes[{k}].secret.secret_name"
            folders[mount.mount_path] = {
                name: (
                    self._secret(project, source.secret, version, where, missing),
                    _mode(mode or source.default_mode),
                )
                for name, version, mode in _items(source)
            }
        return folders

    def _secret(self, project: str, secret: str, version: str, where: str, missing: Callable[[str], None]) -> str:
        try:
            return self._secrets.value(project, secret, version)
        except SecretMissing as why:
            missing(f"{where}: {why}.")
            return ""


def _mode(asked: int) -> int:
    return asked & ~WRITING if asked else READABLE


def _items(source: Any) -> list[tuple[str, str, int]]:
    """Name, version and mode of each file; without items it is the secret's latest version under its own name."""
    if not source.items:
        return [(source.secret.rpartition("/")[2], "latest", _mode(source.default_mode))]
    return [(item.path, item.version, _mode(item.mode or source.default_mode)) for item in source.items]


def _argv(container: Any, command: str) -> list[str]:
    """`command` and `args` of the container stand for ENTRYPOINT and CMD (Container's proto comments)."""
    if container.command:
        return [*container.command, *container.args]
    if container.args:
        return ["sh", "-c", f'{command} "$@"', "sh", *container.args]
    return ["sh", "-c", command]
