"""A service's source as committed: the digest that names its content, and the archive that is built.

Both are made of one list of files, so the digest covers exactly what the archive holds. Neither knows which commit the
files came from: equal content has an equal digest. Files are as git stores them: line ends are not converted, but a
pointer of Git LFS becomes the content that it names.
"""

import gzip
import hashlib
import io
import os
import posixpath
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pathspec import GitIgnoreSpec

from loop.errors import ConfigError, UsageError
from loop.source.git import Repository, command, decode, encode, environment, fields, run

IGNORE = ".gcloudignore"
INCLUDE = "#!include:"
FILE, EXECUTABLE, SYMLINK = "100644", "100755", "120000"
FORMAT = b"loop source 1\0"
POINTER = b"version https://git-lfs.github.com/spec/v1\n"
POINTER_LIMIT = 1024
"""Bytes of a Git LFS pointer at most, by its specification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    path: str
    mode: str
    oid: str


def digest(repo: Repository, commit: str, folder: str) -> str:
    """SHA-256 over path, mode and content id of every file that the archive of that folder would hold."""
    total = hashlib.sha256(FORMAT)
    for entry in _entries(repo, commit, folder):
        total.update(encode(f"{entry.mode} {entry.oid} {entry.path}\0"))
    return total.hexdigest()


def archive(repo: Repository, commit: str, folder: str, target: Path) -> Archive:
    """A tar.gz at `target` with that folder's files at its top: same content, same bytes.

    The bytes depend on the zlib at hand too, so content is compared by `digest`; the hash here guards a transfer.
    """
    entries = _entries(repo, commit, folder)
    part = target.with_name(target.name + ".part")
    with (
        part.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for entry, content, size in _contents(repo, entries):
            _add(tar, entry, *_whole(repo, entry, content, size))
    found = Archive(sha256=_sha256(part), size=part.stat().st_size)
    os.replace(part, target)
    return found


def _entries(repo: Repository, commit: str, folder: str) -> list[_Entry]:
    name = posixpath.normpath(folder)
    top = f"{commit}:" if name == "." else f"{commit}:{name}"
    if name.startswith(("/", "..")) or _type(repo, top) != "tree":
        raise ConfigError([f"source folder {folder} is not in commit {commit[:12]}"], where=folder,
                          hint="correct `source:`, or commit the folder")  # fmt: skip
    listed = [_entry(line) for line in fields(run(repo, "ls-tree", "-r", "-z", "--full-tree", top).out)]
    files = [entry for entry in listed if entry.mode in (FILE, EXECUTABLE, SYMLINK)]  # a submodule has no files here
    taken = _without_ignored(repo, files, folder)
    if not taken:
        raise ConfigError([f"source folder {folder} holds no file to build"], where=folder)
    return sorted(taken, key=lambda entry: encode(entry.path))


def _type(repo: Repository, name: str) -> str:
    oid = run(repo, "rev-parse", "--verify", "--quiet", name, accept=(0, 1, 128)).text
    return run(repo, "cat-file", "-t", oid).text if oid else ""


def _entry(line: str) -> _Entry:
    meta, _, path = line.partition("\t")
    mode, _, oid = meta.split(" ")
    return _Entry(path=path, mode=FILE if mode == "100664" else mode, oid=oid)  # 100664: git's own past


def _without_ignored(repo: Repository, entries: list[_Entry], folder: str) -> list[_Entry]:
    """The top folder's .gcloudignore counts, as for gcloud, in gitignore's syntax; without one everything is taken.

    What .gitignore names needs no rule: it is not committed, or it was added on purpose.
    """
    by_path = {entry.path: entry for entry in entries}
    if IGNORE not in by_path:
        return entries
    lines: list[str] = []
    for line in _lines(repo, by_path[IGNORE]):
        lines += _included(repo, by_path, line, folder) if line.startswith(INCLUDE) else [line]
    spec = GitIgnoreSpec.from_lines(lines)
    return [entry for entry in entries if not _ignored(spec, entry.path)]


def _included(repo: Repository, by_path: dict[str, _Entry], line: str, folder: str) -> list[str]:
    name = line.removeprefix(INCLUDE).strip()
    if name not in by_path:
        raise ConfigError([f"{IGNORE} includes {name}, which is not committed beside it"], where=f"{folder}/{IGNORE}")
    return _lines(repo, by_path[name])


def _lines(repo: Repository, entry: _Entry) -> list[str]:
    return run(repo, "cat-file", "blob", entry.oid).out.decode("utf-8", "replace").splitlines()


def _ignored(spec: GitIgnoreSpec, path: str) -> bool:
    """As git: what lies in an ignored folder can not be taken back by a later pattern."""
    folders = [f"{parent}/" for parent in PurePosixPath(path).parents if str(parent) != "."]
    return any(spec.match_file(name) for name in (*folders, path))


def _contents(repo: Repository, entries: list[_Entry]) -> Iterator[tuple[_Entry, IO[bytes], int]]:
    """Each file with a stream of its content, which must be read to its end before the next is asked for."""
    ask = command(f"--git-dir={repo.git_dir}", "cat-file", "--batch")
    with subprocess.Popen(
        ask, cwd=repo.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment(), start_new_session=True,
    ) as git:  # fmt: skip
        assert git.stdin is not None
        assert git.stdout is not None
        for entry in entries:
            git.stdin.write(encode(entry.oid + "\n"))
            git.stdin.flush()
            answer = git.stdout.readline().split()
            if len(answer) != 3:
                raise UsageError(f"git has no content for {entry.path}", where=str(repo.root), hint="git fsck")
            yield entry, git.stdout, int(answer[2])
            git.stdout.read(1)


def _whole(repo: Repository, entry: _Entry, content: IO[bytes], size: int) -> tuple[IO[bytes], int]:
    """The content itself, where git stores a pointer of Git LFS in its place."""
    if size >= POINTER_LIMIT or entry.mode == SYMLINK:
        return content, size
    stored = content.read(size)
    if stored.startswith(POINTER):
        stored = _smudged(repo, entry.path, stored)
    return io.BytesIO(stored), len(stored)


def _smudged(repo: Repository, path: str, pointer: bytes) -> bytes:
    problem, hint = f"{path} is kept in Git LFS, and its content can not be had", "git lfs install && git lfs fetch"
    try:
        content = run(repo, "lfs", "smudge", "--", path, stdin=pointer, env={"GIT_LFS_SKIP_SMUDGE": "0"}).out
    except UsageError as error:
        raise ConfigError([f"{problem}: {error.message}"], where=path, hint=hint) from error
    if content.startswith(POINTER):
        raise ConfigError([problem], where=path, hint=hint)
    return content


def _add(tar: tarfile.TarFile, entry: _Entry, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(entry.path)
    member.mode = 0o755 if entry.mode == EXECUTABLE else 0o644
    if entry.mode == SYMLINK:
        member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, decode(content.read(size))
        tar.addfile(member)
    else:
        member.size = size
        tar.addfile(member, content)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
