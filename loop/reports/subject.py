"""What one report is about, and the questions that several of its sections ask. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from loop.core.clusters import group
from loop.core.events import FixCommitted
from loop.core.model import Case, Commit, Evidence, Failing, Fixed, Judgement
from loop.core.patterns import matches
from loop.core.state import IterationState, RunState
from loop.core.wording import short_commit
from loop.reports.document import Code, Link, Span

Cases = Mapping[str, Sequence[Case]]
"""Suite -> the rows of its counted attempt that did not pass, with detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    state: RunState
    """The run as it stood with this iteration as its last."""
    iteration: IterationState
    cases: Mapping[str, Case]
    """Case id -> row."""
    last: bool
    """The run has no later iteration: what happened to the run since belongs into this report."""

    @property
    def judgement(self) -> Judgement | None:
        return self.iteration.judgement

    @property
    def at(self) -> datetime:
        """When there was something to report: judged, else paused or ended, else begun."""
        later = [e.at for e in (self.state.paused, self.state.ended) if e]
        return self.iteration.judged or (later[0] if later else self.iteration.started)


def subject_of(state: RunState, number: int, cases: Cases) -> Subject:
    return Subject(
        state=state.up_to(number),
        iteration=state.iteration(number),
        cases={case.id: case for rows in cases.values() for case in rows},
        last=number == len(state.iterations) - 1,
    )


def commits(subject: Subject) -> tuple[Commit, ...]:
    """What lies between the iteration before and this one, newest last as git gives it."""
    return subject.iteration.change.commits if subject.iteration.change else ()


def earlier_commits(subject: Subject) -> Iterator[Commit]:
    """The commits of the whole run so far, latest iteration first."""
    for iteration in reversed(subject.state.iterations):
        yield from iteration.change.commits if iteration.change else ()


def claims(commit: Commit, case: str) -> bool:
    """The commit's trailers name that case, by its id or by a pattern over ids."""
    named = [pattern.strip() for pattern in commit.trailers.get("Fixes-case", ())]
    return any(matches(pattern, case) or case.endswith(f"::{pattern}") for pattern in named)


def fixed_in_run(subject: Subject) -> Iterator[Fixed]:
    for iteration in subject.state.iterations:
        comparison = iteration.judgement.comparison if iteration.judgement else None
        yield from comparison.fixed if comparison else ()


def groups(failing: Sequence[Failing]) -> list[list[Failing]]:
    """Equal signatures together, the largest group first: one cause is read once."""
    by_id = {each.id: each for each in failing}
    return [[by_id[case_id] for case_id in cluster.cases] for cluster in group(failing)]


def commit_mark(sha: str) -> Span:
    return Code(short_commit(sha)) if sha else "not known"


def evidence_link(iteration: IterationState, evidence: Evidence) -> Link:
    return Link(evidence.path, f"evidence/{iteration.number}/{evidence.path}")


def fix_before(subject: Subject) -> FixCommitted | None:
    """The fixer's answer that this iteration grades."""
    number = subject.iteration.number
    return subject.state.iteration(number - 1).fix.committed if number else None
