"""Digests of test sources, so that a report can tell a better product from edited tests. Reads files, nothing else."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pathspec


class Digests:
    """SHA-256 of files below a root, each read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str] = {}

    def of(self, relative: str) -> str:
        """Empty where there is no such file."""
        if relative not in self._known:
            self._known[relative] = self._read(relative)
        return self._known[relative]

    def together(self, files: Iterable[str]) -> str:
        """One digest over names and contents; empty when none of the files is there."""
        present = [(name, digest) for name in sorted(set(files)) if (digest := self.of(name))]
        if not present:
            return ""
        return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in present).encode()).hexdigest()

    def _read(self, relative: str) -> str:
        if not relative:
            return ""
        try:
            return hashlib.sha256((self._root / relative).read_bytes()).hexdigest()
        except (OSError, ValueError):  # ValueError: a name with a null character in it
            return ""


def digest_of_ids(ids: Iterable[str]) -> str:
    """Of the expected case ids, in no particular order."""
    listed = "\n".join(sorted(ids))
    return hashlib.sha256(listed.encode("utf-8", "surrogatepass")).hexdigest() if listed else ""


def with_conftests(files: Iterable[str]) -> set[str]:
    """The collected files and where a conftest.py above them would be."""
    collected = set(files)
    folders = {parent for name in collected for parent in Path(name).parents}
    return collected | {str(folder / "conftest.py") for folder in folders}


def matching(root: Path, globs: Sequence[str]) -> list[str]:
    """Files below the root that git's globs name; links are not followed, for a worktree's links lead out of it."""
    spec = pathspec.GitIgnoreSpec.from_lines(globs)
    return [name for name in _files(root) if spec.match_file(name)]


def _files(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)
