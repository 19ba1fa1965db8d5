"""From what pytest reports of a case's phases to one outcome, each attempt kept. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loop.core.model import PASSING, Outcome

FAILING = frozenset({Outcome.FAILED, Outcome.ERROR})
FINAL = frozenset({"passed", "failed", "skipped"})
"""pytest's own outcomes; any other (`rerun`) says that the attempt failed and another one follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One report: of set-up, call or teardown, or of a part of the call (a subtest)."""

    when: str
    outcome: str
    seconds: float = 0.0
    message: str = ""
    text: str = ""
    sections: tuple[tuple[str, str], ...] = ()
    xfail: bool = False
    part: bool = False

    @property
    def failed(self) -> bool:
        return self.outcome not in ("passed", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    outcome: Outcome
    seconds: float
    phases: tuple[Phase, ...]

    @property
    def telling(self) -> Phase | None:
        """The phase whose message explains the outcome."""
        failed = [phase for phase in self.phases if phase.failed]
        spoken = [phase for phase in self.phases if phase.message and not phase.part]
        ranked = sorted(failed, key=lambda phase: phase.when != "call") or spoken
        return ranked[0] if ranked else None


def parts_left_out(attempt: Attempt, name: str) -> Iterator[str]:
    """Subtests of a case that passed although they did not: pytest counts a skipped one as nothing."""
    parts = [phase for phase in attempt.phases if phase.part]
    skipped = [phase for phase in parts if phase.outcome == "skipped"]
    expected = sum(1 for phase in skipped if phase.xfail)
    if attempt.outcome in PASSING and skipped:
        for number, how in ((len(skipped) - expected, "skipped"), (expected, "expected to fail and did")):
            if number:
                of = f"{number} of {len(parts)} subtests" if len(parts) > 1 else "the only subtest"
                yield f"{of} of {name} {'was' if number == 1 else 'were'} {how}"


def repeated(phases: Sequence[Phase]) -> bool:
    """Whether the runner said that it tries again after this attempt."""
    return any(phase.outcome not in FINAL for phase in phases)


def attempts_of(phases: Sequence[Phase]) -> list[Attempt]:
    """In order; the last one is what the case came to. Never empty."""
    split = split_attempts(phases)
    attempts = [_attempt(each) for each in split]
    if not split or repeated(split[-1]):
        attempts.append(_attempt(()))
    return attempts


def split_attempts(phases: Sequence[Phase]) -> list[list[Phase]]:
    """A new attempt begins only where the one before was said to be repeated: nothing else is evidence of a retry."""
    attempts: list[list[Phase]] = []
    for phase in phases:
        if not attempts or (phase.when != "teardown" and repeated(attempts[-1])):
            attempts.append([])
        attempts[-1].append(phase)
    return attempts


def _attempt(phases: Sequence[Phase]) -> Attempt:
    seconds = sum(phase.seconds for phase in phases if not phase.part)
    return Attempt(outcome=_outcome(phases), seconds=seconds, phases=tuple(phases))


def _outcome(phases: Sequence[Phase]) -> Outcome:
    """A failure anywhere beats everything else that was reported of the attempt."""
    failed = [phase for phase in phases if phase.failed]
    if any(phase.when == "call" for phase in failed):
        return Outcome.FAILED
    if failed:
        return Outcome.ERROR
    whole = [phase for phase in phases if not phase.part]
    skipped = [phase for phase in whole if phase.outcome == "skipped" and phase.when != "teardown"]
    if skipped:
        return Outcome.XFAILED if any(phase.xfail for phase in skipped) else Outcome.SKIPPED
    called = [phase for phase in whole if phase.when == "call"]
    if not called:
        return Outcome.UNFINISHED
    return Outcome.XPASSED if any(phase.xfail for phase in called) else Outcome.PASSED
