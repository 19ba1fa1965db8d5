"""How targets are told that were not met."""

from loop.core.environment import Target
from loop.core.figures import missed
from loop.core.model import Case, Outcome
from loop.core.targets import measured


def told(*values: str) -> str:
    target = Target(name="ws p50", below=50, property="ms", percentile=50)
    return missed(measured((target,), (), [Case(id=v, outcome=Outcome.PASSED, properties={"ms": v}) for v in values]))


def test_only_what_was_not_met_is_named_with_its_figure_and_limit() -> None:
    assert told("7") == told() == ""
    assert told("70") == "Targets missed: ws p50 (70 ms, limit 50 ms)"
    assert told("inf") == "Targets missed: ws p50 (infinite, limit 50 ms)"
    assert told("soon", "late") == "Targets missed: ws p50 (not measured, 2 values were no number)"
