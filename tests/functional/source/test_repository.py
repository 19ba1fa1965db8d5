"""What is read of the user's repository, and that it is only read."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from loop import source
from loop.errors import UsageError

Git = Callable[..., str]
Write = Callable[..., None]


def untouched(git: Git, repo: source.Repository) -> tuple[bytes, str, str]:
    return (repo.git_dir / "index").read_bytes(), git("status", "--porcelain=v1"), git("for-each-ref")


def test_the_repository_is_found_from_a_folder_inside_it(repo: source.Repository) -> None:
    assert source.find(repo.root / "services" / "web") == repo


def test_a_folder_without_a_repository_is_a_usage_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        source.find(tmp_path)
    assert "git init" in error.value.hint


def test_a_missing_git_is_named(repo: source.Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UsageError, match="git is not installed"):
        source.head(repo)


def test_variables_of_a_surrounding_git_hook_do_not_lead_elsewhere(
    repo: source.Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert source.find(repo.root) == repo
    assert not source.dirty(repo)


def test_a_repository_without_a_commit_has_no_head(empty: source.Repository) -> None:
    with pytest.raises(UsageError, match="no commit yet"):
        source.head(empty)


def test_branches_tags_and_short_names_resolve(repo: source.Repository, git: Git) -> None:
    git("tag", "-a", "v1", "-m", "annotated")
    first = git("rev-parse", "HEAD")
    assert {source.resolve(repo, name) for name in ("main", "v1", first[:8], "HEAD")} == {first}


@pytest.mark.parametrize("name", ["nothing", "--all", "-h", "HEAD:tests", ""])
def test_what_is_no_commit_is_a_usage_error(repo: source.Repository, name: str) -> None:
    with pytest.raises(UsageError, match="no commit is called"):
        source.resolve(repo, name)


def test_a_detached_head_is_a_starting_point(repo: source.Repository, git: Git) -> None:
    git("switch", "--quiet", "--detach")
    assert source.starting_point(repo) == source.StartingPoint(commit=git("rev-parse", "HEAD"), uncommitted=False)


def test_untracked_files_make_the_tree_dirty_and_ignored_ones_do_not(repo: source.Repository, write: Write) -> None:
    write({"noise.log": "x"})
    source.state_folder(repo)
    assert not source.dirty(repo)
    write({"new.txt": "x"})
    assert source.dirty(repo)


def test_what_a_run_leaves_makes_no_tree_dirty(repo: source.Repository, git: Git, write: Write) -> None:
    write({"reports/.gitignore": "*\n!.gitignore\n", "reports/local/1/iteration-0.md": "x", ".loop/journal.db": "x"})
    assert not source.dirty(repo)
    write({"new.txt": "x"})
    assert "new.txt" in git("ls-tree", "-r", "--name-only", commit := source.starting_point(repo).commit).split()
    assert not {"reports/.gitignore", ".loop/journal.db"} & set(git("ls-tree", "-r", "--name-only", commit).split())
    (repo.root / "new.txt").unlink()
    write({"reports/mine/notes.md": "x", "reports/.gitignore": ""})
    assert source.dirty(repo)


def test_the_state_folder_never_shows_in_git_status(repo: source.Repository, git: Git) -> None:
    (source.state_folder(repo) / "journal.db").write_text("x")
    assert git("status", "--porcelain") == ""


def test_a_snapshot_holds_the_tree_as_it_lies_there(repo: source.Repository, git: Git, write: Write) -> None:
    write({"tests/test_web.py": "assert 1\n", "new folder/na\nme é.txt": "new", "run.sh": "", "a.log": "ignored"})
    (repo.root / "services/web/app.py").unlink()
    (repo.root / "run.sh").chmod(0o755)
    (repo.root / "link").symlink_to("run.sh")
    git("add", "run.sh")
    before = untouched(git, repo)
    commit = source.snapshot(repo, "Uncommitted changes")
    assert untouched(git, repo) == before
    listed = git("ls-tree", "-r", "-z", commit).split("\0")[:-1]
    assert {line.partition("\t")[2]: line[:6] for line in listed} == {
        ".gitignore": "100644",
        "link": "120000",
        "new folder/na\nme é.txt": "100644",
        "run.sh": "100755",
        "tests/test_web.py": "100644",
    }
    assert git("rev-parse", f"{commit}^") == git("rev-parse", "HEAD")


def test_equal_content_gives_an_equal_snapshot(repo: source.Repository, write: Write) -> None:
    write({"new.txt": "x"})
    first = source.snapshot(repo, "Uncommitted changes")
    (repo.root / "new.txt").touch()
    assert source.snapshot(repo, "Uncommitted changes") == first


def test_a_snapshot_of_a_clean_tree_is_head(repo: source.Repository) -> None:
    assert source.snapshot(repo, "Uncommitted changes") == source.head(repo)


def test_a_snapshot_begins_the_history_where_there_is_none(empty: source.Repository, git: Git, write: Write) -> None:
    write({"a.txt": "a"})
    start = source.starting_point(empty)
    assert start.uncommitted
    assert git("ls-tree", "--name-only", start.commit) == "a.txt"


def test_a_repository_inside_the_tree_does_not_stop_a_snapshot(repo: source.Repository, git: Git, write: Write) -> None:
    (repo.root / "inner").mkdir()
    git("init", "--quiet", at=repo.root / "inner")
    write({"inner/file": "x", "new.txt": "x"})
    for _ in ("without a commit", "with one"):
        listed = git("ls-tree", "-r", "--name-only", source.snapshot(repo, "Uncommitted changes")).split()
        assert "new.txt" in listed
        assert not [path for path in listed if path.startswith("inner")]
        git("commit", "--quiet", "--allow-empty", "-m", "Inner", at=repo.root / "inner")


def test_the_users_hooks_do_not_run(repo: source.Repository, write: Write, tmp_path: Path) -> None:
    for name in ("post-checkout", "reference-transaction", "pre-commit", "post-index-change"):
        hook = repo.git_dir / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    write({"new.txt": "x"})
    commit = source.snapshot(repo, "Uncommitted changes")
    source.worktree(repo, repo.root / ".loop/worktrees/w", commit, uid="abc234", branch="loop/local-1")
    assert not (tmp_path / "ran").exists()


def test_a_ref_beats_a_dirty_tree(repo: source.Repository, write: Write) -> None:
    write({"new.txt": "x"})
    assert source.starting_point(repo, "main") == source.StartingPoint(commit=source.head(repo), uncommitted=False)


def test_files_are_read_as_committed(repo: source.Repository, git: Git, write: Write) -> None:
    write({"configs/base.yaml": "a: é\n", "[x]*.yaml": "odd: 1\n"})
    (repo.root / "configs/local.yaml").symlink_to("base.yaml")
    git("add", "-A")
    git("commit", "--quiet", "-m", "Second")
    write({"configs/base.yaml": "changed"})
    commit = source.head(repo)
    assert source.read_file(repo, commit, "configs/base.yaml") == "a: é\n"
    assert source.read_file(repo, commit, "./configs/local.yaml") == "a: é\n"
    assert source.read_file(repo, commit, "[x]*.yaml") == "odd: 1\n"
    for missing in ("configs", "configs/none.yaml", "../secret", "/etc/passwd"):
        assert source.read_file(repo, commit, missing) is None


def test_fetch_brings_what_the_remote_has(repo: source.Repository, git: Git, write: Write, tmp_path: Path) -> None:
    git("clone", "--quiet", "--depth=1", f"file://{repo.root}", str(tmp_path / "shallow"), at=tmp_path)
    shallow = source.find(tmp_path / "shallow")
    write({"new.txt": "x"})
    git("add", "-A")
    git("commit", "--quiet", "-m", "Second")
    source.fetch(shallow, "origin/main")
    assert source.starting_point(shallow, "origin/main").commit == source.head(repo)


def test_fetch_without_a_remote_is_a_usage_error(repo: source.Repository) -> None:
    with pytest.raises(UsageError, match="no remote"):
        source.fetch(repo)


def test_a_failed_fetch_says_gits_last_words(repo: source.Repository, git: Git, tmp_path: Path) -> None:
    git("remote", "add", "origin", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="git fetch failed"):
        source.fetch(repo)


def test_a_worktree_of_the_users_own_is_a_repository_too(repo: source.Repository, git: Git, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "second"), "-b", "second")
    second = source.find(tmp_path / "second")
    (second.root / "new.txt").write_text("x")
    assert source.dirty(second)
    assert not source.dirty(repo)
    commit = source.snapshot(second, "Uncommitted changes")
    place = source.worktree(second, second.root / ".loop/worktrees/w", commit, uid="abc234", branch="loop/local-1")
    assert (place.path / "new.txt").read_text() == "x"


def test_no_identity_and_no_home_are_needed(
    repo: source.Repository, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    write({"new.txt": "x"})
    found = source.details(repo, source.snapshot(repo, "Uncommitted changes"))
    assert (found.commit.subject, found.commit.author) == ("Uncommitted changes", "loop")
    assert found.committed == source.details(repo, source.head(repo)).committed
