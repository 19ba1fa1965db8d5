"""Which volumes of a template are taken: secrets, where this machine can show a process files of its own.

Source: comments on `Volume`, `VolumeMount`, `SecretVolumeSource`; Run's page on secrets.
"""

from typing import Any

from loop.emulator import mounts
from loop.emulator.wire import invalid, unimplemented

KERNELS = ("/dev", "/proc", "/sys")


def check(template: Any) -> None:
    """Raises the refusal of the first thing that Cloud Run would not take, or that is not emulated."""
    for k, volume in enumerate(template.volumes):
        _check_volume(volume, f"service.template.volumes[{k}]")
    names = {volume.name for volume in template.volumes}
    seen: set[str] = set()
    for k, mount in enumerate(template.containers[0].volume_mounts):
        _check_mount(mount, names, seen, f"service.template.containers[0].volume_mounts[{k}]")
        seen.add(mount.mount_path)
    if seen and not mounts.offered():
        raise unimplemented(
            "service.template.volumes: this machine does not let a process have files of its own at a mount path"
            " (that takes Linux with user namespaces for everyone); give the secret as an environment variable."
        )


def _check_volume(volume: Any, where: str) -> None:
    if volume.WhichOneof("volume_type") != "secret":
        raise unimplemented(f"{where}: only volumes of secrets are emulated.")
    if not volume.secret.secret:
        raise invalid(f"{where}.secret: names no secret.")
    for item in volume.secret.items:
        if not item.path or not item.version:
            raise invalid(f"{where}.secret.items: an item has a path and a version.")
        if item.path.startswith("/") or ".." in item.path.split("/"):
            raise invalid(f"{where}.secret.items: the path {item.path!r} is not below the mount path.")


def _check_mount(mount: Any, volumes: set[str], seen: set[str], where: str) -> None:
    path = mount.mount_path
    if mount.name not in volumes:
        raise invalid(f"{where}: there is no volume {mount.name!r}.")
    if mount.sub_path:
        raise unimplemented(f"{where}.sub_path: is not emulated.")
    if not path.startswith("/") or path == "/" or ".." in path.split("/"):
        raise invalid(f"{where}.mount_path: {path!r} is not the absolute path of a folder.")
    if any(path == each or path.startswith(f"{each}/") for each in KERNELS):
        raise invalid(f"{where}.mount_path: nothing can be mounted at {path}.")
    if any(path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in seen):
        raise invalid(f"{where}.mount_path: {path} lies at, in or above another mount path.")
