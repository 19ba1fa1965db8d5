"""What an iteration is held against: the last comparable one of its run, and the baseline of an earlier run."""

import posixpath
from collections.abc import Callable, Collection, Mapping, Sequence

from loop import source
from loop.core.compare import Earlier, Standing, standings, suite_of
from loop.core.environment import Charter, Suite
from loop.core.model import UNCOUNTED, Case, ChangeKind
from loop.core.state import IterationState, RunState
from loop.core.stopping import comparable
from loop.core.verdict import History
from loop.journal import Acceptance, Journal, Run
from loop.journal.rows import Batch
from loop.perform import testside
from loop.perform.emit import Emit
from loop.perform.setting import Setting

Rows = Mapping[str, Sequence[Case]]
"""Suite -> its cases."""


def history(state: RunState, it: IterationState, cases: Rows, setting: Setting, emit: Emit) -> History:
    """`cases`: those of `it`."""
    before = [i for i in state.iterations[: it.number] if i.judgement and comparable(i.judgement)]

    def earlier(label: str, then: IterationState, run: Run, charter: Charter) -> Earlier:
        rows = cases_of(then, emit.journal, run)
        collected = {case.file for found in (rows, cases) for suite in found.values() for case in suite}
        beside = testside.decisive(then, charter, it, state.charter, collected, setting)
        return _earlier(label, then, it, rows, beside)

    previous = earlier(f"iteration {before[-1].number}", before[-1], emit.run, state.charter) if before else None
    found = _baseline_iteration(state, emit)
    baseline = None
    if found:
        run, then = found
        baseline = earlier(f"{run.name} {then.title.lower()}", then, run, emit.journal.state(run).charter)
    references = [(found[1], baseline)] if found and baseline else []
    references += [(before[-1], previous)] if previous else []
    accepted = _accepted(references, emit.journal.acceptances(state.environment))
    return History(previous=previous, baseline=baseline, accepted=accepted)


def _accepted(
    references: Sequence[tuple[IterationState, Earlier]], acceptances: Sequence[Acceptance]
) -> frozenset[str]:
    """A consent holds for what was weakened before it: a case that counted again since then needs a new one."""
    if not acceptances:
        return frozenset()
    counted = [(then.judged, earlier.counted()) for then, earlier in references if then.judged]
    return frozenset(a.case_id for a in acceptances if not any(at > a.at and a.case_id in ids for at, ids in counted))


def consents(against: History, cases: Mapping[str, Sequence[Case]], acceptances: Sequence[Acceptance]) -> list[str]:
    """A sentence on every case that left the count because somebody agreed: a reader must see whose word it was."""
    counting = {case.id for rows in cases.values() for case in rows if case.outcome not in UNCOUNTED}
    before = {case_id for earlier in (against.baseline, against.previous) if earlier for case_id in earlier.counted()}
    left = {case_id for case_id in (against.accepted & before) - counting if suite_of(case_id) in cases}
    newest = {a.case_id: a for a in acceptances if a.case_id in left}
    return [
        f"{a.case_id} no longer counts: accepted by {a.who} on {a.at:%Y-%m-%d} ({a.reason})" for a in newest.values()
    ]


def cases_of(it: IterationState, journal: Journal, run: Run) -> dict[str, list[Case]]:
    """Suite -> the rows of the attempt that counts."""
    return {
        name: journal.cases(run, Batch(iteration=it.number, suite=name, attempt=suite.attempt))
        for name, suite in it.suites.items()
        if suite.result is not None
    }


def known_cases(suite: Suite, state: RunState, emit: Emit) -> tuple[str, ...] | None:
    """The ids that the suite's last comparable iteration had; None where there is none."""
    found = [i for i in state.iterations if i.judgement and comparable(i.judgement)]
    if found:
        return _ids(found[-1], suite, emit.journal, emit.run)
    baseline = _baseline_iteration(state, emit)
    return _ids(baseline[1], suite, emit.journal, baseline[0]) if baseline else None


def earlier_source(state: RunState, it: IterationState, repo: source.Repository) -> Callable[[str], str | None]:
    """Reads a file, named from `root:`, as the iteration before had it; None where it is the same or was not there."""
    changed = {file.path for file in it.change.files} if it.change and it.number else set()

    def read(file: str) -> str | None:
        path = posixpath.normpath(posixpath.join(state.charter.root, file))
        return source.read_file(repo, state.iteration(it.number - 1).commit, path) if path in changed else None

    return read


def _ids(it: IterationState, suite: Suite, journal: Journal, run: Run) -> tuple[str, ...] | None:
    seen = it.suites.get(suite.name)
    if seen is None or seen.result is None:
        return None
    batch = Batch(iteration=it.number, suite=suite.name, attempt=seen.attempt)
    return tuple(case.id for case in journal.cases(run, batch))


def baseline_iteration(
    journal: Journal, environment: str, suites: Collection[str], *, before: Run | None = None
) -> tuple[Run, IterationState] | None:
    """The environment's last complete, valid iteration with those suites, of runs before that one."""
    for run in reversed(journal.runs(environment)):
        if before and run.id >= before.id:
            continue
        earlier = journal.state(run)
        if earlier.selected or {s.name for s in earlier.charter.suites} != set(suites):
            continue
        judged = [i for i in earlier.iterations if i.judgement and comparable(i.judgement)]
        if judged:
            return run, judged[-1]
    return None


def _baseline_iteration(state: RunState, emit: Emit) -> tuple[Run, IterationState] | None:
    return baseline_iteration(emit.journal, state.environment, {s.name for s in state.charter.suites}, before=emit.run)


def _earlier(
    label: str, then: IterationState, now: IterationState, rows: Rows, beside: frozenset[ChangeKind]
) -> Earlier:
    assert then.judgement is not None
    cases: dict[str, Standing] = {}
    for suite in rows.values():
        cases |= standings(suite)
    changed = {n: s.revision for n, s in then.services.items()} != {n: s.revision for n, s in now.services.items()}
    return Earlier(label=label, judgement=then.judgement, cases=cases, product_changed=changed, decisive=beside)
