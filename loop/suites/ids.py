"""How cases are named, so that two iterations can be compared: `<suite>::<runner's id>`. Pure."""

from collections.abc import Iterable


class Numbering:
    """Tells equal ids apart: the second `x` becomes `x#2`. No result may vanish because two cases share a name."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def unique(self, name: str) -> str:
        count = self._count.get(name, 0) + 1
        self._count[name] = count
        return name if count == 1 else self._numbered(name, count)

    def _numbered(self, name: str, count: int) -> str:
        while (candidate := f"{name}#{count}") in self._count:
            count += 1
        self._count[name] = count
        self._count[candidate] = 1
        return candidate


def case_id(suite: str, runners_id: str) -> str:
    return f"{suite}::{runners_id}"


def numbered(names: Iterable[str]) -> list[str]:
    numbering = Numbering()
    return [numbering.unique(name) for name in names]
