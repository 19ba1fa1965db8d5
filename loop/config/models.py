"""The configuration's keys as pydantic models: types, defaults and one description each.

The descriptions are the reference: `loop config docs` and the JSON Schema print them. What concerns several keys at
once is checked in checks.py, on the file's own values, so that one mistake does not hide another.
"""

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from loop.config.fields import (
    Arguments,
    Confirm,
    Duration,
    FolderPath,
    HttpAddress,
    Limit,
    Model,
    Rate,
    Switch,
    Text,
    Texts,
    Variables,
    Whole,
    Words,
    Written,
    shaped,
    written,
)
from loop.config.service import Service
from loop.core.environment import KnownIssues, OnFailure, Promotion, RateKind, Strategy

ServiceKey = Annotated[str, shaped(r"[A-Za-z][A-Za-z0-9_-]*", "a service's name takes letters, digits, - and _")]
SuiteKey = Annotated[str, shaped(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a suite's name takes letters, digits, -, _ and .")]
Endpoint = Annotated[
    str,
    shaped(r"google|emulator|[A-Za-z0-9_.-]+:\d{1,5}|\[[0-9a-f:]+\]:\d{1,5}", "expected google, emulator or host:port"),
]
TcpAddress = Annotated[str, shaped(r"\S*(:\d{1,5}|\$\{\S+\})", "expected host:port")]
PostgresAddress = Annotated[str, shaped(r"(postgres(ql)?://|\$\{)\S+", "expected a postgresql:// address")]
RedisAddress = Annotated[str, shaped(r"(rediss?://|\$\{)\S+", "expected a redis:// or rediss:// address")]
Awaited = Annotated[str, shaped("commit", "expected commit"), WithJsonSchema({"enum": ["commit"]})]
Account = Annotated[str, shaped(r"\S+@\S+", "expected a service account such as deployer@acme.iam.gserviceaccount.com")]
Day = Annotated[str, shaped(r"\d{4}-\d{2}-\d{2}", "expected a day such as 2027-01-31")]


class Build(Model):
    service_account: Words | None = Field(None, description="Account that Cloud Build runs as; default: the project's.")
    timeout: Duration = written("20m", "Longest time for one build.")


class Platform(Model):
    endpoint: Endpoint = Field(
        "google",
        description="`google`, `emulator` (the embedded default), or host:port, the admin address of an emulator that "
        "runs (`loop emulator`).",
    )
    project: Words | None = Field(None, description="Google Cloud project. Emulator: default `local`.")
    region: Words | None = Field(None, description="Cloud Run region. Emulator: default `emulator`.")
    repository: Words | None = Field(
        None, description="Artifact Registry path for images; default `REGION-docker.pkg.dev/PROJECT/loop`."
    )
    bucket: Words | None = Field(None, description="Storage bucket for source archives; default `PROJECT-loop`.")
    build: Build = Field(default_factory=Build, description="How Cloud Build runs.")
    state: FolderPath = Field(".loop/emulator", description="Folder of the embedded emulator, below the root.")
    impersonate: Account | None = Field(
        None, description="Service account to act as on Google; default: whoever the credentials at hand are."
    )


class Dependency(Model):
    http: HttpAddress | None = Field(
        None, description="Address that must answer below 400; this, tcp:, postgres: or redis:."
    )
    tcp: TcpAddress | None = Field(None, description="host:port that must accept a connection.")
    postgres: PostgresAddress | None = Field(
        None, description="postgresql://USER:PASSWORD@HOST/DATABASE that must answer SELECT 1; needs `loop[postgres]`."
    )
    redis: RedisAddress | None = Field(
        None, description="redis://USER:PASSWORD@HOST:6379/0 that must answer PING; rediss:// speaks TLS."
    )
    expect: dict[str, Written] = Field(
        default_factory=dict, description="Keys of the JSON answer and the values that they must have."
    )
    within: Duration = written("10s", "Time after which it counts as not reachable.")


class Gate(Model):
    pass_rate: Rate = Field(description="Least share of counted cases that must pass.")
    of: RateKind = Field(
        RateKind.ADJUSTED, description="`adjusted` (any attempt, known issues left out) or `raw` (first attempt)."
    )


class Suite(Model):
    pytest: Arguments | None = Field(
        None,
        description="Arguments for pytest, as text or a list; this or command:.",
        json_schema_extra={"shorthand": "string"},
    )
    command: Words | None = Field(None, description="Shell command of any other runner; needs junit:.")
    junit: Words | None = Field(None, description="Glob of the JUnit XML files that the command writes.")
    python: Words | None = Field(
        None, description="Interpreter for pytest; default `.venv/bin/python` of the root, else python3 on PATH."
    )
    workdir: FolderPath = Field(".", description="Folder to run in.")
    env: Variables = Field(
        default_factory=dict,
        description="Environment variables beside LOOP_URL_<SERVICE>, LOOP_TOKEN_<SERVICE>, LOOP_TOKEN_URL, "
        "LOOP_RUN, LOOP_ITERATION, which it can not override. Of the caller's shell PYTEST_ADDOPTS, PYTEST_PLUGINS "
        "and LOOP_* are left out (LOOP_EMULATOR_* stays).",
    )
    setup: Words | None = Field(None, description="Shell command that runs first, once per iteration.")
    list_: Words | None = Field(
        None, alias="list", description="Command whose output names the expected cases, one per line."
    )
    minimum: Whole | None = Field(None, ge=1, description="Least number of cases, where they can not be listed.")
    sources: Texts = Field((), description="Git globs of the test sources; pytest knows its own.")
    timeout: Duration = written("30m", "Time after which the runner is stopped; finished cases are kept.")
    priority: Whole = Field(100, description="Smaller runs first; equal ones in the file's order.")
    gate: Gate | None = Field(None, description="What the suite must reach for the iteration to pass.")
    exercises: Texts = Field(
        (),
        description="Services of which the suite must have reached one, and each of them that is tested as a "
        "candidate; else invalid.",
    )
    trace: Switch = Field(True, description="Give each case a trace id that its requests carry.")
    retry_failed: Whole = Field(0, ge=0, description="Further attempts for failed cases; every attempt is recorded.")


class Target(Model):
    requests: Words | None = Field(None, description="Pattern of paths in the request log; this or property:.")
    property_: Words | None = Field(None, alias="property", description="Property that tests record; or requests:.")
    below: Limit = Field(description="The limit: a duration, or a number in the property's own unit.")
    percentile: Whole | None = Field(
        None,
        ge=1,
        le=100,
        description="Which percentile is held against it; default: the pNN of the name (`login p99`, `p99_login`), "
        "else 95.",
    )
    unit: Words = Field("ms", description="Unit that the property is recorded in.")


class Evidence(Model):
    wait: Duration = written(
        "2m", "Time that a marked request may take to show up in the request log; then evidence counts as unavailable."
    )


class Traffic(Model):
    strategy: Strategy = Field(
        Strategy.DIRECT,
        description="`direct`: a new revision takes all traffic at once. `candidate`: it gets a tag and no traffic, "
        "the suites test the tag's address, and a passed verdict promotes all changed services as one unit.",
    )
    promote: Promotion = Field(
        Promotion.AUTOMATIC, description="`automatic`: upon a passed verdict. `manual`: with `loop promote RUN`."
    )
    confirm: Confirm = written(
        "all",
        "Suites that run again once candidates were promoted: `all`, a list, or `none` (refused where services call "
        "each other). If they do not pass, every service is put back.",
    )
    on_failure: OnFailure = Field(
        OnFailure.KEEP,
        description="What becomes of the traffic when a run ends without having met its goal: `keep`, or `restore` the "
        "split that it found.",
    )


class Goal(Model):
    pass_rate: Rate = written("100%", "Share of counted cases that ends the run.")
    of: RateKind = Field(RateKind.ADJUSTED, description="Which rate is held against it, `adjusted` or `raw`.")
    known_issues: KnownIssues = Field(
        KnownIssues.ALLOW, description="`allow`: may be met but for known issues. `forbid`: it may not."
    )


class Limits(Model):
    iterations: Whole = Field(10, ge=0, description="Iterations after Initial.")
    no_progress: Whole = Field(3, ge=1, description="Iterations in a row without a fixed case or a changed failure.")
    time: Duration | None = Field(None, description="Time for the whole run; default: none.")
    invalid: Whole = Field(3, ge=1, description="Invalid iterations in a row.")
    rejected: Whole = Field(3, ge=1, description="Rejected fixes in a row.")


class Fix(Model):
    command: Words | None = Field(None, description="Executable that repairs, run in the worktree; this or await:.")
    await_: Awaited | None = Field(None, alias="await", description="`commit`: wait for a person's commit.")
    timeout: Duration = written("30m", "Longest time for one attempt.")
    protect: Texts = Field((), description="Git globs that a fix may not touch; they are restored.")
    max_files: Whole | None = Field(None, ge=1, description="Most files that one fix may change.")
    notes: FolderPath | None = Field(None, description="File in which the fixer leaves notes for the report.")


class HookCommand(Model):
    command: Words = Field(description="Shell command, run in the iteration's worktree.")
    timeout: Duration = written("10m", "Time after which its whole process group is ended; it then counts as failed.")


def hook(description: str) -> Any:
    return Field(None, description=description, json_schema_extra={"shorthand": "string"})


class Hooks(Model):
    before_deploy: HookCommand | None = hook(
        "Before the first deployment of an iteration, once all images are built. Where it fails, so does the iteration."
    )
    after_deploy: HookCommand | None = hook("Once all services serve, where one of them was deployed.")
    before_suites: HookCommand | None = hook("Before the first suite. Where it fails, so does the iteration.")
    after_suites: HookCommand | None = hook("After the last suite, before it is judged.")
    on_end: HookCommand | None = hook("When the run has ended and its report is written.")


class Workspace(Model):
    link: tuple[FolderPath, ...] = Field(
        (), description="Untracked paths of your tree that are linked into every worktree."
    )
    setup: Words | None = Field(None, description="Command that prepares a new worktree.")


class KnownIssue(Model):
    """An entry of known-issues.yaml."""

    pattern: Words = Field(description="Which cases: `*` is any text, all else is itself.")
    signature: Words = Field(description="Part of the normalised failure message.")
    owner: Words = Field(description="Who answers for it.")
    reason: Words = Field(description="Why it may fail.")
    until: Day = Field(description="Last day (UTC) on which it may.")
    link: Text = Field("", description="Evidence.")


class EnvironmentFile(Model):
    """What one environment's file says, once merged."""

    environment: Words | None = Field(None, description="The environment's name; must be the file's own.")
    title: Text = Field("", description="How reports call the environment; default: its name.")
    mission: Text = Field("", description="What the run is for, in a sentence; stands in every report.")
    root: FolderPath = Field(".", description="Folder of a monorepo that all paths are relative to.")
    platform: Platform = Field(description="Where services are built and deployed.")
    services: dict[ServiceKey, Service] = Field(
        description="What is built, deployed and tested, by the name that people use."
    )
    dependencies: dict[Words, Dependency] = Field(
        default_factory=dict, description="What the services need and loop does not deploy; probed before the suites."
    )
    suites: dict[SuiteKey, Suite] = Field(description="The tests; they run one at a time, by priority.")
    capabilities: dict[Words, Texts] = Field(
        default_factory=dict, description="What the product can do, each with patterns over case ids that show it."
    )
    targets: dict[Words, Target] = Field(default_factory=dict, description="Limits on measured figures.")
    evidence: Evidence = Field(default_factory=Evidence, description="How the services' request logs are read.")
    traffic: Traffic = Field(
        default_factory=Traffic,
        description="How new revisions come to take traffic: a strategy, or a map.",
        json_schema_extra={"shorthand": "string"},
    )
    goal: Goal = Field(default_factory=Goal, description="When the run is done.")
    limits: Limits = Field(default_factory=Limits, description="When the run gives up.")
    fix: Fix | None = Field(None, description="What acts between two iterations; without it a run makes Initial alone.")
    hooks: Hooks = Field(
        default_factory=Hooks,
        description="Commands around the phases of an iteration, each as text or a map; docs/hooks.md tells more.",
    )
    workspace: Workspace = Field(default_factory=Workspace, description="What every iteration's worktree gets.")
