"""Text of `loop doctor`: findings in, lines out; one section per topic, and what mends a fault under it. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from loop.console.text import cells, padded, wrapped
from loop.core.findings import Finding, Standing, Topic, exit_code

_COLOURS = {Standing.OK: "32", Standing.FIX: "31;1", Standing.SKIP: "2"}
_MARK = 4
"""Columns of `ok`, `fix` and `skip`."""
_ABOUT = 15


def diagnosis(findings: Iterable[Finding], environment: str, *, width: int = 80, colour: bool = False) -> Iterator[str]:
    """Line after line, each as soon as its finding is there; none but a command to copy is wider than `width`."""
    told: list[Finding] = []
    topic: Topic | None = None
    for found in findings:
        if found.topic is not topic:
            yield from [""] if told else []
            yield _painted(found.topic.value, "1", colour)
            topic = found.topic
        yield from _lines(found, width, colour)
        told.append(found)
    yield ""
    yield from _closing(told, environment, width)


def as_json(findings: Sequence[Finding], environment: str) -> dict[str, object]:
    """The same for machines; the keys of a finding are there even where they are empty."""
    return {
        "environment": environment,
        "exit_code": exit_code(findings),
        "findings": [
            {
                "topic": found.topic.value.lower(),
                "about": found.about,
                "standing": found.standing.value,
                "said": found.said,
                "mend": found.mend,
                "exit_code": found.exit_code,
                "names": list(found.names),
            }
            for found in findings
        ],
    }


def _lines(found: Finding, width: int, colour: bool) -> Iterator[str]:
    about = padded(found.about, max(_ABOUT, cells(found.about)))
    indent = " " * (2 + _MARK + 2 + _ABOUT + 2)
    first, *rest = list(wrapped(found.said, width, indent)) or [indent]
    mark = _painted(padded(found.standing.value, _MARK), _COLOURS[found.standing], colour)
    text = first[len(indent) :]
    yield f"  {mark}  {about}  {text}".rstrip()
    yield from rest
    if found.mend:
        yield f"{' ' * (2 + _MARK + 2)}-> {_painted(found.mend, '36', colour)}"


def _closing(told: Sequence[Finding], environment: str, width: int) -> Iterator[str]:
    count = {standing: sum(found.standing is standing for found in told) for standing in Standing}
    sums = ", ".join(f"{count[s]} {word}" for s, word in _WORDS if count[s] or s is Standing.FIX)
    yield from wrapped(f"{sums}. Nothing was changed by looking.", width)
    again = f"mend the first, then: loop doctor --env {environment}"
    yield f"Next: {again if count[Standing.FIX] else f'loop run --env {environment}'}"


_WORDS = ((Standing.FIX, "to fix"), (Standing.OK, "ok"), (Standing.SKIP, "skipped"))


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
