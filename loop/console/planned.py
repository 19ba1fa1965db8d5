"""Text of `loop plan`: what a run would do, and who would take traffic. Values in, text out; ends with a newline."""

from collections.abc import Iterator
from dataclasses import dataclass

from loop.console.text import blocks, table, wrapped
from loop.core.wording import duration, one_line, short_commit, short_image


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedService:
    name: str
    wanted: str
    """Content digest or image that the commit asks for."""
    serving: str
    """Revision that serves now; empty for none, and where several do."""
    split: tuple[tuple[str, int], ...] = ()
    """Where several do: each with its percentage."""
    serving_commit: str = ""
    serving_digest: str = ""
    """Content digest, cut, of what serves; empty where it carries none of ours."""
    deploy: bool
    candidate: bool = False
    """Deployed behind a tag, it takes no traffic until it has passed."""
    build: bool
    reason: str
    """What differs, or why it is unchanged."""
    differs: tuple[str, ...] = ()
    """Every difference, where there are several."""
    seconds: float | None = None
    """Forecast until it serves; None where there is no history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSuite:
    name: str
    cases: int | None = None
    """As many as it had when it last ran; None where it never did."""
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHook:
    name: str
    command: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPromotion:
    """What follows a passed verdict on candidates."""

    services: tuple[str, ...]
    """In the order in which they take traffic."""
    manual: bool = False
    confirming: tuple[str, ...] = ()
    """Suites that run again where it serves."""
    apart: tuple[tuple[str, str], ...] = ()
    """(caller, called): two candidates that meet in the confirmation for the first time."""
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    environment: str
    commit: str
    subject: str
    uncommitted: bool = False
    emulated: bool = False
    services: tuple[PlannedService, ...] = ()
    suites: tuple[PlannedSuite, ...] = ()
    hooks: tuple[PlannedHook, ...] = ()
    seconds: float | None = None
    """Forecast of the whole iteration."""
    promoted: PlannedPromotion | None = None
    restores: bool = False
    """A run that misses its goal puts back what served."""
    notes: tuple[str, ...] = ()


_SERVICES = ("Service", "Serving", "Wanted", "What will be done", "Forecast")


def plan(planned: Plan, *, width: int = 80) -> str:
    mark = ", uncommitted changes" if planned.uncommitted else ""
    where = " on the embedded emulator" if planned.emulated else ""
    head = f"{planned.environment}{where}: {short_commit(planned.commit)} {planned.subject}{mark}"
    services = table(_SERVICES, [_planned(s) for s in planned.services], width)
    return blocks(
        list(wrapped(head, width)),
        services,
        [
            line
            for s, row in zip(planned.services, services[1:], strict=True)
            for line in _why(s, planned.commit, row, width)
        ],
        table(("Suite", "Cases", "Forecast"), [_tested(s) for s in planned.suites], width),
        table(("Hook", "Command", "Forecast"), [_called(h) for h in planned.hooks], width) if planned.hooks else [],
        [row for note in planned.notes for row in wrapped(note, width)],
        [row for sentence in _then(planned) for row in wrapped(sentence, width)],
        [f"One iteration: {_forecast(planned.seconds)}. Nothing was changed by looking."],
    )


def _then(planned: Plan) -> Iterator[str]:
    """Who takes traffic once there is a verdict."""
    if planned.promoted:
        yield f"If it passes: {_promotion(planned.promoted)}."
    if planned.restores:
        yield "If the run does not meet its goal: what served before is put back (on_failure: restore)."


def _promotion(promoted: PlannedPromotion) -> str:
    names = ", ".join(promoted.services)
    if promoted.manual:
        return f"{names} {_verb(promoted, 'waits', 'wait')} for loop promote (promote: manual)"
    unit = " as one unit" if len(promoted.services) > 1 else ""
    taking = f"{names} {_verb(promoted, 'takes', 'take')} all traffic{unit}"
    if not promoted.confirming:
        return f"{taking}, which no suite confirms (confirm: none)"
    met = "".join(f"; {caller} calls the new {called} then for the first time" for caller, called in promoted.apart)
    again = f"{', '.join(promoted.confirming)} {'runs' if len(promoted.confirming) == 1 else 'run'} again there"
    return f"{taking}, then {again} to confirm it ({_more(promoted.seconds)}){met}"


def _more(seconds: float | None) -> str:
    return _forecast(seconds) + (" more" if seconds is not None else "")


def _verb(promoted: PlannedPromotion, one: str, several: str) -> str:
    return one if len(promoted.services) == 1 else several


def _tested(suite: PlannedSuite) -> tuple[str, str, str]:
    return suite.name, "not known" if suite.cases is None else str(suite.cases), _forecast(suite.seconds)


def _called(hook: PlannedHook) -> tuple[str, str, str]:
    return hook.name, one_line(hook.command), _forecast(hook.seconds)


def _planned(service: PlannedService) -> tuple[str, ...]:
    done = "build and deploy" if service.build else "deploy"
    done += " as candidate" if service.candidate else ""
    return (
        service.name, _serving(service) or "none", _content(service.wanted) or "as found",
        done if service.deploy else "nothing", _forecast(service.seconds) if service.deploy else "",
    )  # fmt: skip


def _serving(service: PlannedService) -> str:
    return f"{len(service.split)} revisions" if service.split else service.serving


def _why(service: PlannedService, commit: str, row: str, width: int) -> Iterator[str]:
    """What is there against what is wanted, then every difference between them; `row`: what the table shows of it."""
    image = "" if _content(service.wanted) in row else f"; {_content_word(service.wanted)} is wanted"
    if len(service.differs) < 2:
        yield from wrapped(f"{service.name}: {service.reason}{_told(service, row)}{image}", width)
        return
    there = f"commit {short_commit(service.serving_commit)}" if service.serving_commit else "no commit of ours"
    there += f", digest {_content(service.serving_digest)}" if service.serving_digest else ""
    there += f", in {service.serving}" if service.serving not in row else ""
    shares = ", ".join(f"{revision} {percent}%" for revision, percent in service.split)
    yield from wrapped(f"{service.name}: serves {shares or there}", width)
    yield from wrapped(f"wanted commit {short_commit(commit)}, {_content_word(service.wanted)}", width, "  ")
    for difference in service.differs:
        yield from wrapped(f"- {difference}", width, "  ")


def _told(service: PlannedService, row: str) -> str:
    """What serves, as far as neither the table nor the reason says it whole."""
    commit = f"commit {short_commit(service.serving_commit)}" if service.serving_commit else ""
    revision = service.serving if service.serving not in f"{row} {service.reason}" else ""
    if service.split and service.split[0][0] not in service.reason:
        return f"; {', '.join(f'{name} {percent}%' for name, percent in service.split)} serve"
    if revision and commit:
        return f"; {revision} serves {commit}"
    return f"; {commit or revision} serves" if commit or revision else ""


def _content(wanted: str) -> str:
    """A digest, short; an image by its digest, short, and one by its tag whole."""
    if "@" in wanted:
        return short_image(wanted)
    return wanted if "/" in wanted or ":" in wanted else wanted[:12]


def _content_word(wanted: str) -> str:
    return f"image {_content(wanted)}" if "/" in wanted or "@" in wanted else f"digest {_content(wanted)}"


def _forecast(seconds: float | None) -> str:
    return "no history" if seconds is None else f"about {duration(seconds)}"
