"""A validated service -> its value in loop.core; every default that depends on another key is filled here."""

from loop.config import service as models
from loop.core import environment as core
from loop.core import settings


def service_of(key: str, service: models.Service, platform: core.PlatformTarget) -> core.Service:
    mode = _mode(service)
    return core.Service(
        name=key,
        service=service.service or key,
        source=service.source,
        build=mode,
        image=service.image,
        dockerfile=service.dockerfile,
        cloudbuild=service.cloudbuild or ("cloudbuild.yaml" if mode is core.BuildMode.CLOUDBUILD else None),
        substitutions=service.substitutions,
        existing=service.existing,
        after=service.after,
        health=_health(service.health),
        env=service.env,
        secrets=service.secrets,
        access=service.access,
        url=service.url,
        port=service.port,
        settings=_settings(service, platform),
        template=service.template,
    )


def _mode(service: models.Service) -> core.BuildMode:
    given = (
        (service.image, core.BuildMode.IMAGE),
        (service.cloudbuild, core.BuildMode.CLOUDBUILD),
        (service.dockerfile, core.BuildMode.DOCKERFILE),
    )
    return service.build or next((mode for value, mode in given if value), core.BuildMode.BUILDPACK)


def _health(health: models.Health) -> core.Health:
    said = core.Identity(header=health.identity.header, json=health.identity.json_) if health.identity else None
    return core.Health(
        path=health.path,
        consecutive=health.consecutive,
        within=health.within,
        identity=said,
        proof=health.proof or (core.Proof.ANSWERED if said else core.Proof.LOGGED),
    )


def _settings(service: models.Service, platform: core.PlatformTarget) -> settings.Settings:
    return settings.Settings(
        command=service.command,
        args=service.args,
        cpu=service.cpu,
        memory=service.memory,
        min_instances=service.min_instances,
        max_instances=service.max_instances,
        concurrency=service.concurrency,
        timeout=service.timeout,
        service_account=service.service_account,
        ingress=service.ingress,
        vpc=_vpc(service.vpc, platform) if service.vpc else None,
        cloud_sql=service.cloud_sql,
        labels=service.labels,
        startup_probe=_probe(service.startup_probe) if service.startup_probe else None,
        liveness_probe=_probe(service.liveness_probe) if service.liveness_probe else None,
    )


def _vpc(vpc: models.Vpc, platform: core.PlatformTarget) -> settings.Vpc:
    connector = vpc.connector
    if connector and "/" not in connector:
        connector = f"projects/{platform.project}/locations/{platform.region}/connectors/{connector}"
    return settings.Vpc(connector=connector, network=vpc.network, subnet=vpc.subnet, tags=vpc.tags, egress=vpc.egress)


def _probe(probe: models.ContainerProbe) -> settings.ContainerProbe:
    http, tcp, grpc = probe.http_get, probe.tcp_socket, probe.grpc
    return settings.ContainerProbe(
        http_get=settings.HttpGet(path=http.path, port=http.port) if http else None,
        tcp_socket=settings.TcpSocket(port=tcp.port) if tcp else None,
        grpc=settings.Grpc(port=grpc.port, service=grpc.service or "") if grpc else None,
        initial_delay=int(probe.initial_delay or 0),
        timeout=int(probe.timeout),
        period=int(probe.period),
        failure_threshold=probe.failure_threshold,
    )
