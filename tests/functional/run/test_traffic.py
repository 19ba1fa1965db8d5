"""Who takes traffic: candidates, promotion, confirmation, roll back. Each through the real command line, each split
asked of the platform with Google's own client.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from loop import emulator

SERVICES = "projects/local/locations/emulator/services/"
CANDIDATE = "traffic: candidate\n"


@dataclass
class Cloud:
    """What somebody sees and does who is not loop."""

    services: run_v2.ServicesClient
    revisions: run_v2.RevisionsClient

    def read(self, service: str) -> run_v2.Service:
        return self.services.get_service(name=SERVICES + service)

    def has(self, revision: str) -> bool:
        """By its full name."""
        try:
            self.revisions.get_revision(name=revision)
        except exceptions.NotFound:
            return False
        return True

    def split(self, service: str) -> dict[str, int]:
        return {t.revision: t.percent for t in self.read(service).traffic if t.percent}

    def both(self) -> dict[str, dict[str, int]]:
        return {name: self.split(name) for name in ("a", "b")}

    def tags(self, service: str) -> dict[str, str]:
        return {t.tag: t.revision for t in self.read(service).traffic if t.tag}

    def update(self, service: str, change: Callable[[run_v2.Service], None]) -> None:
        found = self.read(service)
        found.template.revision = ""
        change(found)
        self.services.update_service(service=found).result(timeout=30)

    def give_all_to(self, service: str, revision: str) -> None:
        target = run_v2.TrafficTarget(type_=2, revision=revision, percent=100)
        self.update(service, lambda found: setattr(found, "traffic", [target]))


@pytest.fixture
def cloud(stack: Any) -> Iterator[Cloud]:
    """Holds the stack's emulator up between the commands."""
    with emulator.attach(stack.root / ".loop" / "emulator") as attached:
        channel = grpc.insecure_channel(attached.endpoints.grpc, options=[("grpc.enable_http_proxy", 0)])
        with channel:
            yield Cloud(
                run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel)),
                run_v2.RevisionsClient(transport=RevisionsGrpcTransport(channel=channel)),
            )


@pytest.fixture
def before(stack: Any, cloud: Cloud) -> dict[str, dict[str, int]]:
    """A run that met its goal, both services deployed directly; the split that it left."""
    stack.without_fixer()
    stack.write("services/a/answer.txt", "right\n")
    stack.commit("All green")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    return cloud.both()


def changed(stack: Any, traffic: str, *, answer: str = "right", cases: str = "") -> None:
    """Both services change; what a answers may change too."""
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + traffic)
    for service in ("a", "b"):
        stack.write(f"services/{service}/note.txt", "another build\n")
    stack.write("services/a/answer.txt", f"{answer}\n")
    stack.write("tests/test_smoke.py", cases or stack.read("tests/test_smoke.py"))
    stack.commit("Both change")


def revisions_of(record: Any) -> dict[str, dict[str, int]]:
    return {name: {service["revision"]: 100} for name, service in record["services"].items()}


def test_passed_candidates_are_promoted_as_one_unit_and_confirmed(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, CANDIDATE)
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    initial, confirmation = stack.record(2, 0), stack.record(2, 1)
    assert cloud.both() == revisions_of(initial) == revisions_of(confirmation) != before
    assert initial["services"]["a"]["url"] != confirmation["services"]["a"]["url"]
    assert initial["traffic"]["promotion"]["services"] == ["a", "b"]
    assert confirmation["traffic"]["confirms"] == 0
    report = stack.report(2, 0)
    serving = next(iter(before["a"]))
    assert f"**b** was tested while it called a's serving revision `{serving}`, not the candidate of a" in report
    assert "| **Initial** | **100%** | **3/3** |  | **first iteration; promoted** |" in report


def test_a_plan_foretells_candidates_their_promotion_and_its_confirmation(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, CANDIDATE)
    first = plan_of(stack)
    assert first.count("build and deploy as candidate") == 2
    then = "If it passes: a, b take all traffic as one unit, then smoke runs again there to confirm it"
    assert f"{then} (about " in first, "the suite has run, and what took no time before counts as none"
    assert "more); b calls the new a then for the first time." in first
    assert cloud.both() == before, "a plan changes nothing"
    assert not cloud.tags("a")
    assert stack.loop("run", "--env", "local").returncode == 0
    assert "If it passes" not in plan_of(stack), "nothing is to be deployed"


@pytest.mark.parametrize(
    ("traffic", "then"),
    [
        ("{strategy: candidate, promote: manual}", "If it passes: a, b wait for loop promote (promote: manual)."),
        ("{on_failure: restore}", "If the run does not meet its goal: what served before is put back"),
    ],
)
def test_a_plan_foretells_what_else_a_verdict_means_for_the_traffic(
    stack: Any, before: dict[str, dict[str, int]], traffic: str, then: str
) -> None:
    changed(stack, f"traffic: {traffic}\n")
    assert then in plan_of(stack)


def plan_of(stack: Any) -> str:
    planned = stack.loop("plan", "--env", "local", env={"COLUMNS": "200"})
    assert planned.returncode == 0, planned.stdout + planned.stderr
    return str(planned.stdout)


def test_failed_candidates_leave_the_traffic_as_it_was(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, CANDIDATE, answer="wrong")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stdout + run.stderr
    assert cloud.both() == before
    record = stack.record(2, 0)
    assert record["judgement"]["raw"]["passed"] == 2, "the candidate was tested, not what serves"
    assert record["services"]["a"]["tag"] in cloud.tags("a")
    assert "candidate, takes no traffic" in stack.report(2, 0)


def test_a_confirmation_that_fails_puts_every_service_back(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    through_b = stack.read("tests/test_smoke.py").replace('ask("A", "/health")["answer"]', 'ask("B", "/via")["answer"]')
    changed(stack, CANDIDATE, answer="other", cases=through_b)  # b sees it only when a's candidate serves
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stdout + run.stderr
    assert cloud.both() == before
    confirmation = stack.record(2, 1)
    assert confirmation["judgement"]["verdict"] == "failed"
    assert sorted(confirmation["traffic"]["restorations"][0]["restored"]) == ["a", "b"]
    assert "**Put back** to the split that the run found (the promotion was not confirmed)" in stack.report(2, 1)


def test_somebody_elses_tags_survive_promotion_and_roll_back(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    (serving,) = before["a"]
    tag = run_v2.TrafficTarget(type_=2, revision=serving, tag="blue")
    cloud.update("a", lambda found: found.traffic.append(tag))
    changed(stack, CANDIDATE)
    assert stack.loop("run", "--env", "local").returncode == 0
    assert cloud.tags("a")["blue"] == serving
    assert stack.loop("rollback", "--env", "local").returncode == 0
    assert (cloud.tags("a")["blue"], cloud.both()) == (serving, before)


def test_traffic_that_followed_the_latest_revision_does_not_go_to_a_candidate(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    latest = run_v2.TrafficTarget(type_=1, percent=100)
    cloud.update("a", lambda found: setattr(found, "traffic", [latest]))
    changed(stack, CANDIDATE, answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1
    assert cloud.both() == before


def test_a_manual_promotion_waits_for_its_command(stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]) -> None:
    changed(stack, "traffic: {strategy: candidate, promote: manual}\n")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "waiting for promotion" in run.stdout
    assert "Next: loop promote local-2" in run.stdout
    assert cloud.both() == before
    promoted = stack.loop("promote", "local-2")
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    assert cloud.both() == revisions_of(stack.record(2, 0))
    assert stack.record(2, 1)["traffic"]["confirms"] == 0
    again = stack.loop("promote", "local-2")
    assert (again.returncode, "promoted already" in again.stderr) == (2, True), again.stderr


def test_a_candidate_that_nobody_asked_is_named_where_its_promotion_is_decided(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    only_b = stack.read("tests/test_smoke.py").replace('ask("A", "/health")', 'ask("B", "/via")')
    changed(stack, "traffic: {strategy: candidate, promote: manual}\n", answer="wrong", cases=only_b)
    run = stack.loop("run", "--env", "local", env={"COLUMNS": "300"})
    assert run.returncode == 0, run.stdout + run.stderr
    said = "no request reached the candidate of a"
    assert f"not tested together: b with a; {said}; they take traffic with: loop promote local-2" in run.stdout
    promoted = stack.loop("promote", "local-2")
    assert promoted.returncode == 1, promoted.stdout + promoted.stderr
    assert f"Initial: {said}\n" in promoted.stdout
    assert cloud.both() == before


FAST = """
import json, os, urllib.request

def test_b_reaches_what_is_right():
    with urllib.request.urlopen(os.environ["LOOP_URL_B"] + "/via") as answer:
        assert json.load(answer)["answer"] == "right"
"""
SKIPS = """
import pathlib, subprocess, sys
file, answer = pathlib.Path("slow/test_slow.py"), pathlib.Path("services/a/answer.txt")
if "skip" in file.read_text(): sys.exit(3)
file.write_text("import pytest\\n" + file.read_text().replace("def test_two", "@pytest.mark.skip\\ndef test_two"))
answer.write_text("right\\n")
subprocess.run(["git", "commit", "-qam", "Answer rightly"], check=True)
"""


def of_fewer_suites(stack: Any, answer: str = "right", more: str = "") -> None:
    """Both services change, and one of three suites confirms the promotion."""
    stack.write("fast/test_fast.py", FAST)
    stack.write("slow/test_slow.py", "def test_one(): pass\ndef test_two(): pass\n")
    suites = [f"  {name}: {{pytest: {name}, python: {sys.executable}}}\n" for name in ("fast", "slow")]
    stack.configure("suites:\n", f"suites:\n{''.join(suites)}")
    through_b = stack.read("tests/test_smoke.py").replace('ask("A", "/health")["answer"]', 'ask("B", "/via")["answer"]')
    changed(stack, f"traffic: {{strategy: candidate, confirm: [fast]}}\n{more}", answer=answer, cases=through_b)


def test_a_confirmation_of_fewer_suites_says_what_it_confirms(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    of_fewer_suites(stack)
    run = stack.loop("run", "--env", "local", env={"COLUMNS": "200"})
    assert run.returncode == 0, run.stdout + run.stderr
    said = "6/6 (100%) meets pass rate >= 100%, confirmed by fast 1/1"
    assert f"goal met - {said}." in run.stdout
    assert f"goal met: {said}" in stack.report(2, 1)
    confirmation = stack.record(2, 1)["judgement"]
    assert (confirmation["raw"]["counted"], confirmation["comparison"]["tests_changed"]) == (1, False)
    (row,) = [line for line in stack.loop("history").stdout.splitlines() if line.startswith("local-2 ")]
    assert "6/6 100%" in row
    stack.loop("run", "--env", "local")
    assert stack.record(3, 0)["trend"][-1]["rate"]["counted"] == 6


def test_a_fix_after_a_red_confirmation_of_fewer_suites_can_not_weaken_the_others(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    stack.write("fix.py", SKIPS)
    of_fewer_suites(stack, answer="wrong", more=f"fix: {{command: {sys.executable} fix.py}}\n")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stdout + run.stderr
    fixed = stack.record(2, 2)["judgement"]
    assert fixed["weakened"] == ["slow::slow/test_slow.py::test_two"]
    assert [each["id"].rpartition("::")[2] for each in fixed["comparison"]["fixed"]] == ["test_b_reaches_what_is_right"]


def test_a_red_run_puts_back_what_it_found_where_that_is_wanted(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, "traffic: {on_failure: restore}\n", answer="wrong")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stdout + run.stderr
    assert cloud.both() == before
    assert "the run did not meet its goal (on_failure: restore)" in stack.report(2, 0)


def test_a_red_run_keeps_its_traffic_and_rolls_back_by_command(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, "", answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1
    assert cloud.both() == revisions_of(stack.record(2, 0))
    assert "`loop rollback local-2`" in stack.report(2, 0)
    stack.write("configs/local.yaml", "broken: [\n")
    back = stack.loop("rollback", "local-2")
    assert back.returncode == 0, back.stdout + back.stderr
    assert cloud.both() == before
    assert "asked for with loop rollback" in stack.report(2, 0)
    again = stack.loop("rollback", "local-2")
    assert (again.returncode, "local-2 was rolled back already" in again.stdout) == (0, True), again.stderr
    first = stack.loop("rollback", "local-1")
    assert (first.returncode, "nothing served before local-1" in first.stderr) == (2, True), first.stderr
    assert "local-2 (on the embedded emulator): waiting for a commit, rolled back." in back.stdout
    assert "Next: loop run --env local" in back.stdout
    assert "loop resume" not in back.stdout + back.stderr + again.stdout + stack.report(2, 0)
    assert "**Put back** to the split that the run found" in stack.report(2, 0), "what was told once stays told"
    resumed = stack.loop("resume", "local-2")
    assert resumed.returncode == 2
    assert "local-2 was rolled back: nothing can go on from it" in resumed.stderr
    assert "rolled back" in stack.loop("history", env={"COLUMNS": "120"}).stdout


def test_what_somebody_else_moved_since_is_named_and_left_alone(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, "", answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1

    def deploy(found: run_v2.Service) -> None:
        found.template.revision = "b-of-a-colleague"
        found.template.containers[0].env = [run_v2.EnvVar(name="GREETING", value="hi")]
        found.traffic = [run_v2.TrafficTarget(type_=2, revision="b-of-a-colleague", percent=100)]

    cloud.update("b", deploy)
    back = stack.loop("rollback", "--env", "local")
    assert back.returncode == 3, back.stdout + back.stderr
    assert cloud.split("a") == before["a"]
    assert cloud.split("b") == {"b-of-a-colleague": 100}
    assert "waiting for a commit, roll back in part: b left alone." in " ".join(back.stdout.split())
    assert "to try the roll back again: loop rollback local-2" in back.stdout
    assert "Serving: b" not in back.stdout
    assert "**b** was left alone: b serves b-of-a-colleague 100%, which somebody else decided" in stack.report(2, 0)


def test_what_a_run_made_and_who_gave_it_traffic_are_not_taken_for_the_same(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, "", answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1
    (old,), (new,) = before["b"], cloud.split("b")
    half = [run_v2.TrafficTarget(type_=2, revision=each, percent=50) for each in (old, new)]
    cloud.update("b", lambda found: setattr(found, "traffic", half))
    back = stack.loop("rollback", "--env", "local", env={"COLUMNS": "200"})
    assert back.returncode == 3, back.stdout + back.stderr
    uid = old.split("-")[1].removeprefix("l")
    made = f"made by run {uid} of loop and this run; who gave the traffic there is not known"
    said = f"b serves {old} 50%, {new} 50%, {made}"
    assert f"Left alone: b, {said}" in " ".join(back.stdout.split())
    status = " ".join(stack.loop("status", env={"COLUMNS": "200"}).stdout.split())
    assert f"Left alone: b, {said}" in status
    assert f"100% {new}" not in status


def test_a_promotion_that_somebody_forestalled_is_not_said_to_stay_where_it_never_was(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, "traffic: {strategy: candidate, promote: manual}\n")
    assert stack.loop("run", "--env", "local").returncode == 0

    def deploy(found: run_v2.Service) -> None:
        found.template.revision = "a-of-a-colleague"
        found.template.containers[0].env = [run_v2.EnvVar(name="GREETING", value="hi")]
        found.traffic = [run_v2.TrafficTarget(type_=2, revision="a-of-a-colleague", percent=100)]

    cloud.update("a", deploy)
    promoted = stack.loop("promote", "local-2")
    assert promoted.returncode == 3, promoted.stdout + promoted.stderr
    assert "promotion failed at a: a serves a-of-a-colleague 100%, which somebody else decided" in promoted.stderr
    assert "could not be put back" not in promoted.stdout + promoted.stderr + stack.report(2, 0)
    assert (cloud.split("a"), cloud.split("b")) == ({"a-of-a-colleague": 100}, before["b"])


MEANWHILE = f"""
import pathlib, grpc
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

def test_c_somebody_else_is_at_work():
    where = pathlib.Path.cwd().parents[1] / 'emulator' / 'endpoints.json'
    channel = grpc.insecure_channel(json.loads(where.read_text())['grpc'])
    services = run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))
    found = services.get_service(name='{SERVICES}a')
    found.template.revision = ''
{{}}    services.update_service(service=found).result(timeout=30)
"""


def test_a_colleague_who_moves_traffic_beside_a_candidate_is_named_and_not_overwritten(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, CANDIDATE)
    first = stack.record(1, 0)["services"]["a"]["revision"]
    assert before["a"] == {first: 100}
    splits = (
        "    new = next(t.revision for t in found.traffic if t.tag)\n"
        "    found.traffic = [run_v2.TrafficTarget(type_=2, revision=r, percent=50, tag=t)"
        f" for r, t in (('{first}', ''), (new, next(t.tag for t in found.traffic if t.tag)))]\n"
    )
    stack.write("tests/test_smoke.py", stack.read("tests/test_smoke.py") + MEANWHILE.format(splits))
    stack.commit("A colleague splits the traffic meanwhile")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 4, run.stdout + run.stderr
    assert [p["kind"] for p in stack.record(2, 0)["judgement"]["problems"]] == ["contaminated"]
    assert "went to" in stack.report(2, 0)
    assert sorted(cloud.split("a").values()) == [50, 50]


def test_a_tag_that_somebody_took_away_is_named_and_not_waited_for(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, f"{CANDIDATE}evidence: {{wait: 10m}}\n")
    drops = "    found.traffic = [t for t in found.traffic if not t.tag]\n"
    stack.write("tests/test_smoke.py", stack.read("tests/test_smoke.py") + MEANWHILE.format(drops))
    stack.commit("A colleague tidies up meanwhile")
    run = stack.loop("run", "--env", "local")  # 240 s are allowed to it, ten minutes to a log
    assert run.returncode == 4, run.stdout + run.stderr
    tag = stack.record(2, 0)["services"]["a"]["tag"]
    assert f"behind the tag {tag} of a is nothing" in stack.report(2, 0)
    assert f"the tag {tag} of a is gone" in stack.report(2, 0)
    assert cloud.both() == before


def test_a_fix_of_the_tests_alone_tests_the_same_candidate_again(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + "fix: {command: python3 fix.py}\n")
    stack.write(
        "fix.py",
        "import pathlib, subprocess\n"
        "file = pathlib.Path('tests/test_smoke.py')\n"
        "file.write_text(file.read_text().replace('== \"left\"', '== \"right\"'))\n"
        "subprocess.run(['git', 'commit', '-qam', 'Expect what is right'], check=True)\n",
    )
    wrong = stack.read("tests/test_smoke.py").replace('== "right"', '== "left"')
    changed(stack, CANDIDATE, cases=wrong)
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    first, second = stack.record(2, 0), stack.record(2, 1)
    assert {n: s["revision"] for n, s in first["services"].items()} == {
        n: s["revision"] for n, s in second["services"].items()
    }
    assert "1 fixed (tests)" in stack.report(2, 1)
    assert second["traffic"]["promotion"]["services"] == ["a", "b"]


def test_a_run_is_refused_where_a_later_holder_wrote_before_it(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    scope, _, number = cloud.read("a").annotations["loop-fence"].partition(":")
    assert number.isdecimal()
    cloud.update("a", lambda found: found.annotations.update({"loop-fence": f"{scope}:9999"}))
    changed(stack, "")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 3, run.stdout + run.stderr
    assert f"a later run took over a: loop-fence is {scope}:9999" in run.stdout + run.stderr
    assert cloud.both() == before


def test_a_journal_that_begins_anew_is_not_taken_for_one_that_was_overtaken(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    for file in (stack.root / ".loop").glob("journal.db*"):
        file.unlink()
    cloud.update("a", lambda found: found.annotations.update({"loop-fence": "0123456789ab:9999"}))
    changed(stack, "")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    assert cloud.both() != before


def test_old_candidates_are_pruned_and_what_serves_or_is_needed_stays(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, CANDIDATE, answer="wrong")
    for note in ("one", "two", "three"):
        stack.write("services/a/note.txt", note)
        stack.commit(note)
        assert stack.loop("run", "--env", "local").returncode == 1
    tags = cloud.tags("a")
    assert len(tags) == 3
    said = stack.loop("prune", "--env", "local", "--keep", "1", "--dry-run")
    assert "would go" in said.stdout, said.stderr
    assert cloud.tags("a") == tags
    pruned = stack.loop("prune", "--env", "local", "--keep", "1")
    assert (pruned.returncode, "removed" in pruned.stdout) == (0, True), pruned.stderr
    newest = stack.record(4, 0)["services"]["a"]
    assert cloud.tags("a") == {newest["tag"]: newest["revision"]}
    assert cloud.both() == before
    assert "nothing to remove" in stack.loop("prune", "--env", "local", "--keep", "1").stdout


def test_a_revision_that_somebody_else_made_of_ours_is_not_pruned(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    env = run_v2.EnvVar(name="GREETING", value="hi")
    cloud.update("a", lambda found: found.template.containers[0].env.append(env))
    theirs = cloud.read("a").latest_created_revision
    for note in ("one", "two"):
        stack.write("services/a/note.txt", note)
        stack.commit(note)
        assert stack.loop("run", "--env", "local").returncode == 0
    pruned = stack.loop("prune", "--env", "local", "--keep", "1")
    assert next(iter(before["a"])) in pruned.stdout, "ours of the first run is old"
    assert cloud.has(theirs)


def test_a_run_that_another_one_followed_is_not_gone_on_with(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, "", answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1
    assert stack.loop("run", "--env", "local").returncode == 1
    resumed = stack.loop("resume", "local-2")
    assert resumed.returncode == 2
    assert "local-3 came after local-2" in resumed.stderr
    promoted = stack.loop("promote", "local-2")
    assert (promoted.returncode, "local-3 came after local-2" in promoted.stderr) == (2, True), promoted.stderr


def test_a_revision_that_took_over_our_labels_is_not_taken_for_ours(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    def patch(found: run_v2.Service) -> None:
        found.template.revision = "a-patched"
        found.template.containers[0].env.append(run_v2.EnvVar(name="ANSWER", value="right"))
        found.traffic = [run_v2.TrafficTarget(type_=2, revision="a-patched", percent=100)]

    cloud.update("a", patch)
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "revision a-patched was not deployed by loop" in run.stderr
    assert cloud.split("a") == {stack.record(2, 0)["services"]["a"]["revision"]: 100}
    assert "a-patched" not in cloud.split("a")


def test_a_split_whose_revision_is_gone_is_said_to_be_gone(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    changed(stack, "", answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1
    (old,) = before["a"]
    cloud.revisions.delete_revision(name=f"{SERVICES}a/revisions/{old}").result(timeout=30)
    back = stack.loop("rollback", "--env", "local")
    assert back.returncode == 3, back.stdout + back.stderr
    assert cloud.split("b") == before["b"]
    assert f"**a** was left alone: {old} is no longer there" in stack.report(2, 0)


def test_a_plan_shows_a_split_and_what_changed_since(
    stack: Any, cloud: Cloud, before: dict[str, dict[str, int]]
) -> None:
    stack.write("services/a/note.txt", "another build\n")
    stack.commit("Another build of a")
    (first,) = before["a"]
    cloud.update("a", lambda found: found.template.labels.clear())
    second = cloud.read("a").latest_ready_revision.rpartition("/")[2]
    targets = [run_v2.TrafficTarget(type_=2, revision=name, percent=p) for name, p in ((first, 70), (second, 30))]
    cloud.update("a", lambda found: setattr(found, "traffic", targets))
    planned = stack.loop("plan", "--env", "local")
    assert planned.returncode == 0, planned.stderr
    assert re.search(r"^a +2 revisions +\w+ +build and deploy", planned.stdout, re.M), planned.stdout
    told = " ".join(planned.stdout.split())
    assert f"a: serves {first} 70%, {second} 30%" in told
    assert f"- source changed since {first}: loop-digest" in told
    assert f"- source changed since {second}: loop-digest none ->" in told
