"""Built images: content-addressed snapshots of a source tree with the command of its Procfile.

An image is `images/sha256-<hex>/` with `root/` and `image.json`; `tags.json` says what was built last under a name.
"""

import json
import os
import re
import shutil
import tempfile
import threading
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    digest: str
    command: str
    root: Path
    venv: str = ""
    """Folder of its virtual environment; empty for none."""


class ImageUnknown(Exception):
    """There is no such image; the message is for the deployer."""


class Images:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def workspace(self) -> Path:
        return Path(tempfile.mkdtemp(prefix=".building-", dir=self._folder))

    def discard_unfinished(self) -> None:
        for left in self._folder.glob(".building-*"):
            shutil.rmtree(left, ignore_errors=True)

    def keep(self, tree: Path, command: str, venv: str) -> Image:
        """Make an image of `tree`, which is moved; equal content gives the equal digest and is kept once."""
        digest = _digest(tree, command, venv)
        folder = self._at(digest)
        image = Image(digest=digest, command=command, root=folder / "root", venv=venv)
        with self._lock:
            if not folder.exists():
                whole = self.workspace()
                os.rename(tree, whole / "root")
                written = asdict(image) | {"root": "root"}
                (whole / "image.json").write_text(json.dumps(written, indent=1))
                os.rename(whole, folder)
        return image

    def tag(self, reference: str, digest: str) -> None:
        with self._lock:
            tags = self._tags()
            tags[reference] = digest
            aside = self._folder / ".tags.json"
            aside.write_text(json.dumps(tags, indent=1))
            os.replace(aside, self._folder / "tags.json")

    def find(self, reference: str) -> Image:
        """By `NAME@sha256:...`, or by what was built last under `NAME[:TAG]`."""
        name, _, digest = reference.partition("@")
        if not digest:
            digest = self._tags().get(with_tag(name), "")
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest) or not (self._at(digest) / "image.json").exists():
            raise ImageUnknown(f"Image '{reference}' not found.")
        written = json.loads((self._at(digest) / "image.json").read_text())
        return Image(**written | {"root": self._at(digest) / "root"})

    def _at(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-")

    def _tags(self) -> dict[str, str]:
        try:
            return dict(json.loads((self._folder / "tags.json").read_text()))
        except FileNotFoundError:
            return {}


def with_tag(reference: str) -> str:
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def _digest(tree: Path, command: str, venv: str) -> str:
    content = sha256(f"{command}\n{Path(venv).name}\n".encode())
    for path in sorted(tree.rglob("*"), key=lambda each: each.relative_to(tree).as_posix()):
        name = path.relative_to(tree).as_posix()
        if path.is_symlink():
            content.update(f"link {name} {os.readlink(path)}\n".encode())
        elif path.is_file():
            kind = "program" if os.access(path, os.X_OK) else "file"
            content.update(f"{kind} {name} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"sha256:{content.hexdigest()}"
