"""Runs as they could have happened, folded from real events: the states that reports and displays are tested with."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from loop.core.actions import Ending
from loop.core.environment import (
    Capability,
    Charter,
    Dependency,
    Goal,
    PlatformTarget,
    Proof,
    Service,
    Suite,
    Target,
)
from loop.core.events import (
    ActionStarted,
    DependencyProbed,
    Event,
    FixCommitted,
    ImageBuilt,
    IterationJudged,
    IterationStarted,
    ReportWritten,
    RevisionCreated,
    RevisionReady,
    RevisionRequested,
    RunEnded,
    RunStarted,
    ServiceObserved,
    ServingChecked,
    SuiteFinished,
)
from loop.core.evidence import CaseRequest, LogLine, LogStatus, ServiceEvidence, SuiteEvidence
from loop.core.fold import begin, evolve
from loop.core.model import (
    CapabilityJudged,
    Case,
    Change,
    ChangedFile,
    ChangeKind,
    Commit,
    Comparison,
    Credit,
    Evidence,
    Failing,
    Fixed,
    Judgement,
    Measured,
    Outcome,
    Probe,
    Rate,
    ServiceFigure,
    Serving,
    Split,
    SuiteJudged,
    SuiteResult,
    TrendRow,
    Verdict,
)
from loop.core.state import RunState

START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SUITE = "p1-critical"
FILE = "tests/e2e/test_priority1_critical.py"
UID = "k7q2zd"
NAMES = {
    "TestWebSocket": ["connects", "authenticates", "echo", "reconnects", "rejects_oauth_without_token"],
    "TestAgents": ["discovers", "configures", "executes", "stops", "lists"],
    "TestMessages": ["creates_thread", "switches_thread", "history", "edits", "deletes"],
    "TestScalability": ["twenty_users", "rate_limit", "burst", "recovers", "queue"],
    "TestUserExperience": ["lifecycle", "streaming", "events", "errors_named", "sessions"],
}
IDS = [f"{SUITE}::{FILE}::{group}::test_{name}" for group, names in NAMES.items() for name in names]
EXECUTES, CONNECTS, OAUTH = IDS[7], IDS[0], IDS[4]
MESSAGES = {
    EXECUTES: "assert 404 == 200",
    CONNECTS: "websockets.exceptions.InvalidStatus: server rejected WebSocket connection: HTTP 401",
    OAUTH: "websockets.exceptions.InvalidStatus: server rejected WebSocket connection: HTTP 403",
}
TRACEBACK = """\
    async def test_rejects_oauth_without_token(self, backend):
>       async with connect(backend.socket, additional_headers=token()) as socket:

tests/e2e/test_priority1_critical.py:88:
E   websockets.exceptions.InvalidStatus: server rejected WebSocket connection: HTTP 403

----------------------------- Captured stdout call -----------------------------
GET wss://backend/ws -> 403 {"detail": "an OAuth access token is required"}"""

CHARTER = Charter(
    name="local",
    title="GCP Staging",
    mission="Achieve 100% test pass rate for agent real responses",
    platform=PlatformTarget(
        project="acme-staging",
        region="us-central1",
        repository="us-central1-docker.pkg.dev/acme-staging/loop",
        bucket="acme-staging-loop",
        endpoint="emulator",
    ),
    suites=(Suite(name=SUITE, pytest=("tests/e2e",), priority=1),),
    capabilities=tuple(Capability(name=group, patterns=(f"*{group}*",)) for group in NAMES),
    targets=(
        Target(name="api latency p95", below=0.1, requests="/api/*"),
        Target(name="websocket latency", below=50, property="websocket_ms"),
    ),
    goal=Goal(pass_rate=Fraction(96, 100)),
)
SERVICES = (
    Service(name="auth", service="acme-auth", source="services/auth"),
    Service(name="backend", service="acme-backend", source="services/backend", after=("auth",)),
    Service(name="frontend", service="acme-frontend", source="services/frontend", after=("backend",)),
)
DEPENDENCIES = (Dependency(name="database", http="http://127.0.0.1:8080/health", expect={"database": "ok"}),)


def sha(seed: str) -> str:
    return (seed.encode().hex() * 40)[:40]


@dataclass
class Story:
    """Folds events as the engine does, with a clock that moves only when told."""

    now: datetime = START
    state: RunState | None = None
    events: list[Event] = field(default_factory=list)

    def tell(self, event: Event, *, seconds: float = 1.0) -> RunState:
        self.now += timedelta(seconds=seconds)
        stamped = replace(event, at=self.now)
        self.events.append(stamped)
        self.state = begin(stamped) if isinstance(stamped, RunStarted) else evolve(self.run, stamped)
        return self.state

    @property
    def run(self) -> RunState:
        assert self.state is not None
        return self.state

    def start(self, **changes: Any) -> None:
        started = RunStarted(
            environment="local",
            number=42,
            uid=UID,
            charter=CHARTER,
            program="0.1.0",
            trend=(
                TrendRow(
                    run="local-41",
                    iteration=2,
                    at=START - timedelta(days=1),
                    verdict=Verdict.FAILED,
                    rate=Rate(passed=21, counted=25),
                    ending="no progress",
                ),
            ),
        )
        self.tell(replace(started, **changes))

    def iterate(self, number: int, *, change: Change | None = None, services: Sequence[Service] = SERVICES) -> None:
        newest = change.commits[-1] if change and change.commits else None
        self.tell(
            IterationStarted(
                iteration=number,
                commit=newest.sha if newest else sha("initial"),
                subject=newest.subject if newest else "Example stack as it stood",
                author="A. Developer",
                services=tuple(services),
                dependencies=DEPENDENCIES,
                change=change,
            )
        )

    def act(self, action: str, number: int, subject: str = "") -> None:
        self.tell(ActionStarted(action=action, iteration=number, subject=subject, attempt=1))

    def observe(
        self, number: int, service: str, *, found: Serving | None = None, unchanged: bool = False, tag: str = ""
    ) -> None:
        reason = "same source and settings" if unchanged else "no revision serves" if not found else "source differs"
        self.tell(
            ServiceObserved(
                iteration=number,
                service=service,
                url=f"http://127.0.0.1:{PORTS[service]}",
                found=found,
                unchanged=unchanged,
                reason=reason,
                tag=tag,
            )
        )

    def build(self, number: int, service: str) -> None:
        self.act("BuildImage", number, service)
        image = f"us-central1-docker.pkg.dev/acme-staging/loop/{service}@sha256:{sha(service + str(number))}"
        self.tell(ImageBuilt(iteration=number, service=service, image=image), seconds=2.0)

    def deploy(self, number: int, service: str, *, beside: Serving | None = None) -> Serving:
        """With all traffic, or as a candidate beside what serves."""
        self.build(number, service)
        revision = f"acme-{service}-l{UID}-{number}"
        serving = Serving(
            service=f"acme-{service}",
            url=f"http://127.0.0.1:{PORTS[service]}",
            revision=revision,
            traffic=(*beside.traffic, Split(revision=revision, percent=0, tag=f"l{UID}-{number}"))
            if beside
            else (Split(revision=revision, percent=100),),
            image=self.run.iteration(number).services[service].image,
            digest=sha(service),
            run=UID,
            iteration=str(number),
            commit=self.run.iteration(number).commit,
        )
        self.act("DeployRevision", number, service)
        self.tell(
            RevisionRequested(
                iteration=number, service=service, revision=revision, operation=f"operations/{service}-{number}"
            )
        )
        self.tell(RevisionCreated(iteration=number, service=service, revision=revision, serving=serving))
        self.prove(number, service, serving)
        return serving

    def prove(self, number: int, service: str, serving: Serving) -> None:
        self.tell(
            RevisionReady(
                iteration=number,
                service=service,
                revision=serving.revision,
                level=Proof.LOGGED,
                serving=serving,
                probe=Probe(at=self.now, status=200, seconds=0.012),
            )
        )

    def test(self, number: int, failing: Sequence[Failing], evidence: SuiteEvidence | None = None) -> None:
        self.tell(
            DependencyProbed(
                iteration=number, dependency="database", reachable=True, detail="database: ok", seconds=0.02
            )
        )
        self.act("RunSuite", number, SUITE)
        counts = {Outcome.PASSED: len(IDS) - len(failing), Outcome.FAILED: len(failing)}
        result = SuiteResult(
            command="python3 -m pytest tests/e2e",
            exit_status=1,
            seconds=38.4,
            expected=len(IDS),
            counts=counts,
            versions={"pytest": "9.2.0", "python": "3.11.7"},
            evidence=(Evidence(path=f"{SUITE}.txt", sha256=sha("output"), size=5120),),
        )
        self.tell(
            SuiteFinished(iteration=number, suite=SUITE, attempt=1, result=result, failing=tuple(failing)), seconds=38.0
        )
        self.tell(ServingChecked(iteration=number, suite=SUITE, serving={}, evidence=evidence))

    def judge(self, number: int, judgement: Judgement) -> None:
        self.tell(IterationJudged(iteration=number, judgement=judgement))

    def report(self, number: int) -> None:
        self.tell(ReportWritten(iteration=number, path=f"reports/local/42/iteration-{number}.md"))


PORTS = {"auth": 40001, "backend": 40002, "frontend": 40003}


def failing(number: int, *ids: str, since: dict[str, int] | None = None) -> tuple[Failing, ...]:
    return tuple(
        Failing(id=i, outcome=Outcome.FAILED, signature=MESSAGES[i], message=MESSAGES[i], since=(since or {}).get(i, 0))
        for i in ids
    )


def judged(
    failed: Sequence[Failing], comparison: Comparison | None, *, goal_met: bool = False, **more: Any
) -> Judgement:
    rate = Rate(passed=len(IDS) - len(failed), counted=len(IDS))
    broken = {f.id for f in failed}
    groups = [(g, [i for i in IDS if f"::{g}::" in i]) for g in NAMES]
    values: dict[str, Any] = {
        "verdict": Verdict.PASSED if goal_met else Verdict.FAILED,
        "rule": f"pass rate {rate.percent}% ({rate}), {'' if goal_met else 'not '}>= 96%",
        "raw": rate,
        "adjusted": rate,
        "counts": {Outcome.PASSED: rate.passed, Outcome.FAILED: len(failed)},
        "failing": tuple(failed),
        "suites": (
            SuiteJudged(
                suite=SUITE,
                raw=rate,
                adjusted=rate,
                counts={},
                gate="pass rate >= 96%",
                gate_met=goal_met,
                seconds=38.4,
            ),
        ),
        "capabilities": tuple(
            CapabilityJudged(
                name=g,
                passed=sum(i not in broken for i in own),
                counted=len(own),
                failing=tuple(i for i in own if i in broken),
            )
            for g, own in groups
        ),
        "comparison": comparison,
        "goal": "pass rate >= 96%",
        "goal_met": goal_met,
    }
    return Judgement(**(values | more))


def commit(subject: str, **trailers: tuple[str, ...]) -> Commit:
    return Commit(
        sha=sha(subject),
        subject=subject,
        author="A. Developer",
        trailers={name.replace("_", "-"): values for name, values in trailers.items()},
    )


def changed(*commits: Commit, files: Sequence[tuple[str, ChangeKind]]) -> Change:
    paths = tuple(ChangedFile(path=p, status="M", kind=k, added=4, removed=2) for p, k in files)
    return Change(kinds=tuple(dict.fromkeys(k for _, k in files)), files=paths, commits=commits)


JWT = changed(
    commit(
        "Read the JWT issuer from one place",
        Root_cause=("auth and backend each spelled the issuer themselves",),
        Fixes_case=("*test_rejects_oauth_without_token",),
    ),
    files=[("services/auth/settings.py", ChangeKind.PRODUCT), ("services/backend/settings.py", ChangeKind.PRODUCT)],
)
HANDSHAKE = changed(
    commit(
        "Answer the WebSocket handshake with the offered subprotocol",
        Fixes_case=("*test_connects",),
        Learned=("a handshake that drops the subprotocol looks like an auth failure",),
    ),
    files=[("services/backend/channels.py", ChangeKind.PRODUCT)],
)
PATHS = changed(
    commit("Call the agents under the path that exists", Fixes_case=("*test_executes",)),
    files=[(FILE, ChangeKind.TESTS)],
)


def _turn(story: Story, number: int, change: Change, deployed: Sequence[str], kept: dict[str, Serving]) -> None:
    story.act("RunFixer", number - 1)
    newest = change.commits[-1]
    story.tell(FixCommitted(iteration=number - 1, commit=newest.sha, branch="loop/local-42", commits=change.commits))
    story.iterate(number, change=change)
    for name in PORTS:
        story.observe(number, name, found=kept[name], unchanged=name not in deployed)
        if name in deployed:
            kept[name] = story.deploy(number, name)
        else:
            story.prove(number, name, kept[name])


def seed(*, iterations: int = 3) -> Story:
    """The example's history: 22, 22, 23, 24 of 25, each with its report, ended with its goal of 96% met."""
    story = Story()
    story.start()
    story.iterate(0)
    for name in PORTS:
        story.observe(0, name)
    kept = {name: story.deploy(0, name) for name in PORTS}
    first = failing(0, CONNECTS, OAUTH, EXECUTES)
    story.test(0, first)
    story.judge(0, judged(first, None))
    story.report(0)
    for number, (change, deployed, failed, fixed) in enumerate(_TURNS[:iterations], 1):
        _turn(story, number, change, deployed, kept)
        story.test(number, failed, evidence(failed))
        more = {"goal_met": number == 3, "targets": MEASURED}
        story.judge(number, judged(failed, _against(number, failed, fixed), **more))
        story.report(number)
    if iterations == 3:
        story.tell(
            RunEnded(
                ending=Ending.GOAL_MET,
                sentence=story.run.iterations[-1].judgement.rule,
                verdict=Verdict.PASSED,
                exit_code=0,
            )
        )
    return story


def evidence(failed: Sequence[Failing]) -> SuiteEvidence:
    """The backend's log was read, the frontend's was not; one pass asked nothing."""
    denied = CaseRequest(
        method="GET", path="/ws", status=403, service="backend", revision=f"acme-backend-l{UID}-2", ms=16.6
    )
    asked = CaseRequest(
        method="POST", path="/introspect", status=200, service="auth", revision=f"acme-auth-l{UID}-1", ms=2.5,
        by_time=True,
    )  # fmt: skip
    return SuiteEvidence(
        services={
            "auth": ServiceEvidence(status=LogStatus.READ, requests=12, by_time=10),
            "backend": ServiceEvidence(status=LogStatus.READ, requests=61, by_trace=61),
            "frontend": ServiceEvidence(
                status=LogStatus.UNAVAILABLE, reason="the marked request was not in its request log within 120 s"
            ),
        },
        cases=25,
        asked=24,
        bare=1,
        bare_ids=(IDS[21],),
        requests={f.id: (denied, asked) for f in failed if f.id == OAUTH},
        lines={f.id: LINES for f in failed if f.id in (OAUTH, EXECUTES)},
        logs=(Evidence(path=f"logs/{SUITE}-1-backend-1.txt", sha256=sha("log"), size=812),),
    )


_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINES = (
    LogLine(at=_AT, service="backend", text="POST /agents `execute`", by_time=True),
    LogLine(at=_AT, service="backend", text="no <agent> of that name", severity="ERROR", error=True),
)


MEASURED = (
    Measured(
        target="api latency p95", n=61, percentile=95, value=0.124, limit=0.1, unit="s", met=False,
        source="request log",
        services=(ServiceFigure(service="auth", n=1, value=0.009), ServiceFigure(service="backend", n=60, value=0.124)),
    ),
)  # fmt: skip


def _against(number: int, failed: Sequence[Failing], fixed: Sequence[Fixed]) -> Comparison:
    against = "Initial" if number == 1 else f"iteration {number - 1}"
    return Comparison(
        against=against, fixed=tuple(fixed), still_same=tuple(f.id for f in failed), tests_changed=number == 3
    )


_TURNS: list[tuple[Change, list[str], tuple[Failing, ...], list[Fixed]]] = [
    (JWT, ["auth", "backend"], failing(1, CONNECTS, OAUTH, EXECUTES), []),
    (HANDSHAKE, ["backend"], failing(2, OAUTH, EXECUTES), [Fixed(id=CONNECTS, credit=Credit.PRODUCT)]),
    (PATHS, [], failing(3, OAUTH), [Fixed(id=EXECUTES, credit=Credit.TESTS)]),
]


def seed_cases(number: int = 3) -> dict[str, list[Case]]:
    ids = [f.id for f in seed().run.iteration(number).judgement.failing]  # type: ignore[union-attr]
    return {
        SUITE: [
            Case(
                id=i,
                outcome=Outcome.FAILED,
                seconds=0.41,
                message=MESSAGES[i],
                signature=MESSAGES[i],
                detail=TRACEBACK,
                file=FILE,
            )
            for i in ids
        ]
    }
