"""From source to a revision that provably serves: observe, build, deploy, probe. Each finds its own earlier work."""

from dataclasses import replace
from pathlib import Path

from loop import cloud, source
from loop.cloud.builds import Output
from loop.core.actions import BuildImage, DeployRevision, ObserveService, ProbeService
from loop.core.environment import BuildMode, Service
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
from loop.core.model import Probe
from loop.core.names import labels, revision_name
from loop.core.state import IterationState, RunState
from loop.perform.emit import Emit
from loop.perform.setting import Setting
from loop.perform.sources import source_folder


def observe(action: ObserveService, setting: Setting, emit: Emit) -> None:
    it = emit.state.iteration(action.iteration)
    service = it.definition(action.service)
    platform = setting.platform()
    url = platform.url(service)
    found = platform.observe(service, wait=emit.wait)
    wanted = setting.environment(service, it)
    differs = platform.difference(service, found, env=wanted, digest=it.digests[service.name])
    emit(
        ServiceObserved(
            iteration=it.number,
            service=service.name,
            url=url,
            found=found.serving if found else None,
            unchanged=not differs,
            reason=differs or "source, settings and traffic are as wanted",
        )
    )


def build(action: BuildImage, setting: Setting, emit: Emit) -> None:
    state = emit.state
    it = state.iteration(action.iteration)
    service, digest = it.definition(action.service), it.digests[action.service]
    platform = setting.platform()
    image = _given(service) or platform.find_image(service, digest, wait=emit.wait)
    if image:
        emit(ImageBuilt(iteration=it.number, service=service.name, image=image, reused=True))
        return
    build = platform.find_build(service, digest, wait=emit.wait)
    if build is None:
        uploaded = platform.upload(_archive(service, state, it, setting), digest, wait=emit.wait)
        build = platform.submit_build(service, digest, uploaded, wait=emit.wait)
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
    operation = platform.request_revision(order, wait=emit.wait)
    known = it.services[service.name].operation
    emit(
        RevisionRequested(
            iteration=it.number, service=service.name, revision=order.revision, operation=operation or known
        )
    )
    ended = platform.await_revision(operation or known, service, order.revision, wait=emit.wait)
    match ended:
        case cloud.Created():
            emit(
                RevisionCreated(
                    iteration=it.number, service=service.name, revision=order.revision, serving=ended.serving
                )
            )
        case cloud.StartFailure():
            reason, log = setting.redact(ended.reason), _lines(ended.log, setting)
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
    within = emit.state.charter.evidence.wait
    proof = platform.probe(service, seen.url, seen.revision, wait=emit.wait, evidence_within=within)
    match proof:
        case cloud.Proven():
            serving = platform.serving(service, wait=emit.wait)
            if serving.revision != revision:
                reason = f"the traffic goes to {serving.revision or 'several revisions'}, not to {revision}"
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
    )


def _asked(probe: Probe | None, setting: Setting) -> Probe | None:
    """Its detail is what the service answered."""
    return probe and replace(probe, detail=setting.redact(probe.detail))


def _lines(log: tuple[str, ...], setting: Setting) -> tuple[str, ...]:
    return setting.redact_lines(log)


def _shown(service: Service, setting: Setting, emit: Emit) -> Output:
    redact = setting.redact.line_by_line()
    return lambda line: emit.output(service.name, redact(line))
