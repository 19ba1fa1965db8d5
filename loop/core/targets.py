"""What was measured against targets: latencies from request logs, and numbers that cases recorded. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil, floor, inf, isfinite, isnan, log10

from loop.core.environment import Target
from loop.core.evidence import Entry, Samples, SuiteEvidence
from loop.core.model import UNCOUNTED, Case, Measured, ServiceFigure
from loop.core.patterns import matches

TIMES = frozenset({"ms", "s"})
"""Units in which nothing is below zero."""
TINY = 1e-200
"""What is nearer to zero is zero: its digits could not be counted."""


def rounded(value: float) -> float:
    """Three significant digits, rounded up: few distinct values to keep, and no limit is ever met by rounding."""
    if not value:
        return 0.0
    digits = 2 - floor(log10(abs(value)))
    return round(ceil(round(value * 10.0**digits, 6)) / 10.0**digits, max(digits, 0))


def samples(entries: Iterable[Entry], targets: Sequence[Target]) -> Iterator[Samples]:
    """Of one suite: what targets over requests ask of its services' request logs."""
    known = [entry for entry in entries if entry.seconds is not None]
    for target in targets:
        if target.requests is None:
            continue
        found: defaultdict[str, Counter[float]] = defaultdict(Counter)
        for entry in known:
            if entry.seconds is not None and matches(target.requests, entry.path):
                found[entry.service][rounded(entry.seconds)] += 1
        for service, values in sorted(found.items()):
            yield Samples(target=target.name, service=service, values=dict(sorted(values.items())))


def nearest_rank(values: Mapping[float, int], percentile: int) -> float:
    """The smallest value such that at least `percentile` of 100 are not above it. There must be one."""
    rank = -(-percentile * sum(values.values()) // 100)
    seen = 0
    for value in sorted(values):
        seen += values[value]
        if seen >= rank:
            return value
    raise ValueError("no values")


def measured(
    targets: Iterable[Target], evidence: Iterable[SuiteEvidence], cases: Iterable[Case]
) -> tuple[Measured, ...]:
    """Of an iteration, all suites together. A target that nothing measured is not here."""
    known = [each for suite in evidence for each in suite.samples]
    rows = [case.properties for case in cases if case.properties and case.outcome not in UNCOUNTED]
    found = (_requests(t, known) if t.requests is not None else _property(t, rows) for t in targets)
    return tuple(each for each in found if each)


def _requests(target: Target, samples: Iterable[Samples]) -> Measured | None:
    services: defaultdict[str, Counter[float]] = defaultdict(Counter)
    for each in samples:
        if each.target == target.name:
            services[each.service].update(each.values)
    return _figure(target, sum(services.values(), Counter()), "request log", services)


def _property(target: Target, rows: Iterable[Mapping[str, str]]) -> Measured | None:
    name = target.property or ""
    told = [_number(row[name], target.unit) for row in rows if name in row]
    values = Counter(rounded(number) if isfinite(number) else inf for number in told if number is not None)
    return _figure(target, values, "property", {}, unread=told.count(None))


def _figure(
    target: Target, values: Counter[float], source: str, services: Mapping[str, Mapping[float, int]], unread: int = 0
) -> Measured | None:
    if not values and not unread:
        return None
    value = nearest_rank(values, target.percentile) if values else inf
    return Measured(
        target=target.name,
        n=values.total(),
        percentile=target.percentile,
        value=value if isfinite(value) else None,  # JSON has no infinity
        limit=target.below,
        unit="s" if target.requests is not None else target.unit,
        met=value < target.below,
        source=source,
        services=tuple(
            ServiceFigure(service=name, n=sum(own.values()), value=nearest_rank(own, target.percentile))
            for name, own in sorted(services.items())
        ),
        unread=unread,
    )


def _number(text: str, unit: str) -> float | None:
    """Infinity is one, and above every limit; less than no time is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    if isnan(number) or (number < 0 and (unit in TIMES or not isfinite(number))):
        return None
    return number if abs(number) > TINY else 0.0
