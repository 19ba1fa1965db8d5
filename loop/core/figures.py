"""How measured targets are said: the same in the report and in a run's last lines. Pure."""

from collections.abc import Iterable

from loop.core.model import Measured
from loop.core.wording import one_line


def figure(value: float | None, unit: str) -> str:
    """`124 ms`; None is a value above every limit."""
    if value is None:
        return "infinite"
    return f"{value * 1000:g} ms" if unit == "s" else f"{value:g} {unit}"


def unread(found: Measured) -> str:
    """Of the recorded values, those that could not be taken; empty where there are none."""
    if not found.unread:
        return ""
    return "1 value was no number" if found.unread == 1 else f"{found.unread} values were no number"


def missed(targets: Iterable[Measured]) -> str:
    """The targets that were not met in one sentence, those that can not be told for their values among them."""
    told = [_missed(each) for each in targets if not each.met]
    return f"Targets missed: {', '.join(told)}" if told else ""


def _missed(found: Measured) -> str:
    name = one_line(found.target, 60)
    if not found.n:
        return f"{name} (not measured, {unread(found)})"
    return f"{name} ({figure(found.value, found.unit)}, limit {figure(found.limit, found.unit)})"
