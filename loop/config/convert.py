"""Validated models -> the values of loop.core.environment; every default that depends on another key is filled here."""

from loop.config import models
from loop.config.checks import TIME_UNITS, percentile_of
from loop.config.convert_service import service_of
from loop.core import environment as core


def environment(name: str, file: models.EnvironmentFile, known: tuple[core.KnownIssue, ...]) -> core.Environment:
    return core.Environment(
        charter=_charter(name, file, known),
        services=tuple(service_of(key, service, _platform(file.platform)) for key, service in file.services.items()),
        dependencies=tuple(_dependency(key, dependency) for key, dependency in file.dependencies.items()),
    )


def known_issue(issue: models.KnownIssue) -> core.KnownIssue:
    return core.KnownIssue(
        pattern=issue.pattern,
        signature=issue.signature,
        owner=issue.owner,
        reason=issue.reason,
        until=issue.until,
        link=issue.link,
    )


def _charter(name: str, file: models.EnvironmentFile, known: tuple[core.KnownIssue, ...]) -> core.Charter:
    return core.Charter(
        name=name,
        title=file.title or name,
        mission=file.mission,
        platform=_platform(file.platform),
        suites=tuple(_suite(key, suite) for key, suite in file.suites.items()),
        capabilities=tuple(core.Capability(name=key, patterns=value) for key, value in file.capabilities.items()),
        targets=tuple(_target(key, target) for key, target in file.targets.items()),
        goal=core.Goal(pass_rate=file.goal.pass_rate, of=file.goal.of, known_issues=file.goal.known_issues),
        limits=_limits(file.limits),
        fix=_fix(file.fix) if file.fix else None,
        hooks=_hooks(file.hooks),
        workspace=core.Workspace(link=file.workspace.link, setup=file.workspace.setup),
        known_issues=known,
        evidence=core.EvidenceRule(wait=file.evidence.wait),
        traffic=_traffic(file.traffic),
        root=file.root,
    )


def _traffic(traffic: models.Traffic) -> core.Traffic:
    return core.Traffic(
        strategy=traffic.strategy, promote=traffic.promote, confirm=traffic.confirm, on_failure=traffic.on_failure
    )


def _platform(platform: models.Platform) -> core.PlatformTarget:
    project = platform.project or "local"
    region = platform.region or "emulator"
    return core.PlatformTarget(
        endpoint=platform.endpoint,
        project=project,
        region=region,
        repository=platform.repository or f"{region}-docker.pkg.dev/{project}/loop",
        bucket=platform.bucket or f"{project}-loop",
        build_service_account=platform.build.service_account,
        build_timeout=platform.build.timeout,
        state=platform.state,
        impersonate=platform.impersonate,
    )


def _dependency(key: str, dependency: models.Dependency) -> core.Dependency:
    return core.Dependency(
        name=key,
        http=dependency.http,
        tcp=dependency.tcp,
        postgres=dependency.postgres,
        redis=dependency.redis,
        expect=dependency.expect,
        within=dependency.within,
    )


def _suite(key: str, suite: models.Suite) -> core.Suite:
    return core.Suite(
        name=key,
        pytest=suite.pytest,
        command=suite.command,
        junit=suite.junit,
        python=suite.python,
        workdir=suite.workdir,
        env=suite.env,
        setup=suite.setup,
        list=suite.list_,
        minimum=suite.minimum,
        sources=suite.sources,
        timeout=suite.timeout,
        priority=suite.priority,
        gate=core.Gate(pass_rate=suite.gate.pass_rate, of=suite.gate.of) if suite.gate else None,
        exercises=suite.exercises,
        trace=suite.trace,
        retry_failed=suite.retry_failed,
    )


def _target(key: str, target: models.Target) -> core.Target:
    below = target.below.number
    if target.property_ and target.below.seconds:
        below = round(below / TIME_UNITS[target.unit], 9)
    return core.Target(
        name=key,
        below=below,
        requests=target.requests,
        property=target.property_,
        percentile=target.percentile or percentile_of(key) or 95,
        unit=target.unit,
    )


def _limits(limits: models.Limits) -> core.Limits:
    return core.Limits(
        iterations=limits.iterations,
        no_progress=limits.no_progress,
        time=limits.time,
        invalid=limits.invalid,
        rejected=limits.rejected,
    )


def _fix(fix: models.Fix) -> core.Fix:
    return core.Fix(
        command=fix.command,
        await_commit=fix.await_ == "commit",
        timeout=fix.timeout,
        protect=fix.protect,
        max_files=fix.max_files,
        notes=fix.notes,
    )


def _hooks(hooks: models.Hooks) -> core.Hooks:
    given = {hook: getattr(hooks, hook) for hook in core.Hook}
    return core.Hooks(
        **{hook.value: one.command for hook, one in given.items() if one},
        timeouts={hook.value: one.timeout for hook, one in given.items() if one},
    )
