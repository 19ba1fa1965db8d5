"""Gives a program files at absolute paths that this machine has not, in a view of the file system of its own.

Run as a script between the guard and the program: it reads the folders and their files from its standard input, takes a
mount namespace of its own (Linux, where an ordinary user may), lays folders in memory over the paths, writes the files
and becomes the program. All else is the machine's own files. Standard library only, for it runs with `-I -S`.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NoReturn

NEWNS, NEWUSER = 0x00020000, 0x10000000
BIND, REC, PRIVATE, NOSUID, NODEV = 0x1000, 0x4000, 0x40000, 0x2, 0x4
CHECK = "--check"
Parts = tuple[str, ...]
Folders = dict[str, dict[str, tuple[str, int]]]
"""Text and mode of each file, by its path in its folder."""


@cache
def offered() -> bool:
    """Whether this machine lets an ordinary process have its own view of the file system."""
    if not sys.platform.startswith("linux"):
        return False
    return subprocess.run([*command(), CHECK], check=False, capture_output=True, timeout=10).returncode == 0


def command() -> list[str]:
    """What to put in front of a program's arguments."""
    return [sys.executable, "-I", "-S", __file__]


def told(root: Path, folders: Folders) -> bytes:
    """What the script reads; `root` is an empty folder, in which each program's own `/` is put together."""
    return json.dumps({"root": str(root), "folders": folders}).encode()


# From here on: what runs between the guard and the program.

_libc = ctypes.CDLL(None, use_errno=True)


def run(argv: list[str]) -> NoReturn:
    wanted = json.load(sys.stdin)
    here = os.getcwd()
    enter_namespace()
    root = wanted["root"]
    _mount("secrets", root, "tmpfs", NOSUID | NODEV, "mode=0755")
    _show("/", root, [_parts(folder) for folder in wanted["folders"]])
    for folder, files in wanted["folders"].items():
        for name, (text, mode) in files.items():
            _write(os.path.join(root, *_parts(folder), name), text, mode)
    os.chroot(root)
    os.chdir(here)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 (a program with its arguments, no shell)
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        os._exit(127)


def enter_namespace() -> None:
    """The same user as before, but in a namespace in which it may mount."""
    user, group = os.getuid(), os.getgid()
    _checked(_libc.unshare(NEWNS | NEWUSER), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _mount("none", "/", None, REC | PRIVATE, None)


def _show(real: str, shown: str, wanted: list[Parts]) -> None:
    """Everything in the folder `real` also in `shown`, but for the wanted folders, which are empty there."""
    names = {parts[0] for parts in wanted}
    with contextlib.suppress(NotADirectoryError, FileNotFoundError), os.scandir(real) as entries:
        for entry in entries:
            if entry.name not in names:
                with contextlib.suppress(OSError):  # what we may not look into, the program may not either
                    _bind(entry, os.path.join(shown, entry.name))
    for name in names:
        below = [parts[1:] for parts in wanted if parts[0] == name]
        os.mkdir(os.path.join(shown, name))
        if () not in below:
            _show(os.path.join(real, name), os.path.join(shown, name), below)


def _bind(entry: "os.DirEntry[str]", shown: str) -> None:
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), shown)
        return
    if entry.is_dir():
        os.mkdir(shown)
    else:
        os.close(os.open(shown, os.O_CREAT))
    _mount(entry.path, shown, None, BIND | REC, None)


def _write(path: str, text: str, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def _parts(folder: str) -> Parts:
    return tuple(os.path.realpath(folder).strip("/").split("/"))


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None) -> None:
    encoded = [None if each is None else os.fsencode(each) for each in (source, target, kind, data)]
    _checked(_libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]), f"mount {target}")


def _checked(result: int, what: str) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


if __name__ == "__main__":
    if sys.argv[1:] == [CHECK]:
        enter_namespace()
    else:
        run(sys.argv[1:])
