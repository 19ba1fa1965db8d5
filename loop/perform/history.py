"""What an iteration is held against: the last comparable one of its run, and the baseline of an earlier run."""

import posixpath
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from loop import source
from loop.core.compare import Earlier, Standing, standings, suite_of
from loop.core.environment import Suite
from loop.core.model import UNCOUNTED, Case, ChangeKind, Outcome
from loop.core.state import IterationState, RunState
from loop.core.stopping import comparable
from loop.core.verdict import History
from loop.core.wording import count
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

    def earlier(label: str, then: IterationState, run: Run, of: RunState) -> Earlier:
        stands = _stands(then, of)
        rows = {name: found for each in stands for name, found in cases_of(each, emit.journal, run).items()}
        collected = {case.file for found in (rows, cases) for suite in found.values() for case in suite}
        beside = testside.decisive(then, of.charter, it, state.charter, collected, setting)
        return replace(_earlier(label, then, it, rows, beside), sources=_sources(stands))

    previous = earlier(f"iteration {before[-1].number}", before[-1], emit.run, state) if before else None
    found = _baseline_iteration(state, emit)
    baseline, note = None, ""
    if found:
        run, then = found
        before_it = earlier(f"{run.name} {then.title.lower()}", then, run, emit.journal.state(run))
        baseline, note = _held(before_it, run, then, state)
    references = [(found[1], baseline)] if found and baseline else []
    references += [(before[-1], previous)] if previous else []
    accepted = _accepted(references, emit.journal.acceptances(state.environment))
    return History(previous=previous, baseline=baseline, accepted=accepted, note=note)


def _stands(then: IterationState, of: RunState) -> tuple[IterationState, ...]:
    """What a confirmation of fewer suites did not run stands as in the iteration that it confirms."""
    return (then,) if then.confirms is None else (of.iteration(then.confirms), then)


def _sources(stands: Sequence[IterationState]) -> dict[str, str]:
    ran = [(name, suite.result) for each in stands for name, suite in each.suites.items()]
    return {name: result.sources_digest for name, result in ran if result}


def unknown_runs(reports: Path, state: RunState, emit: Emit) -> str:
    """A journal that was lost, or is another one, knows nothing that could be held against this run."""
    if len(emit.journal.runs(state.environment)) > 1:
        return ""
    folders = [p for p in (reports / state.environment).glob("*") if p.name.isdecimal() and int(p.name) < state.number]
    number = sum(1 for folder in folders if any(folder.glob("iteration-*")))
    if not number:
        return ""
    return (
        f"No baseline: the journal knows nothing of {count(number, 'earlier run')} under reports/{state.environment};"
        f" what {'it' if number == 1 else 'they'} covered is not held against this run."
    )


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
    """The ids that the suite's last comparable iteration had results of; None where there is none."""
    found = [i for i in state.iterations if i.judgement and comparable(i.judgement) and suite.name in i.suites]
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
    return tuple(case.id for case in journal.cases(run, batch) if case.outcome is not Outcome.NOT_RUN)


def baseline_iteration(
    journal: Journal, environment: str, suites: Collection[str], *, before: Run | None = None
) -> tuple[Run, IterationState] | None:
    """The environment's last complete, valid iteration with those suites, of runs before that one.

    Where no run had the same suites: of the run that shares most of them, so that what is missing can be named.
    """
    wanted, best, shared = set(suites), None, -1
    for run in reversed(journal.runs(environment)):
        if before and run.id >= before.id:
            continue
        earlier = journal.state(run)
        names = {s.name for s in earlier.charter.suites}
        judged = [i for i in earlier.iterations if i.judgement and comparable(i.judgement) and names == i.suites.keys()]
        if earlier.selected or not judged:
            continue
        if names == wanted:
            return run, judged[-1]
        if len(names & wanted) > shared:
            best, shared = (run, judged[-1]), len(names & wanted)
    return best


def _held(found: Earlier, run: Run, then: IterationState, state: RunState) -> tuple[Earlier | None, str]:
    """Of the suites that both have, and a sentence where the others differ."""
    suites = {s.name for s in state.charter.suites}
    note = suites_differ(run.name, then.suites, suites, found.counted())
    return (found.only(suites) if suites & then.suites.keys() else None), note


def suites_differ(run: str, then: Collection[str], now: Collection[str], counted: Collection[str]) -> str:
    """What is not held against a run because its suites are others; `counted`: the cases that counted in `run`."""
    without, new, both = ([n for n in then if n not in now], [n for n in now if n not in then], set(then) & set(now))
    if not without and not new:
        return ""
    parts = [f"without {', '.join(sorted(without))}"] if without else []
    parts += [f"new: {', '.join(sorted(new))}"] if new else []
    differ = f"the suites differ from {run}'s ({', '.join(parts)})"
    lost = count(sum(1 for case_id in counted if suite_of(case_id) in without), "case")
    if not both:
        return f"No baseline: {differ}; what its {lost} covered is not held against this run."
    held = f"only its cases of {', '.join(sorted(both))} are held against this run"
    but = f", not the {lost} of {', '.join(sorted(without))}" if without else ""
    return f"Baseline in part: {differ}; {held}{but}."


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
