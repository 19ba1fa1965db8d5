"""What the attributes of a suite claim, beside what stands in it. Pure.

`tests=` alone tells nothing of what is missing, for there are dialects in which it counts more than cases: pytest
counts each subtest, Catch2 and doctest each assertion, and none of these has an element of its own. A suite that claims
another number than it holds is therefore flagged, and no more.

But whatever a reporter counts, it counts the same in a suite and in those that stand in it. A suite of suites that
claims more than they claim together, and more than it holds, has lost some of them: the file can not carry a verdict.
That is said only where nothing but suites stands in it and each of them claims a number.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Of one suite that is open."""

    attributes: dict[str, str]
    path: tuple[str, ...]
    tests: int = 0
    failing: int = 0
    """Cases of its own; `..._below`: of the suites in it."""
    tests_below: int = 0
    failing_below: int = 0
    claims_below: list[int | None] = field(default_factory=list)
    """What each of the suites in it claims; None where it is silent."""

    @property
    def where(self) -> str:
        return self.path[-1] if self.path else "the root"

    @property
    def held(self) -> int:
        return self.tests + self.tests_below

    @property
    def claimed(self) -> int | None:
        return claim(self.attributes, "tests")

    @property
    def claimed_failing(self) -> int:
        return (claim(self.attributes, "failures") or 0) + (claim(self.attributes, "errors") or 0)

    def closed_in(self, above: "Counts") -> None:
        above.tests_below += self.held
        above.failing_below += self.failing + self.failing_below
        above.claims_below.append(self.claimed)

    def disagreement(self) -> str:
        """Where it claims another number than it holds, of its own or with the suites in it."""
        if self.claimed in (None, 0, self.tests, self.held):
            return ""
        return f"counts disagree: {self.where} says {self.claimed} tests and holds {self.held}"

    def loss(self) -> str:
        """Where suites are missing from it."""
        told = [each for each in self.claims_below if each is not None]
        if self.claimed is None or self.tests or not told or len(told) < len(self.claims_below):
            return ""
        if self.claimed <= max(sum(told), self.held):
            return ""
        return f"{self.where} says {self.claimed} tests, the suites in it {sum(told)}"


def claim(attributes: dict[str, str], name: str) -> int | None:
    """None where nothing is said that could be a number."""
    try:
        return int(attributes[name].replace(",", ""))
    except (KeyError, ValueError):
        return None
