"""What commits say, and what lies between the commits of two iterations."""

from collections.abc import Callable
from datetime import datetime

from loop import source
from loop.core.model import ChangedFile, ChangeKind

Git = Callable[..., str]
Write = Callable[..., None]


def test_details_are_what_the_commit_says(repo: source.Repository, git: Git) -> None:
    trailers = "root-cause: a typo\nLearned: one\nLEARNED: two\n  folded\nSigned-off-by: Ada <a@b>"
    message = f"Fix: ünïcode\n\nBody\n\n{trailers}"
    date = "2026-03-01T10:00:00+02:00"
    git("commit", "--quiet", "--allow-empty", "-m", message, f"--date={date}")
    found = source.details(repo, "HEAD")
    assert (found.commit.sha, found.commit.author) == (source.head(repo), "Ada")
    assert found.commit.subject == "Fix: ünïcode"
    assert found.commit.trailers == {"Root-cause": ("a typo",), "Learned": ("one", "two folded")}
    assert found.authored == datetime.fromisoformat(date)
    assert found.committed > found.authored


def test_what_commits_say_is_redacted(repo: source.Repository, git: Git) -> None:
    before = source.head(repo)
    git("commit", "--quiet", "--allow-empty", "-m", "Use hunter2", "-m", "Learned: hunter2 is weak")
    found = source.change(repo, before, "HEAD", redact=lambda text: text.replace("hunter2", "***"))
    assert found.commits[0].subject == "Use ***"
    assert found.commits[0].trailers == {"Learned": ("*** is weak",)}
    assert source.details(repo, "HEAD", lambda text: text.replace("hunter2", "***")).commit == found.commits[0]


def test_a_commit_without_words_has_details(repo: source.Repository, git: Git) -> None:
    git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", "")
    assert source.details(repo, "HEAD").commit.subject == ""


def test_a_change_names_files_kinds_and_commits(repo: source.Repository, git: Git, write: Write) -> None:
    write({"docs/old.md": "line\n" * 20, "tests/test_moved.py": "line\n" * 20, "binary": "x"})
    git("add", "-A")
    git("commit", "--quiet", "-m", "Before")
    before = source.head(repo)
    write({"services/web/app.py": "print('two')\nmore\n", "configs/local.yaml": "a: 1\n", "na\nme é": "x\n"})
    (repo.root / "binary").write_bytes(b"\0\1\2")
    git("mv", "docs/old.md", "docs/new.md")
    git("mv", "tests/test_moved.py", "services/web/moved.py")
    git("rm", "--quiet", "tests/test_web.py")
    git("add", "-A")
    git("commit", "--quiet", "-m", "One")
    git("commit", "--quiet", "--allow-empty", "-m", "Two", "-m", "Root-cause: x")
    found = source.change(repo, before, source.head(repo), services=["services/web"], frozen=["configs/local.yaml"])
    product, tests, config, docs = ChangeKind.PRODUCT, ChangeKind.TESTS, ChangeKind.CONFIG, ChangeKind.DOCS
    infra = ChangeKind.INFRA
    assert set(found.files) == {
        ChangedFile(path="services/web/app.py", status="M", kind=product, added=2, removed=1),
        ChangedFile(path="configs/local.yaml", status="A", kind=config, added=1),
        ChangedFile(path="na\nme é", status="A", kind=infra, added=1),
        ChangedFile(path="binary", status="M", kind=infra),
        ChangedFile(path="docs/new.md", status="R", kind=docs),
        ChangedFile(path="services/web/moved.py", status="R", kind=product),
        ChangedFile(path="tests/test_moved.py", status="D", kind=tests),
        ChangedFile(path="tests/test_web.py", status="D", kind=tests, removed=1),
    }
    assert found.kinds == (product, tests, config, infra, docs)
    assert [commit.subject for commit in found.commits] == ["One", "Two"]
    assert found.commits[1].trailers == {"Root-cause": ("x",)}
    assert found.frozen == ("configs/local.yaml",)


def test_no_change_has_no_kinds(repo: source.Repository) -> None:
    found = source.change(repo, source.head(repo), source.head(repo))
    assert (found.kinds, found.files, found.commits) == ((), (), ())


def test_the_users_settings_do_not_change_answers(repo: source.Repository, git: Git, write: Write) -> None:
    before = source.head(repo)
    write({"new folder/é.txt": "x\n"})
    git("add", "-A")
    git("commit", "--quiet", "-m", "New")
    for setting in ("diff.noprefix=true", "diff.external=false", "core.quotepath=on", "log.showSignature=true",
                    "color.ui=always", "diff.relative=true", "status.relativePaths=true", "log.date=relative",
                    "diff.orderFile=/nonexistent", "status.showUntrackedFiles=no", "core.pager=false"):  # fmt: skip
        git("config", *setting.split("=", 1))
    found = source.change(repo, before, source.head(repo))
    assert [(f.path, f.status, f.added) for f in found.files] == [("new folder/é.txt", "A", 1)]
    write({"untracked": "x"})
    assert source.dirty(repo)
