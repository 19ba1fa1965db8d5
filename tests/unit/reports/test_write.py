"""What lies on the disk afterwards, and what may never be lost there."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from stories import seed, seed_cases

from loop.core.model import Rate, Verdict
from loop.errors import JournalError, LoopError
from loop.reports.index import IndexRow, index
from loop.reports.render import Report, render
from loop.reports.write import evidence_folder, write_evidence, write_index, write_junit, write_report


@pytest.fixture
def report() -> Report:
    return render(seed().run, 3, seed_cases())


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_report_lies_in_three_formats_beside_its_evidence(tmp_path: Path, report: Report) -> None:
    path = write_report(tmp_path / "reports", report)
    assert path == tmp_path / "reports/local/42/iteration-3.md"
    assert path.read_text(encoding="utf-8") == report.markdown
    assert names(tmp_path) == {
        "reports/.gitignore",
        *(f"reports/local/42/iteration-3.{s}" for s in ("md", "json", "html")),
    }


def test_rendering_again_leaves_evidence_alone(tmp_path: Path, report: Report) -> None:
    folder = evidence_folder(tmp_path, "local", 42, 3)
    evidence = write_evidence(folder, "p1/output.txt", "22 passed\n")
    write_report(tmp_path, report)
    write_report(tmp_path, report)
    assert (folder / evidence.path).read_text() == "22 passed\n"
    assert f"evidence/3/{evidence.path}" == str((folder / evidence.path).relative_to(tmp_path / "local/42"))


def test_evidence_is_named_by_its_content(tmp_path: Path) -> None:
    evidence = write_evidence(tmp_path, "a/b.txt", "caf\u00e9\n")
    data = "caf\u00e9\n".encode()
    assert (evidence.path, evidence.sha256, evidence.size) == ("a/b.txt", sha256(data).hexdigest(), len(data))
    assert names(tmp_path) == {"a/b.txt"}


def test_evidence_is_never_overwritten(tmp_path: Path) -> None:
    first = write_evidence(tmp_path, "a.txt", "first")
    assert write_evidence(tmp_path, "a.txt", "first") == first
    with pytest.raises(LoopError, match="never overwritten"):
        write_evidence(tmp_path, "a.txt", "second")
    assert (tmp_path / "a.txt").read_text() == "first"
    assert names(tmp_path) == {"a.txt"}


@pytest.mark.parametrize("name", ["../a.txt", "/a.txt", "b/../../a.txt", ""])
def test_evidence_stays_below_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(LoopError, match="below its folder"):
        write_evidence(tmp_path / "evidence", name, "x")


def test_the_clone_stays_clean_until_somebody_wants_to_commit_reports(tmp_path: Path, report: Report) -> None:
    write_report(tmp_path, report)
    ignore = tmp_path / ".gitignore"
    assert ignore.read_text() == "*\n"
    write_index(tmp_path, [])
    ignore.unlink()
    write_report(tmp_path, report)
    assert not ignore.exists()


def test_an_ignore_file_of_the_user_s_is_kept(tmp_path: Path, report: Report) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    write_report(tmp_path, report)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_a_write_that_fails_halfway_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write_junit(tmp_path, "local", 42, 0, ["<old/>"])

    def broken() -> object:
        yield "<new"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_junit(tmp_path, "local", 42, 0, broken())  # type: ignore[arg-type]
    assert path.read_text() == "<old/>"
    assert names(tmp_path) == {".gitignore", "local/42/iteration-0.junit.xml"}


def test_a_folder_that_can_not_be_made_is_the_operator_s_to_mend(tmp_path: Path, report: Report) -> None:
    (tmp_path / "local").write_text("a file where a folder should be")
    with pytest.raises(JournalError) as caught:
        write_report(tmp_path, report)
    assert caught.value.where.startswith(str(tmp_path / "local"))


def row(environment: str, number: int, **more: object) -> IndexRow:
    values: dict[str, object] = {
        "environment": environment,
        "number": number,
        "started": datetime(2026, 11, number, 2, 0, tzinfo=UTC),
        "iterations": 4,
        "verdict": Verdict.PASSED,
        "rate": Rate(passed=24, counted=25),
        "standing": "goal met",
        "report": f"reports/{environment}/{number}/iteration-3.md",
    }
    return IndexRow(**(values | more))  # type: ignore[arg-type]


def test_the_index_lists_runs_by_environment_newest_first() -> None:
    text = index(
        [row("staging", 1), row("local", 2), row("local", 3, verdict=Verdict.INVALID, standing="results invalid")]
    )
    lines = [line for line in text.splitlines() if line.startswith(("##", "| ["))]
    assert lines == [
        "## local",
        "| [local-3](<local/3/iteration-3.md>) | 2026-11-03 02:00 UTC | 4 | invalid | no rate |  | results invalid |",
        "| [local-2](<local/2/iteration-3.md>) | 2026-11-02 02:00 UTC | 4 | passed | 96% | 24/25 | goal met |",
        "## staging",
        "| [staging-1](<staging/1/iteration-3.md>) | 2026-11-01 02:00 UTC | 4 | passed | 96% | 24/25 | goal met |",
    ]


def test_an_index_of_nothing_says_so() -> None:
    assert "None yet." in index([])
