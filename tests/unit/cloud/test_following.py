"""Following a log: each entry once, late ones too, and nothing left out in silence."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from loop.cloud.following import EVERY, Look, following
from loop.cloud.values import Logged

START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


def entry(second: float, name: str = "") -> Logged:
    at = START + timedelta(seconds=second)
    return Logged(at=at, id=name or f"{second:g}", revision="a-1", severity="INFO", text="said")


class Log:
    """A log that grows: entry -> the look from which on it can be read."""

    def __init__(self, written: dict[Logged, int]) -> None:
        self.written, self.looks = written, 0
        self.asked: list[datetime] = []
        self.waited: list[float] = []

    def read(self, since: datetime, most: int) -> tuple[Logged, ...]:
        self.looks += 1
        self.asked.append(since)
        there = [e for e, look in self.written.items() if look <= self.looks and e.at >= since]
        return tuple(sorted(there, key=lambda e: e.at)[-most:])

    def follow(self, looks: int, shown: tuple[Logged, ...] = (), most: int = 1000) -> list[Look]:
        return list(islice(following(self.read, START, shown, most=most, wait=self.waited.append), looks))


def ids(looks: list[Look]) -> list[list[str]]:
    return [[e.id for e in look.entries] for look in looks]


def test_each_entry_is_seen_once() -> None:
    first = entry(1)
    log = Log({first: 0, entry(2): 1, entry(3): 2, entry(4): 2})
    assert ids(log.follow(4, shown=(first,))) == [[], ["2", "3"], ["4"], []]
    assert log.waited == [EVERY] * 4


def test_two_of_one_moment_are_told_apart() -> None:
    assert ids(Log({entry(1, "x"): 1, entry(1, "y"): 2}).follow(2)) == [[], ["x", "y"]]


def test_what_shows_up_late_within_a_second_stands_where_it_was_written() -> None:
    log = Log(
        {entry(10): 1, entry(9.8, "late"): 2, entry(10.5): 2, entry(10.2, "later"): 3, entry(14): 3, entry(15): 4}
    )
    assert ids(log.follow(5)) == [[], ["late", "10"], ["later", "10.5"], ["14"], ["15"]]


def test_one_that_shows_up_late_is_seen_and_the_log_is_not_read_from_its_beginning() -> None:
    log = Log({entry(100): 1, entry(85, "late"): 2, entry(70, "too late"): 2})
    assert ids(log.follow(3)) == [[], ["late", "100"], []]
    assert log.asked == [START, *[START + timedelta(seconds=80)] * 2]


def test_what_was_left_out_at_the_beginning_does_not_come_back() -> None:
    shown = (entry(9), entry(10))
    log = Log({entry(8): 0, shown[0]: 0, shown[1]: 0, entry(11): 1})
    assert ids(log.follow(2, shown=shown)) == [[], ["11"]]


def test_more_at_once_than_are_read_is_said() -> None:
    log = Log({entry(n): 1 for n in range(1, 6)})
    look, after = log.follow(2, most=3)
    assert ids([look, after]) == [["3", "4"], ["5"]]
    assert (look.cut_before, after.cut_before) == (START + timedelta(seconds=3), None)
