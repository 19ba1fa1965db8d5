"""The journal on a real SQLite file: what goes in comes out, nothing is rewritten, one holder at a time."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.core.actions import Ending
from loop.core.environment import Charter, PlatformTarget, Service, Suite
from loop.core.events import (
    ActionStarted,
    BuildFailed,
    Event,
    IterationJudged,
    IterationStarted,
    RunEnded,
    RunStarted,
    ServiceObserved,
    SuiteFinished,
)
from loop.core.fold import begin, evolve
from loop.core.model import (
    Case,
    CaseAttempt,
    Judgement,
    Outcome,
    Problem,
    ProblemKind,
    Rate,
    Serving,
    Split,
    SuiteResult,
    Verdict,
)
from loop.errors import JournalError, JournalNewer, LeaseHeld
from loop.journal import Journal, Lease, Run, opened
from loop.journal.lease import held_by
from loop.journal.rows import Batch

URL = "sqlite:///journal.db"
AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
PLATFORM = PlatformTarget(project="p", region="r", repository="h/p/r", bucket="b")
CHARTER = Charter(
    name="staging", title="S", mission="m", platform=PLATFORM, suites=(Suite(name="smoke", pytest=("tests",)),)
)
STARTED = RunStarted(at=AT, environment="staging", number=1, uid="abcdef", charter=CHARTER)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = opened(URL, tmp_path)
    yield journal
    journal.close()


def serving(revision: str) -> Serving:
    return Serving(service="a", url="http://a", traffic=(Split(revision=revision, percent=100),), revision=revision)


def a_run() -> list[Event]:
    """One event of each shape that matters: nested values, maps, enums, fractions, times."""
    result = SuiteResult(
        command="pytest", exit_status=1, seconds=1.5, expected=3, counts={Outcome.PASSED: 2, Outcome.FAILED: 1},
        problems=(Problem(kind=ProblemKind.TIMED_OUT, sentence="too long"),),
    )  # fmt: skip
    judgement = Judgement(verdict=Verdict.FAILED, rule="no", raw=Rate(passed=2, counted=3), counts=result.counts)
    return [
        IterationStarted(
            iteration=0, commit="c" * 40, subject="ünï\n|code", committed=AT,
            services=(Service(name="a", service="a", source="s", env={"K": "${secret:X}"}),), digests={"a": "d"},
        ),
        ActionStarted(action="ObserveService", iteration=0, subject="a", attempt=1),
        ServiceObserved(iteration=0, service="a", url="http://a", found=serving("a-1"), unchanged=False, reason="new"),
        BuildFailed(iteration=0, service="a", reason="no Procfile", log=("one", "two")),
        SuiteFinished(iteration=0, suite="smoke", attempt=1, result=result),
        IterationJudged(iteration=0, judgement=judgement),
        RunEnded(ending=Ending.WAITING, sentence="s", verdict=Verdict.FAILED, exit_code=1),
    ]  # fmt: skip


def fill(journal: Journal) -> Run:
    run = journal.start(STARTED)
    for seq, event in enumerate(a_run(), 1):
        journal.append(run, seq, replace(event, at=AT + timedelta(seconds=seq)))
    return run


def test_events_come_back_as_they_were(journal: Journal) -> None:
    run = fill(journal)
    stored = journal.events(run)
    assert [replace(e, at=AT) for e in stored] == [replace(e, at=AT) for e in (STARTED, *a_run())]
    assert journal.count(run) == len(stored)


def test_any_prefix_of_a_run_folds(journal: Journal) -> None:
    stored = journal.events(fill(journal))
    state = begin(STARTED)
    for event in stored[1:]:
        state = evolve(state, event)
        assert state.last == event.at
    assert journal.state(journal.runs()[0]) == state


def test_an_event_is_on_disk_when_append_returns(journal: Journal, tmp_path: Path) -> None:
    run = journal.start(STARTED)
    journal.append(run, 1, a_run()[0])
    with sqlite3.connect(tmp_path / "journal.db") as other:
        assert other.execute("select count(*) from events").fetchone() == (2,)


def test_the_same_place_is_never_written_twice(journal: Journal) -> None:
    run = journal.start(STARTED)
    journal.append(run, 1, a_run()[0])
    with pytest.raises(Exception, match="UNIQUE"):
        journal.append(run, 1, a_run()[1])
    assert len(journal.events(run)) == 2


def test_a_number_is_given_once(journal: Journal) -> None:
    journal.start(STARTED)
    with pytest.raises(JournalError, match="staging-1 exists"):
        journal.start(replace(STARTED, uid="zzzzzz"))


@pytest.mark.parametrize("table", ["cases", "details"])
def test_what_earlier_programs_wrote_is_still_read(journal: Journal, table: str, tmp_path: Path) -> None:
    run, batch = journal.start(STARTED), Batch(iteration=0, suite="smoke", attempt=1)
    case = Case(id="smoke::a", outcome=Outcome.FAILED, message="assert 403 == 200", detail="x" * 2000, signature="s")
    journal.add_cases(run, batch, [case])
    told = json.dumps({"message": case.message, "detail": case.detail, "signature": case.signature})
    with sqlite3.connect(journal.path) as connection:
        connection.execute("UPDATE details SET body = ?", (told,))
        if table == "cases":
            connection.execute("UPDATE cases SET details = ?", (told,))
            connection.execute("DELETE FROM details")
        connection.execute("DROP TABLE texts")
        connection.execute("UPDATE meta SET value = '1'")
    again = opened(URL, tmp_path)
    again.add_cases(run, replace(batch, attempt=2), [case])
    assert again.cases(run, batch) == again.cases(run, replace(batch, attempt=2)) == [case]
    with sqlite3.connect(journal.path) as connection:
        schemas = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()
    assert schemas == [("2",)], "the program that made it could not read what it holds now"


def test_what_a_case_says_again_and_again_is_written_once(journal: Journal, tmp_path: Path) -> None:
    """Time, trace id and properties are its own in every iteration."""
    run = journal.start(STARTED)
    first = Case(id="smoke::a", outcome=Outcome.FAILED, message="no", detail="detail " * 1000, signature="s")
    rows = [
        replace(first, trace=f"{n:032}", started=AT, properties={"ms": str(n)}, seconds=float(n)) for n in range(20)
    ]
    batches = [Batch(iteration=n, suite="smoke", attempt=1) for n in range(21)]
    for batch, case in zip(batches[:20], rows, strict=True):
        journal.add_cases(run, batch, [case])
    again = opened(URL, tmp_path)
    again.add_cases(run, batches[20], [first])
    assert [again.cases(run, batch) for batch in batches] == [[case] for case in (*rows, first)]
    with sqlite3.connect(journal.path) as connection:
        assert connection.execute("SELECT count(*) FROM texts").fetchall() == [(1,)]


def test_a_newer_journal_is_refused_and_not_touched(journal: Journal, tmp_path: Path) -> None:
    run = fill(journal)
    with sqlite3.connect(tmp_path / "journal.db") as other:
        other.execute("update meta set value = '99'")
    with pytest.raises(JournalNewer, match="schema 99"):
        opened(URL, tmp_path)
    with sqlite3.connect(tmp_path / "journal.db") as other:
        other.execute("update events set version = 99 where seq = 3")
    with pytest.raises(JournalNewer):
        journal.events(run)


def test_a_file_that_is_no_journal_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(JournalError, match="can not be read"):
        opened(URL, tmp_path)


def test_the_trend_is_the_last_judged_iteration_of_each_run(journal: Journal) -> None:
    fill(journal)
    journal.start(replace(STARTED, number=2, uid="bbbbbb"))
    rows = journal.trend("staging")
    assert [(r.run, r.iteration, r.verdict, r.ending) for r in rows] == [
        ("staging-1", 0, "failed", "waiting for a commit")
    ]
    assert journal.trend("other") == ()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
cases = st.lists(
    st.builds(
        Case,
        id=texts,
        outcome=st.sampled_from(Outcome),
        seconds=st.none() | st.integers(0, 10_000).map(lambda ms: ms / 1000),
        message=texts,
        detail=texts,
        signature=texts,
        attempts=st.lists(st.builds(CaseAttempt, outcome=st.sampled_from(Outcome), message=texts), max_size=2).map(
            tuple
        ),
        properties=st.dictionaries(texts, texts, max_size=2),
        file=texts.filter(lambda t: "\0" not in t),
        source=texts.filter(lambda t: "\0" not in t),
    ),
    max_size=20,
    unique_by=lambda case: case.id,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(rows=cases)
def test_case_rows_come_back_as_they_were(journal: Journal, rows: list[Case]) -> None:
    number = len(journal.runs()) + 1
    run = journal.start(replace(STARTED, number=number, uid=f"u{number}"))
    batch = Batch(iteration=0, suite="smoke", attempt=1)
    journal.add_cases(run, batch, rows[:7])
    journal.add_cases(run, batch, rows[7:])
    found = {case.id: case for case in journal.cases(run, batch)}
    assert found == {case.id: case for case in rows}


def test_rows_of_another_attempt_are_never_counted(journal: Journal) -> None:
    run = journal.start(STARTED)
    killed = Batch(iteration=0, suite="smoke", attempt=1)
    journal.add_cases(run, killed, [Case(id="smoke::a", outcome=Outcome.PASSED)])
    assert journal.cases(run, replace(killed, attempt=2)) == []
    assert len(journal.cases(run, killed)) == 1


def test_rows_and_the_event_they_belong_to_are_one_transaction(journal: Journal) -> None:
    run = journal.start(STARTED)
    journal.append(run, 1, a_run()[0])
    batch = Batch(iteration=0, suite="smoke", attempt=1)
    with pytest.raises(Exception, match="UNIQUE"):
        journal.append(run, 1, a_run()[4], [Case(id="smoke::a", outcome=Outcome.PASSED)], batch)
    assert journal.cases(run, batch) == []


def test_a_passed_case_costs_few_bytes(journal: Journal, tmp_path: Path) -> None:
    """The bound of the issue that follows is 64 bytes per case and iteration; names are written once."""
    run = journal.start(STARTED)
    rows = [
        Case(id=f"smoke::tests/test_many.py::test_{n}", outcome=Outcome.PASSED, seconds=n / 1000, file="f", source="s")
        for n in range(5000)
    ]
    journal.add_cases(run, Batch(iteration=0, suite="smoke", attempt=1), rows)
    before = _size(tmp_path)
    for iteration in range(1, 6):
        journal.add_cases(run, Batch(iteration=iteration, suite="smoke", attempt=1), rows)
    assert (_size(tmp_path) - before) / (5 * len(rows)) < 64


def _size(folder: Path) -> int:
    with sqlite3.connect(folder / "journal.db") as other:
        other.execute("pragma wal_checkpoint(truncate)")
    return (folder / "journal.db").stat().st_size


# the lease


def lease(journal: Journal, environment: str = "staging") -> Lease:
    return Lease(journal, environment, holder="ann@host")


def test_a_second_run_of_the_environment_is_refused_by_name(journal: Journal) -> None:
    first = lease(journal)
    first.acquire()
    with pytest.raises(LeaseHeld, match=rf"ann@host \(pid {os.getpid()}\)") as refused:
        lease(journal).acquire()
    assert refused.value.hint == "wait for it with --wait; loop status --env staging shows where it stands"
    assert "ann@host" in held_by(journal, "staging")
    other = lease(journal, "production")
    other.acquire()
    other.release()
    first.release()
    assert held_by(journal, "staging") == ""


def fence_of(journal: Journal, environment: str = "staging") -> str:
    each = lease(journal, environment)
    each.acquire()
    each.release()
    return each.fence


def test_each_holder_has_a_higher_fencing_number(journal: Journal) -> None:
    scopes, numbers = zip(*(fence_of(journal).split(":") for _ in range(3)), strict=True)
    assert len(set(scopes)) == 1
    assert numbers == ("1", "2", "3")


def test_fencing_numbers_of_two_environments_or_journals_are_of_two_scopes(journal: Journal, tmp_path: Path) -> None:
    elsewhere = opened("sqlite:///another.db", tmp_path)
    fences = [fence_of(journal), fence_of(journal, "production"), fence_of(elsewhere)]
    elsewhere.close()
    assert {fence.partition(":")[2] for fence in fences} == {"1"}
    assert len({fence.partition(":")[0] for fence in fences}) == 3


def test_waiting_asks_again_until_it_is_free(journal: Journal) -> None:
    first, seen = lease(journal), []
    first.acquire()

    def wait(holder: Any) -> None:
        seen.append(holder.holder)
        first.release()

    second = lease(journal)
    second.acquire(wait=wait)
    second.release()
    assert seen == ["ann@host"]


HOLD = """
import sys, time
from pathlib import Path
from loop.journal import Lease, opened
Lease(opened("sqlite:///journal.db", Path(sys.argv[1])), "staging", holder="dead").acquire()
print("held", flush=True)
time.sleep(600)
"""


def test_a_dead_holders_lease_is_free_at_once(journal: Journal, tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LeaseHeld, match="dead"):
        lease(journal).acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    mine = lease(journal)
    mine.acquire()
    assert mine.fence.endswith(":2")
    mine.release()
