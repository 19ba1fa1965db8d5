"""After a suite in which a case failed: what the services' own processes wrote meanwhile, for the record and as facts.

Every line is redacted before anything else is done with it; all of them go to the iteration's evidence folder.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from loop import cloud
from loop.core.environment import Service
from loop.core.loglines import Line, plain_lines
from loop.core.model import Evidence
from loop.core.state import IterationState, SuiteState
from loop.errors import AccessDenied
from loop.perform.emit import Emit
from loop.perform.setting import Setting
from loop.reports.write import evidence_folder, write_evidence

MOST = 5_000
"""Entries that are read of one service and suite, the first ones."""
LONGEST = 2_000
"""Characters of a line that go into the record."""


def window(suite: SuiteState, ahead: timedelta) -> tuple[datetime, datetime]:
    """The suite's own time by a log's clock, which is `ahead` of ours."""
    assert suite.started is not None
    assert suite.finished is not None
    return suite.started + ahead, suite.finished + ahead


def read(
    it: IterationState, suite: SuiteState, ahead: Mapping[str, timedelta], setting: Setting, emit: Emit
) -> tuple[Line, ...]:
    """Of the verified revisions, in the suite's time. `ahead`: the logs to be read, each with its clock before ours."""
    lines: list[Line] = []
    for service in it.definitions:
        if service.name in ahead:
            lines += _lines(service, _entries(service, it, suite, ahead[service.name], setting, emit), setting)
    return tuple(lines)


def keep(
    it: IterationState, suite: SuiteState, lines: Sequence[Line], setting: Setting, emit: Emit
) -> tuple[Evidence, ...]:
    """A file per service that wrote something. A repeated attempt may find more lines, so it has names of its own."""
    state = emit.state
    folder = evidence_folder(setting.reports, state.environment, state.number, it.number)
    kept = []
    for name in dict.fromkeys(line.service for line in lines):
        head = f"# {it.services[name].revision} while suite {suite.name} ran, at most {MOST} entries\n"
        text = head + "".join(_written(line) for line in lines if line.service == name)
        kept.append(write_evidence(folder, f"logs/{suite.name}-{suite.attempt}-{name}-{emit.attempt}.txt", text))
    return tuple(kept)


def _entries(
    service: Service, it: IterationState, suite: SuiteState, ahead: timedelta, setting: Setting, emit: Emit
) -> Iterator[cloud.Written]:
    since, until = window(suite, ahead)
    revision = it.services[service.name].revision
    with suppress(AccessDenied):  # no number rests on these lines, and that none was written is never said
        found = setting.platform().entries(service, revision, since=since, until=until, limit=MOST, wait=emit.wait)
        yield from (replace(entry, at=entry.at - ahead) for entry in found)


def _lines(service: Service, entries: Iterable[cloud.Written], setting: Setting) -> list[Line]:
    split = [(entry, text) for entry in entries if entry.text for text in plain_lines(entry.text)]
    return [
        Line(at=entry.at, service=service.name, stream=entry.stream, text=text[:LONGEST], severity=entry.severity,
             trace=entry.trace)
        for (entry, _), text in zip(split, setting.redact.each(text for _, text in split), strict=True)
    ]  # fmt: skip


def _written(line: Line) -> str:
    at = line.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{at} {line.stream} {line.severity or '-'} {line.text}\n"
