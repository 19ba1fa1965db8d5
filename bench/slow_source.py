"""A service whose build takes its time: its requirements name a package of its own, which sleeps while it is built.

No package index is asked: the package needs nothing, and its build backend lies in its own folder.
"""

from collections.abc import Iterator
from dataclasses import dataclass

SLEEP = 1.25
"""Seconds; a virtual environment and pip need about 0.75 s of processor beside it."""
PROCFILE = "web: sleep 1; exec python3 -m http.server --bind 127.0.0.1 $PORT\n"

PROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """import pathlib, time, zipfile

PARTS = {
    "METADATA": "Metadata-Version: 2.1\\nName: slow\\nVersion: 1\\n",
    "WHEEL": "Wheel-Version: 1.0\\nGenerator: bench\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "RECORD": "",
}


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    time.sleep(@SLEEP@)
    name = "slow-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, name), "w") as wheel:
        for part, text in PARTS.items():
            wheel.writestr(f"slow-1.dist-info/{part}", text)
    return name
""".replace("@SLEEP@", str(SLEEP))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowSource:
    """The source of one service, in a folder of the repository."""

    folder: str

    def files(self) -> Iterator[tuple[str, str]]:
        """Path in the repository, and text."""
        yield f"{self.folder}/Procfile", PROCFILE
        yield f"{self.folder}/requirements.txt", "./slow\n"
        yield f"{self.folder}/slow/pyproject.toml", PROJECT
        yield f"{self.folder}/slow/backend.py", BACKEND
        yield self.turned(0)

    def turned(self, turn: int) -> tuple[str, str]:
        """What makes the content another one than that of any other service and turn, so that nothing is reused."""
        return f"{self.folder}/turn.txt", f"{self.folder} {turn}\n"
