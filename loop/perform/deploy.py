"""From source to a revision that provably serves: observe, build, deploy, probe. Each finds its own earlier work."""

from dataclasses import replace
from pathlib import Path

from loop import cloud, source
from loop.cloud.builds import Output
from loop.core.actions import BuildImage, DeployRevision, ObserveService, ProbeService
from loop.core.environment import BuildMode, Service, Strategy
from loop.core.events import (
    BuildFailed,
    BuildSubmitted,
    ImageBuilt,
    RevisionCreated,
    RevisionFailed,
    RevisionReady,
    RevisionRequested,
    ServiceObserved,
    ServiceUnhealthy,
    ServiceUnverified,
)
from loop.core.model import Probe, Serving
from loop.core.names import labels, revision_name, tag_name
from loop.core.state import IterationState, RunState
from loop.core.traffic import shares
from loop.errors import Missing
from loop.perform import identity
from loop.perform.emit import Emit
from loop.perform.setting import Setting
from loop.perform.sources import build_config
from loop.perform.testside import source_folder
from loop.perform.traffic import ask_back

UNCHANGED = "source, settings and traffic are as wanted"
AS_FOUND = "others deploy it (existing: true); it is tested as found"


def observe(action: ObserveService, setting: Setting, emit: Emit) -> None:
    state = emit.state
    it = state.iteration(action.iteration)
    service = it.definition(action.service)
    platform = setting.platform()
    found = platform.observe(service, wait=emit.wait)
    if service.existing and found is None:
        otherwise = f"or take existing: out of services.{service.name} and commit that, then: loop run"
        hint = f"have it deployed, then: loop resume; {otherwise} --env {state.environment}"
        raise Missing(f"the service {service.service} does not exist", where=platform.url(service), hint=hint)
    beside = it.confirms is None and _has_candidates(state, found)
    differs = (*_differs(service, found, it, setting), *_standing_differs(service, found, beside, setting))
    if it.confirms is not None:
        differs = _not_promoted(state, it, service, found) or differs
    earlier, tag = None, ""
    if differs and beside:
        earlier, tag = _candidate(state, it, service, setting, emit)
    emit(
        ServiceObserved(
            iteration=it.number,
            service=service.name,
            url=earlier.url if earlier else platform.url(service, tag=tag),
            found=found.serving if found else None,
            unchanged=not differs or earlier is not None,
            reason=_first(differs) or (AS_FOUND if service.existing else UNCHANGED),
            differs=differs,
            standing=found.standing if found else None,
            tag=tag,
            candidate=earlier,
        )
    )
    if differs and it.confirms is not None:
        revision = found.serving.revision if found else ""
        emit(ServiceUnverified(iteration=it.number, service=service.name, revision=revision, reason=_first(differs)))


def _has_candidates(state: RunState, found: cloud.Observed | None) -> bool:
    """A service that serves nobody yet has nothing that a candidate could be held beside."""
    candidate = state.charter.traffic.strategy is Strategy.CANDIDATE
    return candidate and found is not None and bool(shares(found.serving.traffic))


def _candidate(
    state: RunState, it: IterationState, service: Service, setting: Setting, emit: Emit
) -> tuple[Serving | None, str]:
    """The run's last candidate with its tag where it is still what is wanted, else the tag of the one to make."""
    platform = setting.platform()
    tags = [i.services[service.name].tag for i in state.iterations[: it.number] if service.name in i.services]
    last = next((tag for tag in reversed(tags) if tag), "")
    seen = platform.observe(service, tag=last, wait=emit.wait) if last else None
    if seen and not _differs(service, seen, it, setting):
        return seen.serving, last
    return None, tag_name(state.uid, it.number)


def _not_promoted(
    state: RunState, it: IterationState, service: Service, found: cloud.Observed | None
) -> tuple[str, ...]:
    """A confirmation is about the very revisions that were tested; whatever else serves is not confirmed."""
    assert it.confirms is not None
    tested = state.iteration(it.confirms).services[service.name].revision
    serves = found.serving.revision if found else ""
    return () if serves == tested else (f"{serves or 'several revisions'} serves, not {tested}, which was tested",)


def _differs(service: Service, found: cloud.Observed | None, it: IterationState, setting: Setting) -> tuple[str, ...]:
    """Every difference between wanted and found that a new revision ends; none where others deploy the service."""
    if service.existing:
        return ()
    platform = setting.platform()
    image = platform.by_digest(_given(service) or "") or ""
    env = setting.environment(service, it)
    sentences = platform.revision_differences(service, found, env=env, digest=it.digests[service.name], image=image)
    return tuple(map(setting.redact, sentences))


def _standing_differs(
    service: Service, found: cloud.Observed | None, beside: bool, setting: Setting
) -> tuple[str, ...]:
    """Every other difference: those that serve all revisions alike, so that a candidate must leave them as they are."""
    if service.existing or found is None:
        return ()
    then = ", with the promotion" if beside else ""
    sentences = setting.platform().standing_differences(service, found)
    return tuple(f"{setting.redact(sentence)}{then}" for sentence in sentences)


def _first(differs: tuple[str, ...]) -> str:
    further = f" (and {len(differs) - 1} more)" if len(differs) > 1 else ""
    return differs[0] + further if differs else ""


def build(action: BuildImage, setting: Setting, emit: Emit) -> None:
    state = emit.state
    it = state.iteration(action.iteration)
    service, digest = it.definition(action.service), it.digests[action.service]
    platform = setting.platform()
    image = _chosen(service, setting, emit) or platform.find_image(service, digest, wait=emit.wait)
    if image:
        emit(ImageBuilt(iteration=it.number, service=service.name, image=image, reused=True))
        return
    build = platform.find_build(service, digest, wait=emit.wait)
    if build is None:
        uploaded = platform.upload(_archive(service, state, it, setting), digest, wait=emit.wait)
        config = build_config(service, state.charter, it.commit, setting)
        submitted = platform.submit_build(service, digest, uploaded, config=config, wait=emit.wait)
        if isinstance(submitted, cloud.BuildFailure):
            emit(BuildFailed(iteration=it.number, service=service.name, reason=setting.redact(submitted.reason)))
            return
        build = submitted
    emit(BuildSubmitted(iteration=it.number, service=service.name, build=build))
    ended = platform.await_build(build, wait=emit.wait, output=_shown(service, setting, emit))
    match ended:
        case cloud.Built():
            emit(ImageBuilt(iteration=it.number, service=service.name, image=ended.image))
        case cloud.BuildFailure():
            reason, log = setting.redact(ended.reason), _lines(ended.log, setting)
            emit(BuildFailed(iteration=it.number, service=service.name, reason=reason, log=log))


def deploy(action: DeployRevision, setting: Setting, emit: Emit) -> None:
    state = emit.state
    it = state.iteration(action.iteration)
    service = it.definition(action.service)
    platform = setting.platform()
    order = _order(service, state, it, setting)
    if not order.tag:
        identity.restrict(service, setting, emit)
    operation = platform.request_revision(order, wait=emit.wait)
    tag = order.tag
    known = it.services[service.name]
    emit(
        RevisionRequested(
            iteration=it.number, service=service.name, revision=order.revision, operation=operation or known.operation
        )
    )
    ended = platform.await_revision(operation or known.operation, service, order.revision, wait=emit.wait, tag=tag)
    match ended:
        case cloud.Created():
            if not order.tag:
                platform.grant(service, wait=emit.wait)
            emit(
                RevisionCreated(
                    iteration=it.number, service=service.name, revision=order.revision, serving=ended.serving
                )
            )
        case cloud.StartFailure():
            reason, log = setting.redact(ended.reason), _lines(ended.log, setting)
            trouble = ask_back(service, known, setting, emit)
            reason = f"{reason}; {trouble}" if trouble else reason
            emit(
                RevisionFailed(
                    iteration=it.number, service=service.name, revision=order.revision, reason=reason, log=log
                )
            )


def probe(action: ProbeService, setting: Setting, emit: Emit) -> None:
    it = emit.state.iteration(action.iteration)
    service, seen = it.definition(action.service), it.services[action.service]
    platform = setting.platform()
    k, name, revision = it.number, service.name, seen.revision
    if not revision:
        reason = "its traffic is split, so that no result could be bound to one revision"
        emit(ServiceUnverified(iteration=k, service=name, revision="", reason=reason))
        return
    within = emit.state.charter.evidence.wait
    headers = identity.headers(identity.as_tested(service, it), setting, emit)
    proof = platform.probe(service, seen.url, seen.revision, wait=emit.wait, evidence_within=within, headers=headers)
    match proof:
        case cloud.Proven():
            serving = platform.serving(service, tag=seen.tag, wait=emit.wait)
            if serving.revision != revision:
                there = serving.revision or "several revisions"
                reason = f"the {'tag' if seen.tag else 'traffic'} goes to {there}, not to {revision}"
                emit(ServiceUnverified(iteration=k, service=name, revision=revision, reason=reason))
                return
            emit(
                RevisionReady(
                    iteration=k,
                    service=name,
                    revision=revision,
                    level=proof.level,
                    serving=serving,
                    probe=proof.probe,
                    probes=proof.probes,
                )
            )
        case cloud.Unhealthy():
            identity.check_call(identity.as_tested(service, it), proof.probe, setting, emit)
            log = _lines(proof.log, setting)
            emit(
                ServiceUnhealthy(
                    iteration=k,
                    service=name,
                    revision=revision,
                    reason=setting.redact(proof.reason),
                    log=log,
                    probe=_asked(proof.probe, setting),
                )
            )
        case cloud.Unproven():
            emit(ServiceUnverified(iteration=k, service=name, revision=revision, reason=setting.redact(proof.reason)))


def _given(service: Service) -> str | None:
    return service.image if service.build is BuildMode.IMAGE else None


def _chosen(service: Service, setting: Setting, emit: Emit) -> str | None:
    """The image that the configuration names, by digest where its registry says which."""
    given = _given(service)
    if given is None:
        return None
    image = setting.platform().by_digest(given)
    if image is None:
        emit.output(service.name, f"{given} is deployed as given: its registry does not say its digest")
    return image or given


def _archive(service: Service, state: RunState, it: IterationState, setting: Setting) -> Path:
    target = setting.scratch(state, "archives") / f"{service.name}-{it.number}.tar.gz"
    source.archive(setting.repository, it.commit, source_folder(service, state.charter), target)
    return target


def _order(service: Service, state: RunState, it: IterationState, setting: Setting) -> cloud.Order:
    return cloud.Order(
        service=service,
        revision=revision_name(service.service, state.uid, it.number),
        image=it.services[service.name].image,
        env=setting.environment(service, it),
        labels=labels(state.uid, it.number, it.commit, it.digests[service.name]),
        fence=setting.fence,
        tag=it.services[service.name].tag,
        superseded=frozenset(tag_name(state.uid, k) for k in range(it.number)),
    )


def _asked(probe: Probe | None, setting: Setting) -> Probe | None:
    """Its detail is what the service answered."""
    return probe and replace(probe, detail=setting.redact(probe.detail))


def _lines(log: tuple[str, ...], setting: Setting) -> tuple[str, ...]:
    return setting.redact_lines(log)


def _shown(service: Service, setting: Setting, emit: Emit) -> Output:
    redact = setting.redact.line_by_line()
    return lambda line: emit.output(service.name, redact(line))
