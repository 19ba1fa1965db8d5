"""The text of `loop plan`."""

from collections.abc import Callable
from dataclasses import replace

from loop.console.planned import Plan, PlannedPromotion, PlannedService, PlannedSuite, plan
from loop.console.text import cells

Golden = Callable[[str, str], None]

PLAN = Plan(
    environment="staging",
    commit="0123456789abcdef",
    subject="Answer the handshake",
    uncommitted=True,
    services=(
        PlannedService(
            name="auth",
            wanted="4e1f00aa77bbccdd",
            serving="acme-auth-lk7q2zd-1",
            serving_commit="5265616420",
            deploy=False,
            build=False,
            reason="same source and settings",
        ),
        PlannedService(
            name="backend",
            wanted="99ddee",
            serving="acme-backend-lk7q2zd-1",
            deploy=True,
            build=True,
            reason="source differs",
            seconds=154.0,
        ),
        PlannedService(
            name="frontend",
            wanted="host/frontend@sha256:aabbccddeeff0011",
            serving="",
            deploy=True,
            build=False,
            reason="no revision serves",
        ),
    ),
    suites=(PlannedSuite(name="p1-critical", cases=25, seconds=38.4), PlannedSuite(name="browser")),
    seconds=201.0,
    notes=("frontend has no history: the forecast leaves it out.",),
)


def test_a_plan_says_what_will_be_done_and_why(golden: Golden) -> None:
    text = plan(PLAN)
    golden("plan.txt", text)
    assert max(map(cells, text.splitlines())) <= 80


def test_a_plan_shows_what_serves_against_what_is_wanted_and_every_difference() -> None:
    service = PlannedService(
        name="api", wanted="4e1f00aa77bbccdd", serving="api-l1-0", serving_commit="5265616420", serving_digest="99dd",
        deploy=True, build=True, reason="source changed (and 1 more)", differs=("source changed", "memory: 1Gi -> 2Gi"),
    )  # fmt: skip
    text = plan(replace(PLAN, services=(service,)))
    assert (
        "\n\napi: serves commit 5265616420, digest 99dd\n  wanted commit 0123456789, digest 4e1f00aa77bb\n"
        "  - source changed\n  - memory: 1Gi -> 2Gi\n\n"
    ) in text


def test_a_split_is_told_with_every_share_and_what_changed_since() -> None:
    split = "traffic is split: api-l1-0 70%, api-l2-0 30%"
    service = PlannedService(
        name="api", wanted="4e1f", serving="", split=(("api-l1-0", 70), ("api-l2-0", 30)), deploy=True, build=True,
        reason=split,
    )  # fmt: skip
    text = plan(replace(PLAN, services=(service,)))
    assert "\napi      2 revisions  4e1f    build and deploy" in text
    assert f"\napi: {split}\n" in text
    others = replace(service, deploy=False, reason="others deploy it")
    shares = "api: others deploy it; api-l1-0 70%, api-l2-0 30% serve"
    assert shares in plan(replace(PLAN, services=(others,)))
    several = replace(service, differs=(split, "source changed since api-l1-0"))
    assert (
        f"\napi: serves api-l1-0 70%, api-l2-0 30%\n  wanted commit 0123456789, digest 4e1f\n  - {split}\n"
        "  - source changed since api-l1-0\n"
    ) in plan(replace(PLAN, services=(several,)))


def test_what_the_table_cuts_stands_below_it_whole() -> None:
    revision, image = "a-service-with-a-long-name-lk7q2zd-12", "registry.example/team/a-long-name-of-an-image:v1"
    service = replace(PLAN.services[1], serving=revision, wanted=image)
    text = " ".join(plan(replace(PLAN, services=(service,))).split())
    assert f"backend: source differs; {revision} serves; image {image} is wanted" in text
    committed = replace(service, serving_commit="5265616420")
    assert f"{revision} serves commit 5265616420" in " ".join(plan(replace(PLAN, services=(committed,))).split())
    several = replace(service, differs=("one", "two"))
    assert f"serves no commit of ours, in {revision} wanted" in " ".join(
        plan(replace(PLAN, services=(several,))).split()
    )


def test_a_plan_ends_with_who_takes_traffic_once_it_passed() -> None:
    promoted = PlannedPromotion(services=("auth",), confirming=("smoke", "e2e"), seconds=42.0)
    assert (
        told(promoted)
        == "If it passes: auth takes all traffic, then smoke, e2e run again there to confirm it (about 42 s more)."
    )
    assert "confirm it (no history)" in told(replace(promoted, seconds=None))
    assert "all traffic, which no suite confirms (confirm: none)." in told(replace(promoted, confirming=()))
    assert "auth waits for loop promote" in told(replace(promoted, manual=True))
    several = replace(promoted, services=("auth", "backend"), apart=(("backend", "auth"),))
    assert "auth, backend take all traffic as one unit, then" in told(several)
    assert told(several).endswith("more); backend calls the new auth then for the first time.")


def told(promoted: PlannedPromotion) -> str:
    paragraph = plan(replace(PLAN, promoted=promoted)).split("\n\n")[-2]
    assert max(map(cells, paragraph.splitlines())) <= 80
    return " ".join(paragraph.split())


def test_what_a_plan_wants_is_a_digest_an_image_or_what_is_found() -> None:
    rows = [
        plan(replace(PLAN, services=(replace(PLAN.services[1], wanted=wanted),))).splitlines()[3]
        for wanted in ("r/a:v1", "")
    ]
    assert "r/a:v1" in rows[0]
    assert "as found" in rows[1]
