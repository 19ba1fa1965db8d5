"""A service's keys: what is built, how it is deployed and what its container and its scaling are set to.

The names are gcloud's and those of Cloud Run's YAML. What is not named is kept as the platform has it.
"""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from loop.config.fields import (
    Arguments,
    Duration,
    FolderPath,
    HttpAddress,
    Model,
    ServiceName,
    Switch,
    Texts,
    Variables,
    Whole,
    Words,
    parsed,
    shaped,
    written,
)
from loop.config.values import cpu, memory, whole_seconds
from loop.core.environment import Access, BuildMode, Proof
from loop.core.settings import Egress, Ingress

HealthPath = Annotated[str, shaped(r"/\S*", "expected a path that starts with /")]
SecretTarget = Annotated[
    str,
    shaped(
        r"[A-Za-z_][A-Za-z0-9_]*|(?!.*/\.\.?(/|$))(/[^/:,\s]+){2,}",
        "expected the name of an environment variable, or the path of a file in a folder of its own (/etc/keys/jwt)",
    ),
]
SecretVersion = Annotated[
    str,
    shaped(
        r"(?:projects/[^/:\s]+/secrets/)?[A-Za-z0-9_-]+:[A-Za-z0-9_-]+",
        'expected Secret Manager\'s "name:version"',
    ),
]
LabelKey = Annotated[
    str,
    shaped(
        r"(?!loop-)[a-z][a-z0-9_-]{0,62}",
        "a label's name takes at most 63 lower-case letters, digits, - and _, a letter first, and loop- is our own",
    ),
]
LabelValue = Annotated[
    str, shaped(r"[a-z0-9_-]{0,63}", "a label's value takes at most 63 lower-case letters, digits, - and _")
]
Substitution = Annotated[
    str, shaped(r"_[A-Z0-9_]+", "a substitution of one's own is called _ and capital letters, digits and _")
]
SqlInstance = Annotated[str, shaped(r"[^:\s]+(:[^:\s]+)?:[^:\s]+:[^:\s]+", "expected project:region:instance")]
ServiceAccount = Annotated[str, shaped(r"[^@\s]+@[^@\s]+\.[^@\s]+", "expected a service account's e-mail address")]
Seconds = Annotated[Duration, parsed(whole_seconds)]
Cpu = Annotated[str, parsed(cpu), WithJsonSchema({"type": ["string", "number"]})]
Memory = Annotated[str, parsed(memory)]
Port = Annotated[Whole, Field(ge=1, le=65535)]


class Identity(Model):
    header: Words | None = Field(None, description="Response header that holds the revision's name.")
    json_: Words | None = Field(None, alias="json", description="Key of the JSON health answer that holds it.")


class Health(Model):
    path: HealthPath = Field("/", description="Path that answers below 400 when the service is well.")
    consecutive: Whole = Field(1, ge=1, description="Good answers in a row that are wanted.")
    within: Duration = written("2m", "Time after which a service that does not answer counts as unhealthy.")
    identity: Identity | None = Field(
        None, description="Where the answer names the revision that gave it: {header: NAME} or {json: KEY}."
    )
    proof: Proof | None = Field(
        None,
        description="How it is known that the wanted revision serves: `answered` (it said so itself; default with "
        "identity:), `logged` (its request log shows our probe; else the default), `routed` (the platform says so).",
    )


class Vpc(Model):
    connector: Words | None = Field(None, description="Serverless VPC Access connector; this or network:, subnet:.")
    network: Words | None = Field(None, description="VPC network that it reaches directly; default: the subnet's.")
    subnet: Words | None = Field(None, description="Subnet that its addresses come from; default: the network's name.")
    tags: Texts = Field((), description="Network tags of its traffic.")
    egress: Egress | None = Field(None, description="Which of its requests go through the VPC.")


class HttpGet(Model):
    path: HealthPath = Field("/", description="Path that must answer 2xx or 3xx.")
    port: Port | None = Field(None, description="Default: the container's.")


class TcpSocket(Model):
    port: Port | None = Field(None, description="Port that must accept a connection; default: the container's.")


class Grpc(Model):
    port: Port | None = Field(None, description="Default: the container's.")
    service: Words | None = Field(None, description="Name that is asked for in the gRPC health check.")


class ContainerProbe(Model):
    http_get: HttpGet | None = Field(
        None, description="Ask a path; text is the path.", json_schema_extra={"shorthand": "string"}
    )
    tcp_socket: TcpSocket | None = Field(None, description="Open a connection: {port: NUMBER}, or {}.")
    grpc: Grpc | None = Field(None, description="Ask for the gRPC health check.")
    initial_delay: Seconds | None = Field(None, description="Time before the first probe; default: none.")
    timeout: Seconds = written("1s", "Time for one answer; at most period:.")
    period: Seconds = written("10s", "Time between two probes.")
    failure_threshold: Whole = Field(3, ge=1, description="Failures in a row after which the container is stopped.")


class Service(Model):
    service: ServiceName | None = Field(None, description="Cloud Run's own name; default: the key.")
    source: FolderPath | None = Field(
        None, description="Folder whose content is built: the files of its commit, but for what .gcloudignore names."
    )
    build: BuildMode | None = Field(
        None,
        description="`buildpack` (default), `dockerfile` (default where dockerfile: is given), `cloudbuild` (default "
        "where cloudbuild: is given), or `image` (default where image: is given).",
    )
    dockerfile: FolderPath | None = Field(
        None, description="Path of the Dockerfile within source:; default with build: dockerfile: `Dockerfile`."
    )
    cloudbuild: FolderPath | None = Field(
        None,
        description="Path of a Cloud Build configuration, from the root; default with build: cloudbuild: "
        "`cloudbuild.yaml`. Its steps get our archive of source: and, "
        "where it mentions them, $_IMAGE (which it must push), $_SERVICE and $_DIGEST; $COMMIT_SHA and the like stay "
        "empty, for equal content is built once.",
    )
    substitutions: dict[Substitution, Words] = Field(
        default_factory=dict, description="Further substitutions for cloudbuild:, by name (_NAME)."
    )
    image: Words | None = Field(
        None,
        description="Image to deploy as it is; nothing is built. Best by digest (NAME@sha256:...); a tag is looked up "
        "in its registry, and deployed as given where that does not answer.",
    )
    existing: Switch = Field(
        False,
        description="true: others deploy it. Nothing is built, deployed or set; the revision that takes all traffic "
        "is verified and tested as it is found.",
    )
    after: Texts = Field((), description="Services that must serve before this one is deployed; builds never wait.")
    health: Health = Field(
        default_factory=Health,
        description="How to ask whether it is well: a path, or a map.",
        json_schema_extra={"shorthand": "string"},
    )
    env: Variables = Field(
        default_factory=dict, description="Environment variables; may hold ${services.NAME.url} and ${secret:VAR}."
    )
    secrets: dict[SecretTarget, SecretVersion] = Field(
        default_factory=dict,
        description='From Secret Manager, "name:version", version pinned: an environment variable, or where the key is '
        "a path (/etc/keys/jwt) a file. A folder holds the files of one secret and hides what the image has there.",
    )
    access: Access = Field(
        Access.KEEP,
        description="Who may call it: `public` (everyone), `private` (who holds roles/run.invoker), `keep` (IAM is not "
        "touched).",
    )
    url: HttpAddress | None = Field(
        None, description="Address used by probes, suites and references instead of Cloud Run's (load balancer)."
    )
    port: Port | None = Field(None, description="Port that the container listens on; Cloud Run's default is 8080.")
    command: Arguments | None = Field(
        None, description="The image's entrypoint instead of its own, as text or a list.",
        json_schema_extra={"shorthand": "string"},
    )  # fmt: skip
    args: Arguments | None = Field(
        None, description="Arguments of the entrypoint, as text or a list.", json_schema_extra={"shorthand": "string"}
    )
    cpu: Cpu | None = Field(None, description="CPUs of an instance: 1, 2, 4, 6, 8, or from 0.08 (80m) below 1.")
    memory: Memory | None = Field(
        None,
        description="Memory of an instance: 512Mi, 2Gi; at most 32Gi, and what cpu: allows (1 CPU up to 4Gi, 2 up to "
        "8Gi, 4 from 2Gi to 16Gi, 6 from 4Gi to 24Gi, 8 from 4Gi; below 1 up to 1Gi, below 0.5 up to 512Mi).",
    )
    min_instances: Whole | None = Field(
        None,
        ge=0,
        description="Instances kept warm, over all revisions (gcloud's --min: one of a revision would keep every "
        "tagged revision warm).",
    )
    max_instances: Whole | None = Field(None, ge=1, description="Most instances of a revision (--max-instances).")
    concurrency: Whole | None = Field(None, ge=1, le=1000, description="Requests that one instance takes at once.")
    timeout: Seconds | None = Field(None, description="Longest time for one request, in whole seconds, at most 60m.")
    service_account: ServiceAccount | None = Field(None, description="Account that the service runs as.")
    ingress: Ingress | None = Field(None, description="Networks from which it can be reached.")
    vpc: Vpc | None = Field(None, description="How its own requests reach a VPC.")
    cloud_sql: tuple[SqlInstance, ...] = Field(
        (), description="Cloud SQL instances, project:region:instance; their sockets lie below /cloudsql."
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default_factory=dict, description="Labels of the service and of its revisions."
    )
    startup_probe: ContainerProbe | None = Field(None, description="When the container counts as started.")
    liveness_probe: ContainerProbe | None = Field(
        None, description="When a running container is replaced; http_get: or grpc:."
    )
    template: dict[str, object] = Field(
        default_factory=dict,
        description="Further settings of the revision in the API's own JSON names (RevisionTemplate); checked against "
        "them. What stood here or in the keys above and no longer does is taken away again.",
    )
