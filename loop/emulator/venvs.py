"""Virtual environments of built images, one per content of `requirements.txt`, shared by every state that asks.

A folder without its `complete` mark is half built and is made anew; a lock file admits one builder at a time.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from loop import guard

LOCAL = ("-r", "-c", "-e", "--requirement", "--constraint", "--editable", ".", "/", "file:")
Say = Callable[[str], None]


class InstallFailed(Exception):
    """pip did not succeed; the message ends with its last lines."""


def base_python() -> str:
    """The interpreter below any virtual environment that this process runs in."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def wanted(tree: Path) -> str:
    """The text of requirements.txt without comments and blank lines; empty means that nothing is to be installed."""
    try:
        text = (tree / "requirements.txt").read_text()
    except FileNotFoundError:
        return ""
    lines = (line.split(" #")[0].strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def provide(tree: Path, cache: Path, say: Say, expired: Callable[[], bool]) -> Path | None:
    """The virtual environment for `tree`, built if no earlier build left it; None where it needs none."""
    text = wanted(tree)
    if not text:
        return None
    folder = cache / _key(text, tree)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            say(f"Using the cached environment {folder.name}.")
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        _build(folder, tree, say, expired)
        (folder / "complete").touch()
    return folder


def _key(text: str, tree: Path) -> str:
    content = sha256(f"{base_python()} {sys.version}\n{text}".encode())
    if any(line.startswith(LOCAL) for line in text.splitlines()):
        # It refers to files of the tree, so it is only as equal as they are.
        for path in sorted(each for each in tree.rglob("*") if each.is_file()):
            content.update(f"{path.relative_to(tree)}\n".encode() + path.read_bytes())
    return f"venv-{content.hexdigest()[:32]}"


def _build(folder: Path, tree: Path, say: Say, expired: Callable[[], bool]) -> None:
    # Our own pip can install into another environment, which saves two seconds of ensurepip.
    spec = importlib.util.find_spec("pip")
    ours = Path(spec.origin).parent if spec and spec.origin else None
    venv = [base_python(), "-m", "venv", *(["--without-pip"] if ours else []), str(folder)]
    _run("python -m venv", venv, tree, say, expired)
    python = str(folder / "bin" / "python")
    pip = _pip_for(python, ours) if ours else [python, "-m", "pip"]
    options = ["--no-input", "--disable-pip-version-check", "--no-warn-script-location"]
    _run("pip install", [*pip, "install", *options, "-r", "requirements.txt"], tree, say, expired)


def _pip_for(python: str, pip: Path) -> list[str]:
    """Our pip for another interpreter: what `pip --python` starts once it has started itself, a third of its time."""
    runner = pip / "__pip-runner__.py"
    return [python, str(runner)] if runner.exists() else [sys.executable, "-m", "pip", "--python", python]


def _environment() -> dict[str, str]:
    # What makes this program importable must not look installed to the one that is built, and pip is to stay in it.
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PIP_PYTHON")}


def _lines(pipe: int, expired: Callable[[], bool]) -> Iterator[str]:
    """What is written, line by line without blank ones, until the pipe ends or the time is over."""
    rest = b""
    while not expired():
        if not guard.readable([pipe], 0.1):
            continue
        part = os.read(pipe, 65536)
        if not part:
            break
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode(errors="replace").rstrip() for line in whole if line.strip())
    if rest.strip():
        yield rest.decode(errors="replace").rstrip()


def _run(what: str, argv: Sequence[str], cwd: Path, say: Say, expired: Callable[[], bool]) -> None:
    child = guard.start(argv, cwd=cwd, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert child.stdout is not None
    lines: list[str] = []
    with child.stdout:
        for line in _lines(child.stdout.fileno(), expired):
            lines.append(line)
            say(line)
    status = child.kill() if expired() else child.wait()
    if status:
        tail = lines[-5:]
        raise InstallFailed(f"{what} ended with exit status {status}: " + " | ".join(tail))
