"""One iteration of a run -> its report in every format. Pure: equal state and rows give equal bytes."""

from dataclasses import dataclass

from loop.core.state import RunState
from loop.reports.closing import closing
from loop.reports.data import as_json
from loop.reports.document import Block
from loop.reports.html import html
from loop.reports.markdown import markdown
from loop.reports.opening import headline, measured, opening
from loop.reports.results import results
from loop.reports.stack import stack
from loop.reports.subject import Cases, Subject, subject_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    environment: str
    run: int
    iteration: int
    headline: str
    markdown: str
    json: str
    html: str


def render(state: RunState, number: int, cases: Cases) -> Report:
    """The report of iteration `number` as the run stood with it as its last.

    `cases`: suite -> the rows of its counted attempt that did not pass, with their detail.
    """
    subject = subject_of(state, number, cases)
    blocks = document(subject)
    return Report(
        environment=state.environment,
        run=state.number,
        iteration=number,
        headline=headline(subject),
        markdown=markdown(blocks),
        json=as_json(subject),
        html=html(blocks, subject),
    )


def document(subject: Subject) -> tuple[Block, ...]:
    return (*opening(subject), *results(subject), *stack(subject), *measured(subject), *closing(subject))
