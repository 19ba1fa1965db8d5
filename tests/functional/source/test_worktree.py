"""A worktree always comes back to exactly one commit, and what was in it is never lost."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loop import source
from loop.errors import UsageError

Git = Callable[..., str]
Write = Callable[..., None]
UID = "abc234"
BRANCH = "loop/local-1"


def make(repo: source.Repository, commit: str | None = None, link: tuple[str, ...] = ()) -> source.Worktree:
    path = repo.root / ".loop" / "worktrees" / BRANCH.replace("/", "-")
    return source.worktree(repo, path, commit or source.head(repo), uid=UID, branch=BRANCH, link=link)


def test_a_worktree_holds_the_commit_and_leaves_the_users_tree_alone(
    repo: source.Repository, git: Git, write: Write
) -> None:
    write({"services/web/app.py": "edited", "untracked": "x"})
    before = git("status", "--porcelain"), git("rev-parse", "--abbrev-ref", "HEAD")
    place = make(repo)
    assert (place.path / "services/web/app.py").read_text() == "print('one')\n"
    assert not (place.path / "untracked").exists()
    assert git("rev-parse", "--abbrev-ref", "HEAD", at=place.path) == BRANCH
    assert git("status", "--porcelain", at=place.path) == ""
    assert (git("status", "--porcelain"), git("rev-parse", "--abbrev-ref", "HEAD")) == before


def test_left_overs_of_suites_are_removed_and_not_kept(repo: source.Repository, git: Git, write: Write) -> None:
    place = make(repo)
    write({"results/junit.xml": "<x/>", "cache.log": "ignored"}, at=place.path)
    make(repo)
    assert not (place.path / "results").exists()
    assert not (place.path / "cache.log").exists()
    assert "abandoned" not in git("for-each-ref")


def test_changed_files_are_kept_before_they_are_put_back(repo: source.Repository, git: Git, write: Write) -> None:
    place = make(repo)
    write({"services/web/app.py": "half done"}, at=place.path)
    make(repo)
    assert (place.path / "services/web/app.py").read_text() == "print('one')\n"
    assert git("show", f"refs/loop/{UID}/abandoned-1:services/web/app.py") == "half done"


def test_commits_beyond_are_kept_before_the_branch_is_put_back(repo: source.Repository, git: Git, write: Write) -> None:
    place = make(repo)
    write({"more.txt": "more"}, at=place.path)
    git("add", "-A", at=place.path)
    git("commit", "--quiet", "-m", "Beyond", at=place.path)
    beyond = git("rev-parse", "HEAD", at=place.path)
    make(repo)
    assert git("rev-parse", BRANCH) == source.head(repo)
    assert git("rev-parse", f"refs/loop/{UID}/abandoned-1") == beyond
    make(repo)
    assert "abandoned-2" not in git("for-each-ref")


def test_commits_are_kept_also_where_another_branch_is_checked_out(repo: source.Repository, git: Git) -> None:
    place = make(repo)
    git("commit", "--quiet", "--allow-empty", "-m", "On the run's branch", at=place.path)
    beyond = git("rev-parse", "HEAD", at=place.path)
    git("switch", "--quiet", "--detach", "main", at=place.path)
    make(repo)
    assert git("rev-parse", f"refs/loop/{UID}/abandoned-1") == beyond


def test_commits_that_an_iteration_keeps_are_not_abandoned(repo: source.Repository, git: Git) -> None:
    place = make(repo)
    git("commit", "--quiet", "--allow-empty", "-m", "A fix", at=place.path)
    source.keep(repo, UID, 1, git("rev-parse", "HEAD", at=place.path))
    make(repo)
    assert "abandoned" not in git("for-each-ref")


DAMAGES = (
    "rm -rf .git", "echo gitdir: ../../../.git > .git", "git switch -q --detach", "git switch -q -c other",
    "git checkout -q --orphan lonely", "git worktree remove --force .", "touch $(git rev-parse --git-dir)/index.lock",
    "rm $(git rev-parse --git-dir)/index", "rm -rf ../*", "mkdir x; git -C x init -q",
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_worktree_is_put_back_and_the_users_tree_is_not(
    repo: source.Repository, git: Git, write: Write, damage: str
) -> None:
    write({"precious": "untracked work of the user's"})
    place = make(repo)
    subprocess.run(damage, shell=True, cwd=place.path, check=True)
    again = make(repo)
    assert git("status", "--porcelain", at=again.path) == ""
    assert git("rev-parse", "HEAD", at=again.path) == source.head(repo)
    assert git("rev-parse", "--abbrev-ref", "HEAD", at=again.path) == BRANCH
    assert (repo.root / "precious").exists()
    assert git("rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_a_merge_that_stopped_halfway_is_cleared(repo: source.Repository, git: Git, write: Write) -> None:
    place = make(repo)
    git("switch", "--quiet", "-c", "side")
    write({"services/web/app.py": "side"})
    git("commit", "--quiet", "-am", "Side")
    git("switch", "--quiet", "main")
    write({"services/web/app.py": "ours"}, at=place.path)
    git("commit", "--quiet", "-am", "Ours", at=place.path)
    with pytest.raises(Exception, match="returned non-zero"):
        git("merge", "side", at=place.path)
    make(repo)
    assert "working tree clean" in git("status", at=place.path)
    assert "merg" not in git("status", at=place.path)


def test_a_rebase_that_stopped_halfway_is_cleared(repo: source.Repository, git: Git, write: Write) -> None:
    place = make(repo)
    for content in ("one", "two"):
        write({"services/web/app.py": content}, at=place.path)
        git("commit", "--quiet", "-am", content, at=place.path)
    with pytest.raises(subprocess.CalledProcessError):
        git("rebase", "--onto", "HEAD~2", "HEAD~1", at=place.path)
    assert "rebase in progress" in git("status", at=place.path)
    make(repo)
    assert "rebase" not in git("status", at=place.path)
    assert git("rev-parse", "--abbrev-ref", "HEAD", at=place.path) == BRANCH


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and remove everything")
def test_permissions_that_were_taken_away_stop_nothing(repo: source.Repository, git: Git, write: Write) -> None:
    place = make(repo)
    source.begin(place)
    write({"closed/deep/file": "x", "unreadable": "y"}, at=place.path)
    (place.path / "closed/deep").chmod(0o500)
    (place.path / "closed").chmod(0)
    (place.path / "unreadable").chmod(0)
    make(repo)
    assert not (place.path / "closed").exists()
    assert git("show", f"refs/loop/{UID}/abandoned-1:unreadable") == "y"
    write({"closed/file": "x"}, at=place.path)
    (place.path / "closed").chmod(0)
    source.remove_worktree(repo, place.path)
    assert not place.path.exists()


def test_a_half_made_worktree_is_made_again(repo: source.Repository, git: Git) -> None:
    place = make(repo)
    (place.tree.git_dir / "HEAD").unlink()
    (place.tree.git_dir / "locked").write_text("initializing")
    assert git("rev-parse", "HEAD", at=make(repo).path) == source.head(repo)


def test_links_lead_to_the_users_tree_and_are_no_change(repo: source.Repository, git: Git, write: Write) -> None:
    write({"node_modules/a.js": "a", "web/.venv/x": "x"})
    place = make(repo, link=("node_modules", "web/.venv", "missing", "tests", "../outside", "/etc"))
    assert place.links == ("node_modules", "web/.venv")
    assert (place.path / "node_modules/a.js").read_text() == "a"
    assert not source.dirty(place.tree)
    again = make(repo, link=("node_modules",))
    assert again.links == ("node_modules",)
    assert (repo.root / "web/.venv/x").exists()
    assert not (place.path / "web").exists()


def test_links_named_twice_or_inside_each_other_are_made_once(repo: source.Repository, git: Git, write: Write) -> None:
    write({"cache/deep/file": "x"})
    place = make(repo, link=("cache", "./cache/", "cache/deep"))
    assert place.links == ("cache",)
    assert sorted(p.name for p in (repo.root / "cache/deep").iterdir()) == ["file"]


def test_what_the_user_tracks_is_not_linked(repo: source.Repository, git: Git, write: Write) -> None:
    before = source.head(repo)
    write({"later/file": "x"})
    git("add", "later")
    git("commit", "--quiet", "-m", "Later")
    assert make(repo, before, link=("later",)).links == ()


def test_a_link_gives_way_to_what_the_commit_holds(repo: source.Repository, git: Git, write: Write) -> None:
    write({"vendored/a": "committed"})
    git("add", "-A")
    git("commit", "--quiet", "-m", "Vendored")
    with_it = source.head(repo)
    git("rm", "--quiet", "-r", "--cached", "vendored")
    git("commit", "--quiet", "-m", "Not any more")
    write({"vendored/a": "of the user"})
    place = make(repo, link=("vendored",))
    assert (place.path / "vendored/a").read_text() == "of the user"
    place = make(repo, with_it, link=("vendored",))
    assert place.links == ()
    assert (place.path / "vendored/a").read_text() == "committed"
    assert (repo.root / "vendored/a").read_text() == "of the user"


def test_someone_elses_branch_of_that_name_is_an_error(repo: source.Repository, git: Git) -> None:
    git("branch", BRANCH)
    with pytest.raises(UsageError, match="not of this run"):
        make(repo)


def test_a_branch_that_the_user_has_checked_out_is_not_moved(repo: source.Repository, git: Git) -> None:
    place = make(repo)
    source.remove_worktree(repo, place.path)
    git("switch", "--quiet", BRANCH)
    git("commit", "--quiet", "--allow-empty", "-m", "By hand")
    assert git("rev-parse", "HEAD", at=make(repo).path) == source.head(repo)
    with pytest.raises(UsageError, match="checked out elsewhere"):
        make(repo, git("rev-parse", "HEAD~1"))


def test_a_removed_worktree_leaves_its_branch_and_refs_alone(repo: source.Repository, git: Git) -> None:
    place = make(repo)
    source.keep(repo, UID, 0, source.head(repo))
    (place.path / "locked").mkdir()
    (place.path / "locked/file").write_text("x")
    (place.path / "locked").chmod(0o500)
    source.remove_worktree(repo, place.path)
    source.remove_worktree(repo, place.path)
    assert not place.path.exists()
    assert len(git("worktree", "list").splitlines()) == 1
    assert set(git("for-each-ref", "--format=%(refname)").splitlines()) == {
        "refs/heads/main", f"refs/heads/{BRANCH}", f"refs/loop/{UID}/0", f"refs/loop/{UID}/owns/{BRANCH}",
    }  # fmt: skip
    assert git("status", "--porcelain") == ""


def test_only_what_lies_below_the_state_folder_is_removed(repo: source.Repository, tmp_path: Path) -> None:
    for path in (repo.root, repo.root / "tests", tmp_path):
        with pytest.raises(UsageError):
            source.remove_worktree(repo, path)
    assert (repo.root / "tests").exists()


def test_run_numbers_count_local_and_remote_branches(repo: source.Repository, git: Git) -> None:
    assert source.run_numbers(repo, "local") == 0
    for name in ("loop/local-2", "loop/local-10", "loop/local-x", "loop/local-b-99", "loop/staging-70"):
        git("branch", name)
    git("update-ref", "refs/remotes/origin/loop/local-12", "HEAD")
    assert source.run_numbers(repo, "local") == 12
    assert source.run_numbers(repo, "local-b") == 99


def test_a_commit_that_loses_its_name_is_kept_aside(repo: source.Repository, git: Git) -> None:
    first = source.keep(repo, UID, 1, git("commit-tree", "-m", "Never recorded", "HEAD^{tree}"))
    lost = git("rev-parse", first)
    source.keep(repo, UID, 1, source.head(repo))
    assert git("rev-parse", first) == source.head(repo)
    assert git("rev-parse", f"refs/loop/{UID}/abandoned-1") == lost
    source.keep(repo, UID, 1, source.head(repo))
    assert "abandoned-2" not in git("for-each-ref")


def test_runs_in_one_clone_do_not_disturb_each_other(repo: source.Repository, git: Git, write: Write) -> None:
    def turn(number: int) -> str:
        name = f"env{number}-1"
        path = repo.root / ".loop/worktrees" / name
        for k in range(4):
            place = source.worktree(repo, path, source.head(repo), uid=f"uid{number}", branch=f"loop/{name}")
            source.begin(place)
            write({"answer": f"{number} {k}"}, at=path)
            found = source.gather(place, source.head(repo), protect=["tests/**"])
            source.accept(place, found)
            source.keep(repo, f"uid{number}", k, found.commit)
        source.remove_worktree(repo, path)
        return git("show", f"loop/{name}:answer")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(turn, range(4))) == [f"{number} 3" for number in range(4)]
    assert "abandoned" not in git("for-each-ref")
    assert len(git("worktree", "list").splitlines()) == 1


def test_a_changed_file_is_named_and_written_back_whatever_git_was_told(
    repo: source.Repository, git: Git, write: Write
) -> None:
    place, commit = make(repo), source.head(repo)
    assert source.differing(place.tree, commit) == ()
    git("update-index", "--skip-worktree", "tests/test_web.py", at=place.path)
    before = (place.path / "tests/test_web.py").stat()
    write({"tests/test_web.py": "assert None\n", "untracked": "x"}, at=place.path)
    os.utime(place.path / "tests/test_web.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert source.differing(place.tree, commit) == ("tests/test_web.py",)
    source.write_back(place.tree, ["tests/test_web.py"])
    assert source.differing(place.tree, commit) == ()
    assert (place.path / "tests/test_web.py").read_text() == "assert True\n"


def test_what_the_commit_itself_converts_is_no_difference_until_it_is_changed(
    repo: source.Repository, git: Git, write: Write
) -> None:
    git("config", "filter.upper.smudge", "tr a-z A-Z")
    git("config", "filter.upper.clean", "tr A-Z a-z")
    write({".gitattributes": "*.txt filter=upper\n*.bat eol=crlf\n", "a.txt": "one\n", "b.bat": "two\n"})
    git("add", "-A")
    git("commit", "--quiet", "-m", "Converted")
    place, commit = make(repo), source.head(repo)
    assert (place.path / "a.txt").read_text() == "ONE\n"
    assert (place.path / "b.bat").read_bytes() == b"two\r\n"
    assert source.differing(place.tree, commit) == ()
    write({"a.txt": "OTHER\n"}, at=place.path)
    assert source.differing(place.tree, commit) == ("a.txt",)
