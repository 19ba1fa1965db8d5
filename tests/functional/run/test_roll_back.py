"""A roll back that did not succeed, or only in part: nobody is told that it did, and the same command goes on with it.

Through the real command line; each split is asked of the emulator behind the proxy that refuses.
"""

import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.run_v2 import ServicesClient
from google.cloud.run_v2 import types as run
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from google.longrunning.operations_pb2 import Operation
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

_spec = importlib.util.spec_from_file_location("loop_faulty_proxy", Path(__file__).with_name("faulty.py"))
faulty = importlib.util.module_from_spec(_spec)
sys.modules["loop_faulty_proxy"] = faulty
_spec.loader.exec_module(faulty)

Splits = dict[str, dict[str, int]]
_INFO = ErrorInfo(reason="IAM_PERMISSION_DENIED", metadata={"permission": "run.services.update", "resource": "it"})
DENIED = faulty.Fault(grpc.StatusCode.PERMISSION_DENIED, "no", (_INFO,))
CRASH = "raise SystemExit('no port for me')\n"
SERVICES = "projects/local/locations/emulator/services/"


@pytest.fixture
def faults(stack: Any, tmp_path: Path) -> Iterator[Any]:
    """A run that met its goal, on an emulator behind a proxy; what it left is in `before`."""
    stack.write("services/a/answer.txt", "right\n")
    stack.without_fixer()
    stack.commit("Green")
    with faulty.in_front(stack.root, tmp_path / "emulator") as proxy:
        proxy.stack = stack
        proxy.client = ServicesClient(transport=ServicesGrpcTransport(channel=proxy.channel))
        first = stack.loop("run", "--env", "local")
        assert first.returncode == 0, first.stdout + first.stderr
        proxy.before = splits(proxy)
        yield proxy


def splits(faults: Any, *, asked: bool = False) -> Splits:
    """What serves; with `asked` what the specification asks for."""
    found = faults.client.list_services(parent=SERVICES.removesuffix("/services/"))
    return {
        s.name.rpartition("/")[2]: {
            t.revision: t.percent for t in (s.traffic if asked else s.traffic_statuses) if t.percent
        }
        for s in found
    }


def changed(stack: Any, traffic: str = "", *, answer: str = "right", cases: str = "") -> None:
    """Both services change; what a answers may change too."""
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + traffic)
    for service in ("a", "b"):
        stack.write(f"services/{service}/note.txt", "another build\n")
    stack.write("services/a/answer.txt", f"{answer}\n")
    stack.write("tests/test_smoke.py", cases or stack.read("tests/test_smoke.py"))
    stack.commit("Both change")


def refusing(*services: str) -> Callable[[str, int, bytes], Any]:
    """Changes of these services' traffic alone."""

    def fault(method: str, _number: int, request: bytes) -> Any:
        if method != "UpdateService":
            return None
        asked = run.UpdateServiceRequest.deserialize(request)
        moves = "traffic" in asked.update_mask.paths and asked.service.name.rpartition("/")[2] in services
        return DENIED if moves else None

    return fault


def told(stack: Any) -> str:
    """All that says where the newest run stands."""
    asked = (("status",), ("history",), ("show", "local-2"))
    return " ".join(" ".join(stack.loop(*each, env={"COLUMNS": "200"}).stdout for each in asked).split())


@pytest.mark.parametrize("refused", [("a", "b"), ("a",)], ids=["nothing moved", "one of two moved"])
def test_a_roll_back_that_is_refused_is_not_said_to_be_done_and_goes_on_later(
    faults: Any, refused: tuple[str, ...]
) -> None:
    stack, before = faults.stack, faults.before
    changed(stack)
    assert stack.loop("run", "--env", "local").returncode == 0
    new = splits(faults)
    faults.fault = refusing(*refused)
    back = stack.loop("rollback", "--env", "local", env={"COLUMNS": "200"})
    assert back.returncode == 3, back.stdout + back.stderr
    now = new if "b" in refused else {"a": new["a"], "b": before["b"]}
    assert splits(faults) == now
    said = back.stdout + back.stderr
    assert "goal met, roll back not finished" in back.stdout
    for name, split in now.items():
        assert f"Serving: {name}, 100% {next(iter(split))}\n" in back.stdout
    assert "Next: loop rollback local-2" in back.stdout
    everything = said + told(stack) + stack.report(2, 0) + stack.read("reports/index.md")
    assert "rolled back" not in everything
    assert "loop resume" not in everything
    assert "run.services.update is missing" in said
    resumed = stack.loop("resume", "--env", "local")
    assert resumed.returncode == 2, resumed.stdout + resumed.stderr
    assert "roll back not finished" in resumed.stderr
    assert "loop rollback local-2" in resumed.stderr

    faults.fault = lambda *_: None
    again = stack.loop("rollback", "--env", "local", env={"COLUMNS": "200"})
    assert again.returncode == 0, again.stdout + again.stderr
    assert splits(faults) == before
    assert "goal met, rolled back" in again.stdout
    assert "goal met, rolled back" in told(stack)
    assert "not finished" not in told(stack) + stack.report(2, 0)
    is_put_back(stack, before, again.stdout)
    assert "was rolled back" in stack.loop("resume", "--env", "local").stderr


def is_put_back(stack: Any, before: Splits, stdout: str) -> None:
    """Also what an attempt did that was broken off, and what the journal says that serves."""
    report = stack.report(2, 0)
    assert "Had that split still" not in report
    for name, split in before.items():
        (revision,) = split
        assert f"Put back (asked for with loop rollback): {name} to 100% {revision}\n" in stdout
        assert f"**{name}**: 100% {revision}" in report
        assert f"100% {revision}" in told(stack), "what `loop status` says of it"


def test_a_roll_back_that_was_killed_when_its_update_was_under_way_says_in_the_end_what_it_did(faults: Any) -> None:
    stack = faults.stack
    changed(stack)
    assert stack.loop("run", "--env", "local").returncode == 0
    started: list[Any] = []
    sent: list[str] = []

    def kill(method: str, _number: int, _request: bytes) -> Any:
        sent.extend([method] if method == "UpdateService" else [])
        if sent and method != "UpdateService":
            os.kill(started[0].pid, signal.SIGKILL)
        return None

    faults.fault = kill
    started.append(stack.start("rollback", "--env", "local"))
    started[0].communicate(timeout=60)
    faults.fault = lambda *_: None
    assert sent == ["UpdateService"]
    back = stack.loop("rollback", "--env", "local", env={"COLUMNS": "200"})
    assert back.returncode == 0, back.stdout + back.stderr
    assert splits(faults) == faults.before
    is_put_back(stack, faults.before, back.stdout)


def test_a_roll_back_that_is_killed_is_not_said_to_be_done(faults: Any) -> None:
    stack = faults.stack
    changed(stack, answer="wrong")
    assert stack.loop("run", "--env", "local").returncode == 1
    new = splits(faults)
    started: list[Any] = []

    def kill(method: str, _number: int, _request: bytes) -> Any:
        if method != "UpdateService":
            return None
        os.kill(started[0].pid, signal.SIGKILL)
        return DENIED

    faults.fault = kill
    started.append(stack.start("rollback", "--env", "local"))
    started[0].communicate(timeout=60)
    faults.fault = lambda *_: None
    assert splits(faults) == new
    assert "waiting for a commit, roll back not finished" in told(stack)
    assert "Next: loop rollback local-2" in told(stack)
    assert "rolled back" not in told(stack)
    ended = stack.loop("run", "--env", "local")
    assert "warning: local-2 is not rolled back" in ended.stderr
    assert "roll back not finished" in ended.stdout, "the table of iterations names the runs before"
    back = stack.loop("rollback", "local-2")
    assert back.returncode == 0, back.stdout + back.stderr
    assert splits(faults) == faults.before


def test_a_confirmation_that_fails_and_can_not_be_undone_says_what_serves(faults: Any) -> None:
    stack = faults.stack
    through_b = stack.read("tests/test_smoke.py").replace('ask("A", "/health")["answer"]', 'ask("B", "/via")["answer"]')
    changed(stack, "traffic: candidate\n", answer="other", cases=through_b)  # b sees it only when a's candidate serves

    def once_promoted(method: str, number: int, request: bytes) -> Any:
        return refusing("a", "b")(method, number, request) if splits(faults).keys() == promoted(faults) else None

    faults.fault = once_promoted
    ended = stack.loop("run", "--env", "local", env={"COLUMNS": "200"})
    assert ended.returncode == 3, ended.stdout + ended.stderr
    for name, split in splits(faults).items():
        assert split != faults.before[name]
        assert f"Serving: {name}, 100% {next(iter(split))}\n" in ended.stdout
    assert "Back to what served before: loop rollback local-2" in ended.stdout
    faults.fault = lambda *_: None
    assert stack.loop("rollback", "--env", "local").returncode == 0
    assert splits(faults) == faults.before


def promoted(faults: Any) -> set[str]:
    return {name for name, split in splits(faults).items() if split != faults.before[name]}


def test_a_revision_that_did_not_start_is_no_longer_asked_for(faults: Any) -> None:
    """Else whoever updates the service next is refused. What is read back outweighs the operation's error."""
    stack = faults.stack
    stack.write("services/a/app.py", CRASH)
    stack.commit("a crashes at start")
    complaint = Operation(done=True, error=Status(code=9, message="the latest revision is not ready"))
    asked_back: list[str] = []

    def complaining(method: str, number: int, request: bytes) -> Any:
        if refusing("a")(method, number, request):
            asked_back.append(method)
        waits = method == "WaitOperation" and bool(asked_back)
        return faulty.Fault(grpc.StatusCode.OK, answer=complaint.SerializeToString()) if waits else None

    faults.fault = complaining
    ended = stack.loop("run", "--env", "local")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    faults.fault = lambda *_: None
    assert asked_back == ["UpdateService"]
    assert "still asks for it" not in ended.stdout
    assert splits(faults) == splits(faults, asked=True) == faults.before
    colleague(faults, "a")
    assert stack.loop("prune", "--env", "local").returncode == 0


def colleague(faults: Any, service: str) -> None:
    """Somebody else updates the service, with Google's own client."""
    found = faults.client.get_service(name=SERVICES + service)
    found.labels["colleague"] = "was-here"
    faults.client.update_service(service=found, update_mask={"paths": ["labels"]}).result(timeout=30)


def test_a_dead_revision_that_stays_asked_for_is_said_so_and_taken_back_by_a_roll_back(faults: Any) -> None:
    stack = faults.stack
    stack.write("services/a/app.py", CRASH)
    stack.commit("a crashes at start")
    faults.fault = refusing("a", "b")
    ended = stack.loop("run", "--env", "local", env={"COLUMNS": "200"})
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "the service still asks for it" in ended.stdout
    assert "no port for me" in ended.stdout, "why it did not start is said all the same"
    faults.fault = lambda *_: None
    assert splits(faults) == faults.before != splits(faults, asked=True)
    with pytest.raises(GoogleAPICallError):
        colleague(faults, "a")
    back = stack.loop("rollback", "--env", "local")
    assert back.returncode == 0, back.stdout + back.stderr
    assert "a: put back to" in back.stderr
    assert splits(faults, asked=True) == faults.before
