"""What was changed, and what serves: files by kind, every service with its revision and proof, dependencies."""

from collections.abc import Iterator

from loop.core.environment import Proof
from loop.core.events import BuildFailed, RevisionFailed
from loop.core.model import ChangedFile, ChangeKind
from loop.core.state import ServiceState
from loop.core.traffic import shares
from loop.core.wording import count, deployed_now, duration, read_last, sentence, short_image, traffic
from loop.reports.document import (
    Block,
    Bullet,
    Bullets,
    Code,
    Heading,
    Line,
    Output,
    Paragraph,
    Row,
    Strong,
    Table,
    line,
)
from loop.reports.hooks import hooks
from loop.reports.subject import Subject, commit_mark
from loop.reports.traffic import traffic_told

_SHOWN_FILES = 40
_LOG_LINES = 40
_SHOWN_DIFFERENCES = 8
_BY_TAG = " by its tag, whose digest was not known: it can mean another image in another iteration"

_PROOFS = {
    Proof.ANSWERED: "answered (it named its revision)",
    Proof.LOGGED: "logged (its request log shows our probe)",
    Proof.ROUTED: "routed only (read back, health answered)",
}


def stack(subject: Subject) -> Iterator[Block]:
    yield from _files(subject)
    yield from _services(subject)
    yield from _dependencies(subject)
    yield from hooks(subject)


def _files(subject: Subject) -> Iterator[Block]:
    change = subject.iteration.change
    yield Heading(3, line(f"Files modified in {subject.iteration.title}"))
    if change is None:
        yield Paragraph(line("First iteration of the run: there is nothing to compare its commit with."))
        return
    if not change.files:
        yield Paragraph(line("None."))
    kinds = [(kind, [f for f in change.files if f.kind is kind]) for kind in ChangeKind]
    if change.files:
        yield Bullets(tuple(Bullet(_kind_head(kind, files), _file_lines(files)) for kind, files in kinds if files))
    if change.frozen:
        yield Paragraph(line("These files judge; what was changed in them takes effect with the next run:"))
        yield Bullets(tuple(Bullet(line(Code(path))) for path in change.frozen))


def _kind_head(kind: ChangeKind, files: list[ChangedFile]) -> Line:
    added, removed = sum(f.added for f in files), sum(f.removed for f in files)
    return line(Strong(kind), f": {count(len(files), 'file')}, +{added} -{removed}")


def _file_lines(files: list[ChangedFile]) -> tuple[Line, ...]:
    shown = tuple(line(Code(f.path), f" ({f.status}, +{f.added} -{f.removed})") for f in files[:_SHOWN_FILES])
    rest = len(files) - _SHOWN_FILES
    return (*shown, line(f"and {count(rest, 'more file')}")) if rest > 0 else shown


def _services(subject: Subject) -> Iterator[Block]:
    yield Heading(3, line("Deployment status"))
    services = list(subject.iteration.services.values())
    if not services:
        yield Paragraph(line("No services are declared."))
        return
    rows = tuple(_service(subject, s) for s in services)
    yield Table(("Service", "State", "Revision", "Image", "Commit", "Traffic", "Proof that it serves"), rows)
    yield from _differences(subject)
    for service in services:
        yield from _trouble(service)
    yield from traffic_told(subject)


def _service(subject: Subject, service: ServiceState) -> Row:
    read = read_last(service)
    image = service.image or (read.image if read else "")
    # a revision of an earlier iteration carries the commit it was built from in its labels
    commit = subject.iteration.commit if service.created and not service.unchanged else read.commit if read else ""
    return Row((
        line(Strong(service.name)), line(_standing(subject, service)),
        line(Code(service.revision) if service.revision else "none"),
        line(Code(short_image(image)) if image else "not known"), line(commit_mark(commit)),
        line(_split(service)), line(_proof(service)),
    ))  # fmt: skip


def _differences(subject: Subject) -> Iterator[Block]:
    """Why services were deployed anew, and what runs by a name that can come to mean something else."""
    items = []
    for service in subject.iteration.services.values():
        if service.found and service.differs:
            differs = "; ".join(service.differs[:_SHOWN_DIFFERENCES])
            rest = len(service.differs) - _SHOWN_DIFFERENCES
            more = f"; and {rest} more" if rest > 0 else ""
            items.append(Bullet(line(Strong(service.name), f" differed: {differs}{more}")))
        if (
            service.image
            and service.image == subject.iteration.definition(service.name).image
            and "@" not in service.image
        ):
            items.append(Bullet(line(Strong(service.name), " runs ", Code(service.image), _BY_TAG)))
    if items:
        yield Bullets(tuple(items))


def _split(service: ServiceState) -> str:
    """The revision stands beside it already, where it has all of it."""
    split = traffic(service)
    return "100%" if split == f"100% {service.revision}" else split or "not known"


def _standing(subject: Subject, service: ServiceState) -> str:
    if service.failure:
        return _failed(service)
    if service.unverified:
        return "not verified"
    if service.tag and service.ready:
        return _candidate(service)
    if service.unchanged:
        return f"unchanged, {_since(subject, service)}"
    if deployed_now(service):
        return "deployed now" + (", image reused" if service.image_reused else "")
    return _unfinished(service)


def _candidate(service: ServiceState) -> str:
    """Tested under its tag: what became of it since."""
    kept = " of an earlier iteration" if service.unchanged else ""
    if service.restored:
        return f"candidate{kept}, traffic put back"
    return f"candidate{kept}, {'promoted' if service.promoted else 'takes no traffic'}"


def _unfinished(service: ServiceState) -> str:
    if service.created:
        return "created, not proven"
    if service.operation:
        return "deployment not finished"
    if service.build and not service.image:
        return "build not finished"
    if not service.observed:
        return "not looked at"
    serving = ", ".join(shares(service.found.traffic)) if service.found else ""
    return f"not deployed in this iteration; what serves is {serving}" if serving else "not deployed"


def _failed(service: ServiceState) -> str:
    match service.failure:
        case BuildFailed():
            return "build failed"
        case RevisionFailed():
            return "revision did not start"
        case _:
            return "unhealthy"


def _since(subject: Subject, service: ServiceState) -> str:
    found = service.found
    if found is None or not found.run:
        return "as found"
    if found.run != subject.state.uid:
        return f"from an earlier run ({found.run})"
    return "since Initial" if found.iteration == "0" else f"since iteration {found.iteration}"


def _proof(service: ServiceState) -> str:
    if service.ready:
        return _PROOFS[service.ready.level]
    return service.unverified or "none"


def _trouble(service: ServiceState) -> Iterator[Block]:
    failure = service.failure
    if failure is None:
        return
    yield Paragraph(line(Strong(service.name), f": {_failed(service)}: {sentence(failure.reason)}"))
    whose = "build" if isinstance(failure, BuildFailed) else "service"
    if failure.log:
        text = "\n".join(failure.log[-_LOG_LINES:])
        yield Output(line(f"Last lines of the {whose}'s own log (", Code(service.name), "):"), text)
    else:
        yield Paragraph(line(f"The {whose} wrote no log lines that could be read."))


def _dependencies(subject: Subject) -> Iterator[Block]:
    declared = subject.iteration.dependencies
    if not declared:
        return
    yield Paragraph(line("Dependencies:"))
    probes = subject.iteration.probes
    items = []
    for dependency in declared:
        probe = probes.get(dependency.name)
        if probe is None:
            items.append(Bullet(line(Strong(dependency.name), ": not probed")))
            continue
        word = f"reachable in {duration(probe.seconds)}" if probe.reachable else "not reachable"
        items.append(Bullet(line(Strong(dependency.name), f": {word}", f" - {probe.detail}" if probe.detail else "")))
    yield Bullets(tuple(items))
