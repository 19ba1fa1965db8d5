"""The digest names the content; the archive is that content, byte for byte the same wherever it is made."""

import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from loop import source
from loop.errors import ConfigError

Git = Callable[..., str]
Write = Callable[..., None]


@pytest.fixture
def commit(repo: source.Repository, git: Git) -> Callable[[], str]:
    """Commit everything; the commit's name."""

    def everything() -> str:
        git("add", "-A", "-f")
        git("commit", "--quiet", "--allow-empty", "-m", "Next")
        return git("rev-parse", "HEAD")

    return everything


def members(repo: source.Repository, commit: str, folder: str, tmp_path: Path) -> dict[str, tarfile.TarInfo]:
    source.archive(repo, commit, folder, tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        return {member.name: member for member in tar.getmembers()}


def test_the_digest_follows_content_and_nothing_else(
    repo: source.Repository, git: Git, write: Write, commit: Callable[[], str]
) -> None:
    first = source.digest(repo, source.head(repo), "services/web")
    write({"elsewhere.txt": "x"})
    assert source.digest(repo, commit(), "services/web") == first
    git("mv", "services/web", "moved")
    assert source.digest(repo, commit(), "./moved/") == first
    write({"moved/app.py": "print('two')\n"})
    assert source.digest(repo, commit(), "moved") != first


@pytest.mark.parametrize("change", ["rename", "mode", "symlink", "add", "remove"])
def test_each_property_of_a_file_is_in_the_digest(
    repo: source.Repository, write: Write, commit: Callable[[], str], change: str
) -> None:
    write({"services/web/b.txt": "app.py"})
    first, folder = source.digest(repo, commit(), "services/web"), repo.root / "services/web"
    match change:
        case "rename":
            (folder / "b.txt").rename(folder / "c.txt")
        case "mode":
            (folder / "b.txt").chmod(0o755)
        case "symlink":
            (folder / "b.txt").unlink()
            (folder / "b.txt").symlink_to("app.py")
        case "add":
            write({"services/web/c.txt": ""})
        case "remove":
            (folder / "b.txt").unlink()
    assert source.digest(repo, commit(), "services/web") != first


def test_the_same_content_gives_the_same_bytes_in_another_clone(
    repo: source.Repository, git: Git, commit: Callable[[], str], tmp_path: Path
) -> None:
    first = source.archive(repo, source.head(repo), "services/web", tmp_path / "one.tar.gz")
    shutil.copytree(repo.root, tmp_path / "other")
    other = source.find(tmp_path / "other")
    git("commit", "--quiet", "--allow-empty", "-m", "Another commit", at=other.root)
    os.utime(other.root / "services/web/app.py", (1, 1))
    second = source.archive(other, source.head(other), "services/web", tmp_path / "two.tar.gz")
    assert first == second
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    assert (tmp_path / "one.tar.gz").read_bytes()[4:8] == bytes(4), "the time of packing is in the gzip header"
    assert first.size == (tmp_path / "one.tar.gz").stat().st_size


def test_modes_links_and_odd_names_arrive(
    repo: source.Repository, write: Write, commit: Callable[[], str], tmp_path: Path
) -> None:
    long = "d/" * 60 + "long name of a file.txt"
    write({f"services/web/{name}": name for name in ("run.sh", "naïve 名.txt", "new\nline", "a'b\"c", long)})
    (repo.root / "services/web/run.sh").chmod(0o755)
    (repo.root / "services/web/link").symlink_to("../elsewhere")
    os.link(repo.root / "services/web/run.sh", repo.root / "services/web/hard")
    found = members(repo, commit(), "services/web", tmp_path)
    assert set(found) == {"app.py", "run.sh", "naïve 名.txt", "new\nline", "a'b\"c", long, "link", "hard"}
    assert (found["run.sh"].mode, found["app.py"].mode) == (0o755, 0o644)
    assert (found["link"].issym(), found["link"].linkname) == (True, "../elsewhere")
    assert found["hard"].isreg()
    assert {(m.uid, m.gid, m.mtime, m.uname) for m in found.values()} == {(0, 0, 0, "")}


def test_the_whole_repository_can_be_a_source(repo: source.Repository, tmp_path: Path) -> None:
    assert set(members(repo, source.head(repo), ".", tmp_path)) == {
        ".gitignore", "services/web/app.py", "tests/test_web.py",
    }  # fmt: skip


def test_contents_of_any_size_arrive(repo: source.Repository, commit: Callable[[], str], tmp_path: Path) -> None:
    big = os.urandom(3_000_000)
    (repo.root / "services/web/big.bin").write_bytes(big)
    (repo.root / "services/web/empty").write_bytes(b"")
    source.archive(repo, commit(), "services/web", tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert (tar.extractfile("big.bin") or io.BytesIO()).read() == big
        assert (tar.extractfile("empty") or io.BytesIO(b"?")).read() == b""
        assert (tar.extractfile("app.py") or io.BytesIO()).read() == b"print('one')\n"


def test_gcloudignore_leaves_files_out_of_archive_and_digest(
    repo: source.Repository, write: Write, commit: Callable[[], str], tmp_path: Path
) -> None:
    write({
        "services/web/.gcloudignore": "# comment\n.gcloudignore\n*.tmp\n!keep.tmp\nbuild/\n/only-top\n",
        "services/web/a.tmp": "", "services/web/keep.tmp": "", "services/web/build/keep.tmp": "",
        "services/web/only-top": "", "services/web/sub/only-top": "", "services/web/sub/build/x": "",
    })  # fmt: skip
    first = commit()
    assert set(members(repo, first, "services/web", tmp_path)) == {"app.py", "keep.tmp", "sub/only-top"}
    write({"services/web/a.tmp": "another content", "services/web/b.tmp": "new"})
    assert source.digest(repo, commit(), "services/web") == source.digest(repo, first, "services/web")


def test_gcloudignore_includes_another_file(
    repo: source.Repository, write: Write, commit: Callable[[], str], tmp_path: Path
) -> None:
    write({
        "services/web/.gcloudignore": "*.md\n#!include:.gitignore\n!README.md\n", "services/web/.gitignore": "secret\n",
        "services/web/secret": "", "services/web/README.md": "", "services/web/other.md": "",
    })  # fmt: skip
    found = members(repo, commit(), "services/web", tmp_path)
    assert set(found) == {".gcloudignore", ".gitignore", "app.py", "README.md"}


def test_a_missing_include_is_a_configuration_error(
    repo: source.Repository, write: Write, commit: Callable[[], str]
) -> None:
    write({"services/web/.gcloudignore": "#!include:.dockerignore\n"})
    with pytest.raises(ConfigError, match=r"\.dockerignore"):
        source.digest(repo, commit(), "services/web")


@pytest.mark.parametrize("folder", ["services/none", "services/web/app.py", "../outside", "/etc"])
def test_a_missing_folder_is_a_configuration_error_that_names_it(repo: source.Repository, folder: str) -> None:
    with pytest.raises(ConfigError, match=folder):
        source.digest(repo, source.head(repo), folder)


def test_a_source_without_any_file_is_a_configuration_error(
    repo: source.Repository, write: Write, commit: Callable[[], str]
) -> None:
    write({"services/web/.gcloudignore": "*\n"})
    with pytest.raises(ConfigError, match="no file"):
        source.digest(repo, commit(), "services/web")


def test_a_submodule_is_left_out(repo: source.Repository, git: Git, commit: Callable[[], str], tmp_path: Path) -> None:
    git("clone", "--quiet", str(repo.root), str(tmp_path / "other"), at=tmp_path)
    git("submodule", "--quiet", "add", str(tmp_path / "other"), "services/web/module")
    first = commit()
    assert set(members(repo, first, "services/web", tmp_path)) == {"app.py"}
    git("commit", "--quiet", "--allow-empty", "-m", "More", at=repo.root / "services/web/module")
    assert not source.dirty(repo)
    place = source.worktree(repo, repo.root / ".loop/worktrees/w", first, uid="abc234", branch="loop/local-1")
    assert not source.dirty(place.tree)
    assert source.snapshot(place.tree, "As it was checked out") == first


def test_a_pointer_of_git_lfs_becomes_its_content(
    repo: source.Repository, write: Write, commit: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 9\n"
    write({"services/web/model.bin": pointer})
    first = commit()
    lfs = tmp_path / "bin" / "git-lfs"
    lfs.parent.mkdir()
    monkeypatch.setenv("PATH", f"{lfs.parent}{os.pathsep}{os.environ['PATH']}")
    for script in ("exit 2", "cat"):
        lfs.write_text(f"#!/bin/sh\n{script}\n")
        lfs.chmod(0o755)
        with pytest.raises(ConfigError, match=r"model\.bin is kept in Git LFS"):
            source.archive(repo, first, "services/web", tmp_path / "a.tar.gz")
    lfs.write_text("#!/bin/sh\n[ $1 = smudge ] && grep -q '^oid sha256:abc' && printf 'the model'\n")
    source.archive(repo, first, "services/web", tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert (tar.extractfile("model.bin") or io.BytesIO()).read() == b"the model"
