"""Runs that went another way than the example's: each ends where a report must name the cause."""

from dataclasses import replace

from stories import (
    CHARTER,
    CONNECTS,
    EXECUTES,
    HANDSHAKE,
    IDS,
    OAUTH,
    SERVICES,
    SUITE,
    UID,
    Story,
    failing,
    judged,
    sha,
)

from loop.core.actions import Ending
from loop.core.environment import KnownIssue, Strategy, Traffic
from loop.core.events import (
    BuildFailed,
    BuildSubmitted,
    FixGaveUp,
    FixRejected,
    InterruptRequested,
    IterationJudged,
    PromotionUndone,
    RevisionFailed,
    RevisionRequested,
    RunEnded,
    RunPaused,
    ServicePromoted,
    ServiceUnhealthy,
    ServiceUnverified,
    SuiteFinished,
)
from loop.core.model import (
    Comparison,
    Credit,
    Failing,
    Fixed,
    Judgement,
    Outcome,
    Problem,
    ProblemKind,
    Rate,
    Serving,
    Split,
    SuiteResult,
    Verdict,
)

CRASH = ("Traceback (most recent call last):", '  File "app.py", line 3, in <module>', "KeyError: 'JWT_SECRET'")


def _begun() -> Story:
    story = Story()
    story.start(trend=())
    story.iterate(0)
    return story


def crashing() -> Story:
    """The backend does not start: nothing is tested, the run ends at once."""
    story = _begun()
    story.observe(0, "auth")
    story.deploy(0, "auth")
    story.observe(0, "backend")
    story.observe(0, "frontend")
    story.build(0, "backend")
    story.act("DeployRevision", 0, "backend")
    revision = f"acme-backend-l{UID}-0"
    story.tell(
        RevisionFailed(
            iteration=0,
            service="backend",
            revision=revision,
            log=CRASH,
            reason="the container exited with status 1 before it listened on PORT 8080",
        )
    )
    return _not_deployed(story, f"backend: revision {revision} did not start")


def unbuilt() -> Story:
    story = _begun()
    story.observe(0, "auth")
    story.act("BuildImage", 0, "auth")
    story.tell(BuildSubmitted(iteration=0, service="auth", build="b-1"))
    story.tell(
        BuildFailed(
            iteration=0,
            service="auth",
            reason="pip found no version of nosuchpackage",
            log=("ERROR: No matching distribution found for nosuchpackage",),
        )
    )
    return _not_deployed(story, "auth: build b-1 failed")


def unhealthy() -> Story:
    story = _begun()
    story.observe(0, "auth")
    story.build(0, "auth")
    story.tell(
        ServiceUnhealthy(
            iteration=0, service="auth", revision=f"acme-auth-l{UID}-0", reason="GET /health answered 500 for 2 m 00 s"
        )
    )
    return _not_deployed(story, "auth: GET /health answered 500 for 2 m 00 s")


def _not_deployed(story: Story, reason: str) -> Story:
    story.judge(
        0,
        Judgement(
            verdict=Verdict.FAILED,
            rule=f"deploy failed: {reason}",
            reasons=(reason,),
            goal="pass rate >= 96%",
            deployed=False,
        ),
    )
    story.tell(
        RunEnded(ending=Ending.DEPLOY_FAILING, sentence=f"deploy failed: {reason}", verdict=Verdict.FAILED, exit_code=1)
    )
    return story


def unverified() -> Story:
    """The platform calls it ready, but nothing proves that it answers."""
    story = _begun()
    story.observe(0, "auth")
    story.build(0, "auth")
    story.tell(
        ServiceUnverified(
            iteration=0,
            service="auth",
            revision=f"acme-auth-l{UID}-0",
            reason="the request log named acme-auth-00001 for our probe",
        )
    )
    return _invalid(
        story, Problem(kind=ProblemKind.NOT_VERIFIED, sentence="auth was not verified to serve its revision")
    )


def collected_nothing() -> Story:
    story = _begun()
    for name in ("auth", "backend", "frontend"):
        story.observe(0, name)
        story.deploy(0, name)
    problem = Problem(
        kind=ProblemKind.COLLECTED_NOTHING,
        sentence=f"suite {SUITE} collected nothing",
        output="ERROR: file or directory not found: tests/e3e\n\ncollected 0 items",
    )
    result = SuiteResult(
        command="python3 -m pytest tests/e3e", exit_status=4, seconds=0.7, expected=0, problems=(problem,)
    )
    story.tell(SuiteFinished(iteration=0, suite=SUITE, attempt=1, result=result))
    return _invalid(story, problem)


def _invalid(story: Story, problem: Problem) -> Story:
    rule = f"invalid: {problem.sentence}"
    story.judge(
        0,
        Judgement(
            verdict=Verdict.INVALID,
            rule=rule,
            reasons=(problem.sentence,),
            problems=(problem,),
            goal="pass rate >= 96%",
            progress=False,
        ),
    )
    story.tell(RunEnded(ending=Ending.INVALID, sentence=rule, verdict=Verdict.INVALID, exit_code=4))
    return story


def interrupted() -> Story:
    """Ctrl-C while one build and one deployment are under way."""
    story = _begun()
    story.observe(0, "auth")
    story.deploy(0, "auth")
    story.observe(0, "backend")
    story.build(0, "backend")
    story.act("DeployRevision", 0, "backend")
    story.tell(
        RevisionRequested(
            iteration=0,
            service="backend",
            revision=f"acme-backend-l{UID}-0",
            operation="projects/acme-staging/locations/us-central1/operations/op-7",
        )
    )
    story.observe(0, "frontend")
    story.act("BuildImage", 0, "frontend")
    story.tell(BuildSubmitted(iteration=0, service="frontend", build="b-9"))
    story.tell(InterruptRequested(signal=2))
    return story


def paused() -> Story:
    story = _begun()
    story.observe(0, "auth")
    story.tell(
        RunPaused(
            message="permission run.services.update is missing",
            where="projects/acme-staging",
            hint="gcloud projects add-iam-policy-binding acme-staging --role roles/run.developer",
            exit_code=3,
        )
    )
    return story


def known() -> Story:
    """The case that can not pass is a known issue: met but for it."""
    issue = KnownIssue(
        pattern="*test_rejects_oauth_without_token",
        signature="HTTP 403",
        owner="platform team",
        reason="staging demands a real OAuth token",
        until="2027-01-31",
        link="docs/oauth.md",
    )
    story = Story()
    story.start(trend=(), charter=replace(CHARTER, known_issues=(issue,)))
    story.iterate(0)
    for name in ("auth", "backend", "frontend"):
        story.observe(0, name)
        story.deploy(0, name)
    excused = tuple(replace(f, known="platform team: staging demands a real OAuth token") for f in failing(0, OAUTH))
    story.test(0, excused)
    story.judge(
        0,
        judged(
            excused, None, goal_met=True, adjusted=Rate(passed=24, counted=24), rule="adjusted pass rate 100% (24/24)"
        ),
    )
    story.tell(
        RunEnded(
            ending=Ending.GOAL_MET_KNOWN, sentence="met but for 1 known issue", verdict=Verdict.PASSED, exit_code=0
        )
    )
    return story


def mixed() -> Story:
    """Everything that a pass rate hides, at once; then a fixer that was refused and gave up."""
    story = _begun()
    story.test(0, failing(0, CONNECTS, OAUTH))
    story.judge(0, judged(failing(0, CONNECTS, OAUTH), None))
    story.iterate(1, change=HANDSHAKE)
    down = "requests.exceptions.HTTPError: 503 Server Error"
    broken = tuple(Failing(id=i, outcome=Outcome.ERROR, signature=down, message=down, since=1) for i in IDS[5:8])
    other = replace(failing(1, OAUTH)[0], signature="HTTP 500")
    comparison = Comparison(
        against="Initial",
        fixed=(Fixed(id=CONNECTS, credit=Credit.PRODUCT),),
        broken=tuple(f.id for f in broken),
        still_changed=(OAUTH,),
        new=("p1-critical::tests/e2e/test_new.py::test_new",),
        gone=(IDS[24],),
        case_set_changed="cases 25 -> 25",
        tests_changed=True,
    )
    story.test(1, (*broken, other))
    story.judge(
        1,
        judged(
            (*broken, other),
            comparison,
            flaky=(IDS[10],),
            xpassed=(IDS[11],),
            weakened=(IDS[24],),
            notes=("the known issue of *test_gone matches no case",),
        ),
    )
    story.tell(FixRejected(iteration=1, attempt=1, guard="27 files changed, 20 are allowed"))
    story.tell(FixGaveUp(iteration=1, reason="it exited with status 3"))
    return story


def ruined() -> Story:
    """Iteration 1 is invalid after a valid Initial, and ends waiting for a commit."""
    story = _begun()
    story.test(0, failing(0, EXECUTES))
    story.judge(0, judged(failing(0, EXECUTES), None))
    story.iterate(1, change=HANDSHAKE)
    problem = Problem(
        kind=ProblemKind.RUNNER_DIED, sentence="suite p1-critical: pytest was killed by signal 9 after 12 cases"
    )
    story.tell(
        IterationJudged(
            iteration=1,
            judgement=Judgement(
                verdict=Verdict.INVALID,
                rule=f"invalid: {problem.sentence}",
                reasons=(problem.sentence,),
                problems=(problem,),
                raw=Rate(passed=12, counted=12),
                goal="pass rate >= 96%",
            ),
        )
    )
    story.tell(RunEnded(ending=Ending.WAITING, sentence="waiting", verdict=Verdict.INVALID, exit_code=4))
    return story


HOSTILE = (
    "a | b `c` **d** <script>alert(1)</script> [x](http://evil) \x1b[35mred\x1b[0m\n# not a heading\n- not a list ```"
)


def half_promoted() -> Story:
    """Candidates passed; the second could not be promoted, and the first was put back."""
    story = Story()
    story.start(trend=(), charter=replace(CHARTER, traffic=Traffic(strategy=Strategy.CANDIDATE)))
    calling = replace(SERVICES[1], env={"AUTH_URL": "${services.auth.url}"})
    story.iterate(0, services=(SERVICES[0], calling))
    for name in ("auth", "backend"):
        story.observe(0, name, found=serving(name), tag=f"l{UID}-0")
        story.deploy(0, name, beside=serving(name))
    story.test(0, ())
    story.judge(0, _passed())
    promoted = replace(serving("auth"), traffic=(Split(revision=f"acme-auth-l{UID}-0", percent=100),))
    own = ("ingress: all -> internal", "access: public -> private")
    story.tell(ServicePromoted(iteration=0, service="auth", serving=promoted, settings=own))
    reason = "updating the service acme-backend: permission denied: run.services.update is missing"
    back, kept = {"auth": ("ingress: internal -> all",)}, {"auth": ("labels.team: green",)}
    story.tell(
        PromotionUndone(iteration=0, service="backend", reason=reason, restored=("auth",), settings=back, kept=kept)
    )
    story.tell(RunPaused(message=reason, where="acme-backend", hint="ask for the permission", exit_code=3))
    return story


def _passed() -> Judgement:
    green = judged((), None, rule="goal met: 25/25 (100%) meets pass rate >= 96%")
    return replace(green, verdict=Verdict.PASSED, goal_met=True)


def serving(name: str) -> Serving:
    revision = f"acme-{name}-l4wx5y-2"
    split = (Split(revision=revision, percent=100),)
    return Serving(service=f"acme-{name}", url=f"https://{name}", traffic=split, revision=revision, run="l4wx5y")


def hostile() -> Story:
    """Every text that comes from outside tries to be markup."""
    story = Story()
    story.start(trend=(), charter=replace(CHARTER, title=HOSTILE, mission=HOSTILE))
    story.iterate(
        0,
        change=replace(
            HANDSHAKE,
            commits=tuple(
                replace(
                    c,
                    sha=sha("evil"),
                    subject=HOSTILE,
                    author=HOSTILE,
                    trailers={"Learned": (HOSTILE,), "Root-cause": (HOSTILE,), "Fixes-case": ("*",)},
                )
                for c in HANDSHAKE.commits
            ),
        ),
    )
    story.observe(0, "auth")
    story.build(0, "auth")
    story.tell(
        ServiceUnhealthy(iteration=0, service="auth", revision="r", reason=HOSTILE, log=(HOSTILE, "````", "~~~~"))
    )
    bad = Failing(id=f"s::{HOSTILE}", outcome=Outcome.FAILED, signature=HOSTILE, message=HOSTILE)
    story.judge(0, judged((bad,), None, rule=HOSTILE, reasons=(HOSTILE,), flaky=(HOSTILE,)))
    story.tell(RunPaused(message=HOSTILE, where=HOSTILE, hint=HOSTILE, exit_code=3))
    return story


ALL = {
    f.__name__: f
    for f in (
        crashing,
        unbuilt,
        unhealthy,
        unverified,
        collected_nothing,
        interrupted,
        paused,
        known,
        mixed,
        ruined,
        half_promoted,
        hostile,
    )
}
