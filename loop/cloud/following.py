"""Goes on reading a log: what is new at each look, each entry once, with patience for quotas and for late entries."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from loop.cloud.values import Logged
from loop.errors import Wait

EVERY = 2.0
"""Seconds between two looks: half of the 60 reads a minute that a project may make, for a run may read as well."""
LATE = timedelta(seconds=20)
"""How late an entry may show up and still be seen: it is stamped when it was written, not when it can be read."""

HELD = timedelta(seconds=1)
"""Entries as young as this wait for the next look: what was written before them may show up with it."""

Read = Callable[[datetime, int], tuple[Logged, ...]]
"""(since, most) -> the last entries since then, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    entries: tuple[Logged, ...]
    cut_before: datetime | None = None
    """More came at once than are read; what was written before that moment is left out."""


def following(read: Read, begin: datetime, shown: Sequence[Logged], *, most: int, wait: Wait) -> Iterator[Look]:
    """For ever. `shown`: the entries that were seen already, the last ones since `begin`."""
    seen = {(entry.at, entry.id) for entry in shown}
    begin = shown[0].at if shown else begin
    newest = shown[-1].at if shown else begin
    held: list[Logged] = []
    while True:
        wait(EVERY)
        found = read(max(begin, newest - LATE), most)
        keys = [(entry.at, entry.id) for entry in found]
        cut = found[0].at if len(found) == most and keys[0] not in seen else None
        newest = max(newest, *(at for at, _ in keys)) if keys else newest
        ripe = max([newest - HELD, *(entry.at for entry in held)])
        held += [entry for entry, key in zip(found, keys, strict=True) if key not in seen]
        held.sort(key=lambda entry: entry.at)
        yield Look(entries=tuple(entry for entry in held if entry.at <= ripe), cut_before=cut)
        held = [entry for entry in held if entry.at > ripe]
        seen = {key for key in (*seen, *keys) if key[0] >= newest - LATE}
