"""Document -> one HTML file that needs no script, network or second file. Jinja2 escapes; it is imported late."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from loop.core.wording import one_line, printable
from loop.reports.document import Block, Heading, Line
from loop.reports.subject import Subject

if TYPE_CHECKING:
    from jinja2 import Template


def html(blocks: tuple[Block, ...], subject: Subject) -> str:
    """Light or dark as the reader's system is; prints well; the failures' output is folded."""
    title = next(_flat(block.line) for block in blocks if isinstance(block, Heading))
    return _template().render(blocks=blocks, title=title, standing=_standing(subject), css=_css())


def _flat(line: Line) -> str:
    return "".join(span if isinstance(span, str) else span.text for span in line)


def _standing(subject: Subject) -> str:
    judgement = subject.judgement
    return judgement.verdict.value if judgement else "unjudged"


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"kind": lambda value: type(value).__name__, "printable": printable, "flat": _spaced}
    return environment.from_string((files("loop.reports") / "report.html.j2").read_text("utf-8"))


@cache
def _css() -> str:
    return (files("loop.reports") / "report.css").read_text("utf-8")


def _spaced(text: str) -> str:
    """One line, but the blanks that part it from its neighbours stay."""
    flat = one_line(text, 2_000)
    return (" " if text[:1].isspace() else "") + flat + (" " if text[-1:].isspace() and flat else "")
