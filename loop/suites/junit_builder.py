"""Turns the elements of a JUnit XML document into raw cases, for both who read it: expat and the recovery reader.

Trusts that every start gets its end. Bounded: depth, the text kept of each element, and what is kept of a passed case.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from loop.core.model import Outcome
from loop.suites.durations import seconds
from loop.suites.junit_claims import Counts

MAX_DEPTH = 100
TEXT_LIMIT = 65_536
"""Characters kept of one element's text, half of them from its end."""
MANY_FLAGS = 100

Attributes = dict[str, str]


class Refused(Exception):
    """The document is built to harm its reader, or can not be what it claims to be; says so in a sentence."""


SUITE, CASE, RESULT, ATTEMPT, OUTPUT, PROPERTY, OTHER = range(7)

KINDS = {
    "testsuites": SUITE,
    "testsuite": SUITE,
    "testcase": CASE,
    "failure": RESULT,
    "error": RESULT,
    "skipped": RESULT,
    "ignored": RESULT,
    "disabled": RESULT,
    "rerunfailure": ATTEMPT,
    "rerunerror": ATTEMPT,
    "flakyfailure": ATTEMPT,
    "flakyerror": ATTEMPT,
    "system-out": OUTPUT,
    "system-err": OUTPUT,
    "property": PROPERTY,
}

_OUTCOMES = {
    "failure": Outcome.FAILED,
    "error": Outcome.ERROR,
    "skipped": Outcome.SKIPPED,
    "ignored": Outcome.SKIPPED,
    "disabled": Outcome.SKIPPED,
    "rerunfailure": Outcome.FAILED,
    "rerunerror": Outcome.ERROR,
    "flakyfailure": Outcome.FAILED,
    "flakyerror": Outcome.ERROR,
}

_STATED = {
    "notrun": Outcome.SKIPPED,
    "disabled": Outcome.SKIPPED,
    "skipped": Outcome.SKIPPED,
    "suppressed": Outcome.SKIPPED,
    "ignored": Outcome.SKIPPED,
    "failed": Outcome.FAILED,
    "failure": Outcome.FAILED,
    "fail": Outcome.FAILED,
    "error": Outcome.ERROR,
    "broken": Outcome.ERROR,
}
"""What a `status` or `result` attribute says where no child element does."""

_SEVERITY = (Outcome.ERROR, Outcome.FAILED, Outcome.UNFINISHED, Outcome.SKIPPED, Outcome.XFAILED, Outcome.PASSED)


def local_name(name: str) -> str:
    """Without its namespace prefix, in lower case: dialects differ in both."""
    return name.rpartition(":")[2].lower()


@dataclass(frozen=True, slots=True)
class Result:
    """A `failure`, `error`, `skipped`, or one of Surefire's rerun elements."""

    outcome: Outcome
    type: str
    message: str
    text: str
    attempt: str = ""
    """`rerun...` or `flaky...`: another attempt than the one that `failure` tells of."""


@dataclass(slots=True)
class Extra:
    """What only a few cases have."""

    results: list[Result] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)


class Raw(NamedTuple):
    """A case as the document gives it: nothing redacted, no id yet. A tuple, for there may be a million."""

    suites: tuple[str, ...]
    """Names of the enclosing suites, outermost first; empty names left out."""
    file: str
    """The case's own `file`, as it takes part in the id."""
    classname: str
    name: str
    seconds: float | None
    outcome: Outcome
    extra: Extra | None = None
    suite_file: str = ""


class Text:
    """An element's text, bounded: head and tail."""

    __slots__ = ("_head", "_parts", "_size")

    def __init__(self) -> None:
        self._head: str | None = None
        self._parts: list[str] = []
        self._size = 0

    def add(self, data: str) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > 2 * TEXT_LIMIT:
            self._shrink()

    @property
    def cut(self) -> bool:
        return self._head is not None

    def value(self) -> str:
        if self._size > TEXT_LIMIT:
            self._shrink()
        tail = "".join(self._parts)
        return tail.strip() if self._head is None else f"{self._head}\n[text left out]\n{tail}".strip()

    def _shrink(self) -> None:
        half = TEXT_LIMIT // 2
        whole = "".join(self._parts)
        if self._head is None:
            self._head = whole[:half]
        self._parts = [whole[-half:]]
        self._size = half


@dataclass(slots=True)
class OpenSuite(Counts):
    file: str = ""
    results: list[Result] = field(default_factory=list)


class Flags(list[str]):
    """Bounded: a document may be wrong in a hundred thousand places."""

    def append(self, flag: str) -> None:
        if len(self) < MANY_FLAGS:
            super().append(flag)
        elif len(self) == MANY_FLAGS:
            super().append("and more of the same kind")


class Builder:
    """Receives start, end and text; `raws` and `flags` are what came of it."""

    def __init__(self, listen: Callable[[bool], None] = lambda _: None) -> None:
        self.raws: list[Raw] = []
        self.flags = Flags()
        self.junit = False
        """Whether any element of JUnit's was seen."""
        self.loss = ""
        """Where suites are missing, by what the document itself says."""
        self._listen = listen
        """Called when text begins to matter and when it ceases to: most of a document's text is white space."""
        self._kinds = dict(KINDS)
        self.classnames: dict[str, str] = {}
        """Each once, for many cases share theirs."""
        self.idle = True
        """Neither a case is open nor text is being taken: what begins now is a suite or a case of its own."""
        self._depth = 0
        self._suites: list[OpenSuite] = []
        self.suite: OpenSuite | None = None
        """The innermost one that is open."""
        self._cases: list[tuple[Attributes, Extra]] = []
        self._taking: tuple[int, str, Attributes, Text] | None = None
        """Depth, name, attributes and text of the element whose text is being taken."""

    def deafen(self) -> None:
        """The document is over: who was told when text matters is let go."""
        self._listen = lambda _: None

    def start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._learn(name)
        if self._taking is not None:
            if self._depth > MAX_DEPTH:
                raise Refused(f"elements are nested deeper than {MAX_DEPTH}")
        elif kind == CASE:
            self.junit = True
            self.idle = False
            self._cases.append((attributes, Extra()))
        elif kind == SUITE:
            self._open_suite(attributes)
        elif kind == OTHER:
            if self._depth > MAX_DEPTH:
                raise Refused(f"elements are nested deeper than {MAX_DEPTH}")
        elif self._cases or (kind == RESULT and self._suites):
            self.idle = False
            self._taking = (self._depth, local_name(name), attributes, Text())
            self._listen(True)

    def text(self, data: str) -> None:
        if self._taking is not None:
            self._taking[3].add(data)

    def end(self, name: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if self._taking is not None:
            if self._taking[0] == depth:
                self._taken()
            return
        kind = self._kinds.get(name, OTHER)
        if kind == CASE:
            self._close_case()
        elif kind == SUITE:
            self._close_suite()

    def cut_short(self) -> None:
        """The document ends here: an open case began and did not end, unless it has failed already."""
        if self._taking is not None:
            self._taken()
        while self._cases:
            self._close_case(cut=True)
        while self._suites:
            self._close_suite(cut=True)

    def _learn(self, name: str) -> int:
        kind = KINDS.get(local_name(name), OTHER)
        if len(self._kinds) < 1000:  # names are the document's: it may not fill our memory with them
            self._kinds[name] = kind
        return kind

    def _open_suite(self, attributes: Attributes) -> None:
        if self._depth > MAX_DEPTH:
            raise Refused(f"suites are nested deeper than {MAX_DEPTH}")
        self.junit = True
        above = self.suite
        path = above.path if above else ()
        name = attributes.get("name", "")
        file = attributes.get("file") or (above.file if above else "")
        self.suite = OpenSuite(attributes, (*path, name) if name else path, file=file)
        self._suites.append(self.suite)

    def _taken(self) -> None:
        assert self._taking is not None
        _, name, attributes, text = self._taking
        self._taking = None
        self.idle = not self._cases
        self._listen(False)
        value = text.value()
        if text.cut:
            self.flags.append(f"text cut: a `{name}` held more than {TEXT_LIMIT} characters")
        kind = KINDS[name]
        if kind in (RESULT, ATTEMPT):
            self._add_result(_result(name, attributes, value))
        elif kind == OUTPUT:
            self._cases[-1][1].output.append(value)
        elif "name" in attributes:
            self._cases[-1][1].properties[attributes["name"]] = attributes.get("value") or value

    def _add_result(self, result: Result) -> None:
        if self._cases:
            self._cases[-1][1].results.append(result)
        elif result.outcome != Outcome.SKIPPED:
            self._suites[-1].results.append(result)

    def _close_case(self, *, cut: bool = False) -> None:
        attributes, extra = self._cases.pop()
        self.idle = not self._cases
        suite = self.suite
        outcome = _outcome(attributes, extra, cut=cut)
        classname = attributes.get("classname") or attributes.get("class", "")
        duration = attributes.get("time")
        raw = Raw(
            suite.path if suite else (),
            attributes.get("file", ""),
            self.classnames.setdefault(classname, classname),
            attributes.get("name", ""),
            None if duration is None else seconds(duration),
            outcome,
            _kept(extra, outcome),
            suite.file if suite else "",
        )
        self.raws.append(raw)
        if suite:
            suite.tests += 1
            suite.failing += outcome is Outcome.FAILED or outcome is Outcome.ERROR

    def _close_suite(self, *, cut: bool = False) -> None:
        suite = self._suites.pop()
        above = self.suite = self._suites[-1] if self._suites else None
        if suite.results:
            self._add_synthetic(suite, Extra(results=suite.results))
        if not cut:
            self._compare(suite)
        if above:
            suite.closed_in(above)

    def _compare(self, suite: OpenSuite) -> None:
        """Counts that stand only in attributes: a claimed failure without a failing case is shown as an error."""
        self.loss = self.loss or suite.loss()
        if disagreement := suite.disagreement():
            self.flags.append(disagreement)
        claimed = suite.claimed_failing
        if claimed and not suite.failing + suite.failing_below:
            sentence = f"the suite's attributes say {claimed} failures or errors, but no case of it failed"
            self.flags.append(f"counts disagree: {suite.where} says {claimed} failed and holds none")
            self._add_synthetic(suite, Extra(results=[Result(Outcome.ERROR, "", sentence, "")]))

    def _add_synthetic(self, suite: OpenSuite, extra: Extra) -> None:
        """A case for what a suite says of itself."""
        outcome = _outcome({}, extra, cut=False)
        self.raws.append(Raw(suite.path[:-1], "", "", suite.path[-1] if suite.path else "", None, outcome, extra))
        suite.tests += 1
        suite.failing += 1


def _result(name: str, attributes: Attributes, text: str) -> Result:
    outcome = _OUTCOMES[name]
    kind = attributes.get("type", "")
    if outcome is Outcome.SKIPPED and kind == "pytest.xfail":
        outcome = Outcome.XFAILED
    attempt = name if KINDS[name] == ATTEMPT else ""
    return Result(outcome, kind, attributes.get("message", ""), text, attempt)


def _outcome(attributes: Attributes, extra: Extra, *, cut: bool) -> Outcome:
    """The worst of several results wins; an attempt that was repeated until it passed is none of them."""
    found = [result.outcome for result in extra.results if not result.attempt.startswith("flaky")]
    if not found or all(outcome is Outcome.SKIPPED for outcome in found):
        for name in ("status", "result"):
            stated = attributes.get(name)
            if stated and stated.lower() in _STATED:
                found.append(_STATED[stated.lower()])
    if cut:
        found.append(Outcome.UNFINISHED)
    return min(found, key=_SEVERITY.index) if found else Outcome.PASSED


def _kept(extra: Extra, outcome: Outcome) -> Extra | None:
    if outcome is Outcome.PASSED:
        extra.output.clear()
    return extra if extra.results or extra.properties or extra.output else None
