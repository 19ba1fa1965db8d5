"""A fixer's attempt: whatever it did to its worktree, what is graded is one commit on top of where it started."""

import os
import subprocess
from collections.abc import Callable

import pytest

from loop import source
from loop.core.guards import refusal

Git = Callable[..., str]
Write = Callable[..., None]
UID = "abc234"
BRANCH = "loop/local-1"
ABANDONED = f"refs/loop/{UID}/abandoned-1"


@pytest.fixture
def place(repo: source.Repository, write: Write) -> source.Worktree:
    """Clean, with one link, and an attempt begun."""
    write({"node_modules/a.js": "a"})
    made = source.worktree(
        repo, repo.root / ".loop/worktrees/w", source.head(repo), uid=UID, branch=BRANCH, link=["node_modules"]
    )
    source.begin(made)
    return made


def fixer(place: source.Worktree, script: str) -> None:
    env = source.environment(place, os.environ)
    subprocess.run(["/bin/sh", "-euc", script], cwd=place.path, env=env, check=True)


def gather(place: source.Worktree, *protect: str, leave: tuple[str, ...] = ()) -> source.Gathered:
    return source.gather(place, source.head(place.user), protect=protect, leave=leave)


def refused(found: source.Gathered, max_files: int | None = None) -> str | None:
    return refusal(descends=found.descends, files=found.files, restored=found.restored, max_files=max_files)


def test_commits_are_the_answer(place: source.Worktree, git: Git) -> None:
    fixer(place, "echo fix > services/web/app.py; git add -A; git commit -qm 'Fix it' -m 'Root-cause: a typo'")
    found = gather(place)
    source.accept(place, found)
    assert refused(found) is None
    assert found.files == ("services/web/app.py",)
    assert [(c.subject, c.trailers) for c in found.commits] == [("Fix it", {"Root-cause": ("a typo",)})]
    assert git("rev-parse", BRANCH) == found.commit
    assert git("status", "--porcelain", at=place.path) == ""


def test_a_user_without_a_name_can_commit_and_one_with_a_name_keeps_it(place: source.Worktree, git: Git) -> None:
    fixer(place, "git commit -q --allow-empty -m Unnamed")
    git("config", "user.name", "Grace")
    git("config", "user.email", "grace@example.org")
    fixer(place, "git commit -q --allow-empty -m Named")
    assert [c.author for c in gather(place).commits] == ["loop fixer", "Grace"]


def test_what_is_left_uncommitted_is_committed_for_it(place: source.Worktree, git: Git) -> None:
    fixer(place, "git rm -q tests/test_web.py; mkdir new; echo x > new/file; echo noise > a.log")
    found = gather(place)
    assert found.files == ("new/file", "tests/test_web.py")
    assert [c.author for c in found.commits] == ["loop fixer"]
    source.accept(place, found)
    assert (place.path / "new/file").exists()
    assert not (place.path / "a.log").exists()


def test_links_are_never_part_of_an_answer(place: source.Worktree, git: Git) -> None:
    fixer(place, "echo fix > services/web/app.py; git add -A; git commit -qm Fix")
    assert gather(place).files == ("services/web/app.py",)
    fixer(place, "git add -f node_modules; git commit -qm 'With the link'")
    found = gather(place)
    assert found.files == ("services/web/app.py",)
    assert found.restored == ("node_modules",)


def test_a_link_that_was_replaced_by_files_is_not_part_of_an_answer(place: source.Worktree) -> None:
    fixer(place, "rm node_modules; mkdir node_modules; echo x > node_modules/b.js; git add -f node_modules")
    found = gather(place)
    assert found.files == ()
    assert (place.user.root / "node_modules/a.js").exists()


def test_notes_are_not_committed(place: source.Worktree) -> None:
    fixer(place, "echo fix > services/web/app.py; echo words > notes.md")
    assert gather(place, leave=("notes.md",)).files == ("services/web/app.py",)


@pytest.mark.parametrize(
    "script",
    [
        "echo weaker > tests/test_web.py",
        "git rm -q tests/test_web.py; git commit -qm Gone",
        "rm -r tests; echo file > tests; git add -A; git commit -qm 'Folder to file'",
        "git mv tests/test_web.py moved.py; mkdir -p tests; git commit -qm Moved; rm moved.py",
        "mkdir -p tests/deep; echo new > tests/deep/test_new.py",
        "rm -r tests; ln -s services tests; git add -A",
    ],
)
def test_protected_files_are_put_back_by_a_further_commit(place: source.Worktree, git: Git, script: str) -> None:
    fixer(place, f"echo fix > services/web/app.py; {script}")
    found = gather(place, "tests/**", "tests")
    source.accept(place, found)
    assert found.restored
    assert found.files == ("services/web/app.py",)
    assert found.commits[-1].subject == "Put protected files back"
    assert git("diff", "--name-only", "main", found.commit, "--", "tests") == ""
    assert (place.path / "tests/test_web.py").read_text() == "assert True\n"


@pytest.mark.parametrize(
    ("glob", "restored"),
    [
        ("tests/**", ("tests/a.py", "tests/deep/b.py")),
        ("tests", ("tests/a.py", "tests/deep/b.py")),
        ("tests/*.py", ("tests/a.py",)),
        ("*.py", ("c.py",)),
        ("**/*.py", ("c.py", "tests/a.py", "tests/deep/b.py")),
        (":(icase)TESTS", ("tests/a.py", "tests/deep/b.py")),
        ("odd [x]?", ()),
    ],
)
def test_protect_takes_gits_globs(place: source.Worktree, glob: str, restored: tuple[str, ...]) -> None:
    fixer(place, "mkdir tests/deep; touch c.py tests/a.py tests/deep/b.py 'odd x y'")
    assert gather(place, glob).restored == restored


def test_only_protected_files_or_nothing_at_all_is_refused(place: source.Worktree) -> None:
    assert refused(gather(place, "tests/**")) == "nothing was changed"
    fixer(place, "echo weaker > tests/test_web.py")
    assert refused(gather(place, "tests/**")) == "only protected files were changed: tests/test_web.py"


def test_commits_that_undo_each_other_are_nothing(place: source.Worktree) -> None:
    fixer(place, "echo x > a; git add a; git commit -qm Do; git revert --no-edit HEAD >/dev/null")
    assert refused(gather(place)) == "nothing was changed"


def test_too_many_files_are_refused_and_kept_aside(place: source.Worktree, git: Git) -> None:
    fixer(place, "echo x > a; echo x > b; echo x > c")
    found = gather(place)
    assert "3 files were changed, 2 are allowed" in str(refused(found, max_files=2))
    again = source.abandon(place, source.head(place.user))
    assert git("ls-tree", "--name-only", ABANDONED).split() == [".gitignore", "a", "b", "c", "services", "tests"]
    assert git("rev-parse", BRANCH) == source.head(place.user)
    assert not (again.path / "a").exists()
    assert again.links == ("node_modules",)


@pytest.mark.parametrize(
    "script",
    [
        "git commit -q --amend -m Rewritten",
        "git checkout -q --orphan lonely; git commit -qm Lonely",
        "git checkout -q --orphan lonely",
        "git reset -q --hard $(git commit-tree -m other HEAD^{tree})",
    ],
)
def test_a_rewritten_history_is_refused(place: source.Worktree, git: Git, script: str) -> None:
    fixer(place, script)
    found = gather(place)
    assert "rewritten" in str(refused(found))
    source.abandon(place, source.head(place.user))
    assert git("rev-parse", BRANCH) == source.head(place.user)
    assert git("rev-parse", "--abbrev-ref", "HEAD", at=place.path) == BRANCH


def test_another_branch_that_descends_is_taken(place: source.Worktree, git: Git) -> None:
    fixer(place, "git switch -qc my-idea; echo fix > services/web/app.py; git commit -qam Idea; git switch -q --detach")
    found = gather(place)
    source.accept(place, found)
    assert git("rev-parse", BRANCH) == found.commit
    assert git("rev-parse", "--abbrev-ref", "HEAD", at=place.path) == BRANCH


def test_a_removed_git_file_does_not_lead_into_the_users_tree(place: source.Worktree, git: Git, write: Write) -> None:
    write({"users.txt": "the user's own work"})
    fixer(place, "rm .git; echo fix > services/web/app.py; ! git rev-parse --git-dir; cd services; ! git status")
    found = gather(place)
    assert found.files == ("services/web/app.py",)
    assert git("rev-parse", "main") == git("rev-parse", f"{found.commit}~1")


def test_a_killed_attempt_starts_again_and_its_work_is_kept(place: source.Worktree, git: Git) -> None:
    fixer(place, "echo one > services/web/app.py; git commit -qam One; echo two > untracked")
    again = source.abandon(place, source.head(place.user))
    assert not source.dirty(again.tree)
    assert git("show", f"{ABANDONED}:untracked") == "two"
    assert git("show", f"{ABANDONED}~1:services/web/app.py") == "one"
    source.begin(again)
    fixer(again, "echo three > services/web/app.py")
    assert len(gather(again).commits) == 1


def test_a_merge_of_another_branch_is_an_answer(place: source.Worktree, git: Git, write: Write) -> None:
    git("switch", "--quiet", "-c", "side")
    write({"side.txt": "x"})
    git("add", "side.txt")
    git("commit", "--quiet", "-m", "Side")
    git("switch", "--quiet", "main")
    fixer(place, "echo fix > services/web/app.py; git commit -qam Ours; git merge -q --no-edit side")
    assert gather(place).files == ("services/web/app.py", "side.txt")


def test_the_users_index_tree_and_configuration_stay_as_they_are(
    place: source.Worktree, git: Git, write: Write
) -> None:
    write({"services/web/app.py": "edited", "new": "x"})
    git("add", "new")
    config = (place.user.git_dir / "config").read_bytes()
    before = git("status", "--porcelain"), git("rev-parse", "HEAD")
    fixer(place, "echo fix > services/web/app.py")
    source.accept(place, gather(place, "tests/**"))
    source.remove_worktree(place.user, place.path)
    assert (git("status", "--porcelain"), git("rev-parse", "HEAD")) == before
    assert (place.user.git_dir / "config").read_bytes() == config


EQUAL_TIMES = (
    "git config core.trustctime false; git config core.checkStat minimal; touch -r tests/test_web.py .git-time;"
    " echo 'assert None' > tests/test_web.py; touch -r .git-time tests/test_web.py; rm .git-time"
)
HIDINGS = (
    "git update-index --skip-worktree tests/test_web.py; echo weaker > tests/test_web.py",
    "git update-index --assume-unchanged tests/test_web.py; echo weaker > tests/test_web.py",
    EQUAL_TIMES,
)


@pytest.mark.parametrize("script", HIDINGS)
def test_a_change_that_git_was_told_to_overlook_is_part_of_the_answer(place: source.Worktree, script: str) -> None:
    fixer(place, f"echo fix > services/web/app.py; {script}")
    assert gather(place).files == ("services/web/app.py", "tests/test_web.py")
    protected = gather(place, "tests/**")
    assert protected.restored == ("tests/test_web.py",)
    source.accept(place, protected)
    assert (place.path / "tests/test_web.py").read_text() == "assert True\n"


FILTER = (
    'i=$(git rev-parse --git-common-dir)/info; mkdir -p "$i"; echo "tests/* filter=x" > "$i/attributes";'
    " git config filter.x.smudge 'echo weaker'; git config filter.x.clean 'git show HEAD:tests/test_web.py'"
)


@pytest.mark.parametrize(
    "script",
    [
        FILTER,
        'i=$(git rev-parse --git-common-dir)/info; mkdir -p "$i"; echo "*.py eol=crlf" > "$i/attributes"',
        "git replace $(git rev-parse HEAD:tests/test_web.py) $(echo weaker | git hash-object -w --stdin)",
        "git sparse-checkout set --no-cone services",
    ],
)
def test_what_was_done_to_git_itself_changes_no_file_that_is_tested(place: source.Worktree, script: str) -> None:
    fixer(place, f"echo fix > services/web/app.py; {script}; rm -f tests/test_web.py; git checkout -- tests || true")
    found = gather(place, "tests/**")
    source.accept(place, found)
    assert found.files == ("services/web/app.py",)
    assert (place.path / "tests/test_web.py").read_bytes() == b"assert True\n"
    assert source.differing(place.tree, found.commit) == ()
    assert source.read_file(place.user, found.commit, "tests/test_web.py") == "assert True\n"
