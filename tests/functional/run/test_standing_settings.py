"""What holds for a service whatever revision serves: a candidate leaves it as it is, a promotion brings it, and it goes
back with the split. Each through the real command line, each setting asked of the platform with Google's own client.
"""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from loop import emulator

SERVICE = "projects/local/locations/emulator/services/a"
ALL, INTERNAL = run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL, run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY
CANDIDATE = "traffic: candidate\n"
WISH = "ingress: internal, min_instances: 1, labels: {team: red}, access: private"
CALLER = """
import json, os, urllib.request

def ask(service, path):
    request = urllib.request.Request(os.environ["LOOP_URL_" + service] + path)
    if "LOOP_TOKEN_" + service in os.environ:
        request.add_header("Authorization", "Bearer " + os.environ["LOOP_TOKEN_" + service])
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)

def test_a_is_right():
    assert ask("A", "/health")["answer"] == "right"
"""


class Found:
    """The service as somebody sees it who is not loop."""

    def __init__(self, services: run_v2.ServicesClient) -> None:
        self.services = services

    def standing(self) -> dict[str, Any]:
        found = self.services.get_service(name=SERVICE)
        policy = self.services.get_iam_policy(request={"resource": SERVICE})
        return {
            "ingress": found.ingress,
            "least": found.scaling.min_instance_count,
            "labels": dict(found.labels),
            "ours": found.annotations.get("loop-settings", ""),
            "unchecked": found.invoker_iam_disabled,
            "everyone": any("allUsers" in b.members for b in policy.bindings if b.role == "roles/run.invoker"),
        }

    def split(self) -> dict[str, int]:
        return {t.revision: t.percent for t in self.services.get_service(name=SERVICE).traffic if t.percent}

    def change(self, *paths: str, **fields: Any) -> None:
        service = run_v2.Service(name=SERVICE, **fields)
        request = run_v2.UpdateServiceRequest(service=service, update_mask={"paths": list(paths or fields)})
        self.services.update_service(request).result(timeout=30)


@pytest.fixture
def found(stack: Any) -> Iterator[Found]:
    with emulator.attach(stack.root / ".loop" / "emulator") as attached:
        channel = grpc.insecure_channel(attached.endpoints.grpc, options=[("grpc.enable_http_proxy", 0)])
        with channel:
            yield Found(run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel)))


@pytest.fixture
def before(stack: Any, found: Found) -> tuple[dict[str, Any], dict[str, int]]:
    """A green run of a public service; what holds for it, and its split. Its labels are its owner's."""
    stack.without_fixer()
    stack.write("services/a/answer.txt", "right\n")
    stack.write("tests/test_smoke.py", CALLER)
    stack.configure("{source: services/a, health: /health}", "{source: services/a, health: /health, access: public}")
    stack.commit("All green")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    found.change(labels={"owner": "ann"})
    return found.standing(), found.split()


def changed(stack: Any, traffic: str, *, answer: str = "right", cases: str = "") -> None:
    stack.write("configs/local.yaml", stack.read("configs/local.yaml").replace("access: public", WISH) + traffic)
    stack.write("services/a/answer.txt", f"{answer}\n")
    stack.write("tests/test_smoke.py", CALLER + cases)
    stack.commit("Settings of the service itself")


AS_WISHED = {
    "ingress": INTERNAL, "least": 1, "labels": {"owner": "ann", "team": "red"},
    "ours": "ingress,labels.team,scaling.minInstanceCount", "unchecked": False, "everyone": False,
}  # fmt: skip
Before = tuple[dict[str, Any], dict[str, int]]


def test_a_candidate_that_fails_leaves_what_holds_for_the_service_as_it_was(
    stack: Any, found: Found, before: Before
) -> None:
    changed(stack, CANDIDATE, answer="wrong")
    planned = stack.loop("plan", "--env", "local", env={"COLUMNS": "200"}).stdout
    for sentence in ("ingress: all -> internal", "min_instances: not set -> 1", "access: public -> private"):
        assert f"{sentence}, with the promotion" in planned
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stdout + run.stderr
    assert (found.standing(), found.split()) == before
    assert "ingress: all -> internal, with the promotion" in stack.record(2, 0)["services"]["a"]["differs"]


def test_a_promotion_brings_them_in_the_same_update_as_the_traffic(stack: Any, found: Found, before: Before) -> None:
    changed(stack, CANDIDATE)
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    assert found.standing() == AS_WISHED
    assert found.split() == {stack.record(2, 0)["services"]["a"]["revision"]: 100} != before[1]
    assert "**a**, with the traffic: " in stack.report(2, 0)
    assert stack.loop("plan", "--env", "local").stdout.count("are as wanted") == 2
    back = stack.loop("rollback", "--env", "local")
    assert back.returncode == 0, back.stdout + back.stderr
    assert (found.standing(), found.split()) == before
    assert "ingress: internal -> all" in back.stderr
    assert "ingress: internal -> all" in stack.report(2, 1)


def test_a_promotion_that_is_not_confirmed_takes_them_back(stack: Any, found: Found, before: Before) -> None:
    changed(stack, CANDIDATE, cases='\ndef test_with_everyone():\n    assert "LOOP_TOKEN_A" not in os.environ\n')
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stdout + run.stderr
    assert stack.record(2, 0)["judgement"]["verdict"] == "passed", "the candidate is called as it can be called now"
    assert stack.record(2, 1)["judgement"]["verdict"] == "failed"
    assert (found.standing(), found.split()) == before


def test_a_candidate_of_what_becomes_public_is_called_with_a_token_until_then(stack: Any, found: Found) -> None:
    stack.without_fixer()
    stack.write("services/a/answer.txt", "right\n")
    stack.write("tests/test_smoke.py", CALLER)
    stack.configure("{source: services/a, health: /health}", "{source: services/a, health: /health, access: private}")
    stack.commit("Private")
    assert stack.loop("run", "--env", "local").returncode == 0
    stack.write("configs/local.yaml", stack.read("configs/local.yaml").replace("private", "public") + CANDIDATE)
    stack.commit("Public")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    assert found.standing()["everyone"]


@pytest.mark.parametrize("how", ["on_failure: restore", "rollback"])
def test_direct_deployments_take_them_back_too(stack: Any, found: Found, before: Before, how: str) -> None:
    changed(stack, "" if how == "rollback" else f"traffic: {{{how}}}\n", answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1
    if how == "rollback":
        assert found.standing() == AS_WISHED
        assert stack.loop("rollback", "--env", "local").returncode == 0
    assert (found.standing(), found.split()) == before


def test_a_direct_deployment_that_does_not_start_takes_them_back_too(stack: Any, found: Found, before: Before) -> None:
    (stack.root / "services/a/answer.txt").unlink()
    stack.write("services/a/app.py", "raise SystemExit(1)\n")
    stack.configure("access: public", WISH)
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + "traffic: {on_failure: restore}\n")
    stack.commit("Does not start")
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stdout + run.stderr
    assert (found.standing(), found.split()) == before
    assert "a: its own settings went back too: " in run.stderr


def test_what_somebody_else_changed_since_is_named_and_stays(stack: Any, found: Found, before: Before) -> None:
    changed(stack, "", answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1
    found.change(ingress=run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER)
    back = stack.loop("rollback", "--env", "local")
    assert back.returncode == 3, back.stdout + back.stderr
    left = {**before[0], "ingress": run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER}
    assert (found.standing(), found.split()) == (left, before[1])
    stays = "changed since, and it stays: ingress: internal-and-cloud-load-balancing"
    assert stays in stack.report(2, 0)
    assert stays in " ".join(back.stdout.split()), "which is why the exit code is 3"
