"""The platform on a bad day, through the real command line: what a run survives, and what stops it with which words."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud.run_v2 import ServicesClient
from google.cloud.run_v2 import types as run
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, PreconditionFailure, RetryInfo

_spec = importlib.util.spec_from_file_location("loop_faulty_proxy", Path(__file__).with_name("faulty.py"))
faulty = importlib.util.module_from_spec(_spec)
sys.modules["loop_faulty_proxy"] = faulty
_spec.loader.exec_module(faulty)
Fault, UNAVAILABLE = faulty.Fault, faulty.UNAVAILABLE
MADE = ("CreateService", "UpdateService", "CreateBuild", "SetIamPolicy")


@pytest.fixture
def faults(stack: Any, tmp_path: Path) -> Iterator[Any]:
    """The tiny stack, green and without a fixer, on an emulator behind a proxy; `.fault` says what goes wrong."""
    stack.write("services/a/answer.txt", "right\n")
    stack.without_fixer()
    stack.commit("Green")
    with faulty.in_front(stack.root, tmp_path / "emulator") as proxy:
        proxy.stack = stack
        yield proxy


def green(faults: Any) -> None:
    ended = faults.stack.loop("run", "--env", "local")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def stopped(faults: Any, *said: str) -> str:
    """Exit code 3; the words in the terminal and in the report. The report."""
    ended = faults.stack.loop("run", "--env", "local")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    report = faults.stack.report(1, 0)
    for words in said:
        assert words in " ".join((ended.stdout + ended.stderr).split()), ended.stdout + ended.stderr
        assert words in report, report
    return str(report)


def denied(permission: str, resource: str = "projects/local") -> Any:
    metadata = {"permission": permission, "resource": resource}
    info = ErrorInfo(reason="IAM_PERMISSION_DENIED", domain="iam.googleapis.com", metadata=metadata)
    return Fault(grpc.StatusCode.PERMISSION_DENIED, "no", (info,))


def test_a_burst_of_unavailable_at_every_method_is_survived(faults: Any) -> None:
    faults.fault = lambda _method, number, _: Fault(UNAVAILABLE) if number in (1, 2, 4) else None
    green(faults)
    assert {"GetService", "CreateService", "ListBuilds", "CreateBuild", "GetBuild"} <= set(faults.faults)
    assert sum(faults.faults.values()) >= 12


def test_answers_that_get_lost_after_their_effect_make_nothing_twice(faults: Any) -> None:
    lost = Fault(UNAVAILABLE, after=True)
    faults.fault = lambda method, number, _: lost if method in MADE and number <= 2 else None
    green(faults)
    assert faults.faults["CreateService"] == 2
    revisions = faults.channel.unary_unary(
        "/google.cloud.run.v2.Revisions/ListRevisions",
        request_serializer=run.ListRevisionsRequest.serialize,
        response_deserializer=run.ListRevisionsResponse.deserialize,
    )(run.ListRevisionsRequest(parent="projects/local/locations/emulator/services/-"))
    assert sorted(r.name.rpartition("/")[2].partition("-")[0] for r in revisions.revisions) == ["a", "b"]


def test_a_quota_is_waited_for_as_long_as_the_platform_asks(faults: Any) -> None:
    asked = RetryInfo(retry_delay=Duration(nanos=300_000_000))
    full = Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", (asked,))
    faults.fault = lambda method, number, _: full if method in (*MADE, "ListLogEntries") and number == 1 else None
    green(faults)
    assert set(faults.faults) >= {"CreateService", "CreateBuild"}


def test_a_second_writer_is_survived_and_its_change_is_kept(faults: Any) -> None:
    """Someone labels each service between our read and our write: the real etag refuses us, and we read again."""
    green(faults)
    faults.stack.write("services/a/answer.txt", "right \n")
    faults.stack.write("services/b/answer.txt", "right \n")
    faults.stack.commit("Another revision")
    services = _Services(faults.channel)

    def meddle(method: str, number: int, request: bytes) -> None:
        if method == "UpdateService" and number <= 2:
            services.label(run.UpdateServiceRequest.deserialize(request).service.name)

    faults.fault = meddle
    faults.calls.clear()
    green(faults)
    assert faults.calls["UpdateService"] >= 3
    assert {services.get(name).labels["colleague"] for name in services.labelled} == {"was-here"}


class _Services:
    """A colleague, past the proxy."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.labelled: set[str] = set()
        path = "/google.cloud.run.v2.Services/"
        self._get = channel.unary_unary(path + "GetService", run.GetServiceRequest.serialize, run.Service.deserialize)
        self._update = channel.unary_unary(path + "UpdateService", run.UpdateServiceRequest.serialize, bytes)

    def get(self, name: str) -> run.Service:
        return self._get(run.GetServiceRequest(name=name))

    def label(self, name: str) -> None:
        service = self.get(name)
        service.labels["colleague"] = "was-here"
        self._update(run.UpdateServiceRequest(service=service, update_mask={"paths": ["labels"]}))
        self.labelled.add(name)


@pytest.mark.parametrize(
    ("method", "permission"),
    [
        ("GetService", "run.services.get"),
        pytest.param("ListBuilds", "cloudbuild.builds.list", marks=pytest.mark.full),
        pytest.param("CreateBuild", "cloudbuild.builds.create", marks=pytest.mark.full),
        ("CreateService", "run.services.create"),
        pytest.param("GetRevision", "run.revisions.get", marks=pytest.mark.full),
    ],
)
def test_a_missing_permission_stops_the_run_with_its_name(faults: Any, method: str, permission: str) -> None:
    faults.fault = lambda called, _number, _request: denied(permission) if called == method else None
    report = stopped(faults, f"{permission} is missing", "loop resume")
    assert "this iteration was not judged" in report
    faults.fault = lambda *_: None
    resumed = faults.stack.loop("resume", "--env", "local")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr


def test_access_that_an_organisation_forbids_is_said_so(faults: Any) -> None:
    faults.stack.write("tests/test_smoke.py", "def test_fine():\n    pass\n")
    faults.stack.configure("services/a, health", "services/a, access: private, health")
    faults.stack.commit("Private")
    green(faults)
    faults.stack.configure("access: private", "access: public")
    faults.stack.commit("Public")
    violation = PreconditionFailure.Violation(type="constraints/iam.allowedPolicyMemberDomains", subject="x")
    forbidden = Fault(grpc.StatusCode.FAILED_PRECONDITION, "no", (PreconditionFailure(violations=[violation]),))
    faults.fault = lambda method, *_: forbidden if method == "SetIamPolicy" else None
    ended = faults.stack.loop("run", "--env", "local")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "constraints/iam.allowedPolicyMemberDomains forbids it" in " ".join(ended.stdout.split())


def test_a_service_is_closed_before_its_next_revision_serves_though_someone_else_changes_the_policy(
    faults: Any,
) -> None:
    faults.stack.write("tests/test_smoke.py", "def test_fine():\n    pass\n")
    faults.stack.commit("One case")
    green(faults)
    faults.stack.configure("services/a, health", "services/a, access: private, health")
    faults.stack.commit("Private")
    aborted = Fault(grpc.StatusCode.ABORTED, "concurrent policy changes")
    written: list[int] = []

    def meddle(method: str, number: int, _request: bytes) -> Any:
        if method == "UpdateService":
            written.append(faults.calls["SetIamPolicy"])
        return aborted if method == "SetIamPolicy" and number <= 2 else None

    faults.fault = meddle
    green(faults)
    assert written == [3]


def test_a_caller_who_may_not_call_the_private_service_is_told_the_permission(faults: Any) -> None:
    """Its refusal is the operator's to mend, not a defect of the service: no fixer is asked."""
    health = "{path: /no, within: 1s}"
    faults.stack.configure("services/a, health: /health", f"services/a, access: private, health: {health}")
    app = faults.stack.read("services/a/app.py")
    app = app.replace("send_response(200)", 'send_response(403 if self.path == "/no" else 200)')
    faults.stack.write("services/a/app.py", app)
    faults.stack.commit("Private")
    nothing = Fault(grpc.StatusCode.OK, answer=b"")
    faults.fault = lambda method, *_: nothing if method == "TestIamPermissions" else None
    stopped(faults, "run.routes.invoke is missing", "add-iam-policy-binding a")


def splits(faults: Any) -> dict[str, dict[str, int]]:
    """Asked of the emulator itself, behind the proxy."""
    client = ServicesClient(transport=ServicesGrpcTransport(channel=faults.channel))
    found = client.list_services(parent="projects/local/locations/emulator")
    return {s.name.rpartition("/")[2]: {t.revision: t.percent for t in s.traffic if t.percent} for s in found}


def three_services(stack: Any) -> None:
    for name in ("app.py", "answer.txt", "Procfile"):
        stack.write(f"services/c/{name}", stack.read(f"services/a/{name}"))
    stack.configure("services:\n", "services:\n  c: {source: services/c, health: /health}\n")
    stack.commit("A third service")


def test_a_refused_setting_is_corrected_in_a_new_run_for_a_resumed_one_keeps_it(faults: Any) -> None:
    stack = faults.stack
    wrong = "env: {WRONG: x}}"
    stack.configure("services/a, health: /health}", f"services/a, health: /health, {wrong}")
    stack.commit("A setting that the platform refuses")

    def refused(method: str, _number: int, request: bytes) -> Any:
        bad = method == "CreateService" and b"WRONG" in request
        return Fault(grpc.StatusCode.INVALID_ARGUMENT, "no such setting") if bad else None

    faults.fault = refused
    report = stopped(faults, "no such setting", "loop run --env local")
    assert "goes on with" not in report
    stack.configure(wrong, "env: {RIGHT: x}}")
    stack.commit("Corrected")
    again = stack.loop("resume", "--env", "local")
    assert (again.returncode, "no such setting" in again.stdout) == (3, True), again.stdout + again.stderr
    said = "To mend it: correct the configuration and commit it, then: loop run --env local"
    assert said in again.stdout
    assert "loop resume" not in again.stdout
    assert said in stack.loop("status", "--env", "local").stdout
    green(faults)


def test_a_promotion_that_fails_halfway_is_undone_and_tried_again_by_resume(faults: Any) -> None:
    stack = faults.stack
    three_services(stack)
    green(faults)
    before = splits(faults)
    assert sorted(before) == ["a", "b", "c"]
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + "traffic: candidate\n")
    for name in before:
        stack.write(f"services/{name}/note.txt", "another build\n")
    stack.configure("c: {source: services/c,", "c: {source: services/c, ingress: internal,")
    stack.commit("All three change")

    def not_b(method: str, _number: int, request: bytes) -> Any:
        if method != "UpdateService":
            return None
        asked = run.UpdateServiceRequest.deserialize(request)
        paths = asked.update_mask.paths
        moves = "traffic" in paths and "template" not in paths and asked.service.name.endswith("/b")
        return denied("run.services.update", "services/b") if moves else None

    faults.fault = not_b
    ended = stack.loop("run", "--env", "local")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert faults.faults["UpdateService"], "the promotion of b was refused"
    assert splits(faults) == before
    report = stack.report(2, 0)
    assert "**Promotion failed** at b" in report
    assert "run.services.update is missing" in report
    undone = stack.record(2, 0)["traffic"]["undone"]
    assert (sorted(undone["restored"]), undone["left"]) == (["a", "c"], {})
    assert undone["settings"] == {"c": ["ingress: internal -> all"]}
    assert "**c**: its own settings went back too: ingress: internal -> all" in report

    faults.fault = lambda *_: None
    resumed = stack.loop("resume", "--env", "local")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    services = stack.record(2, 1)["services"]
    assert splits(faults) == {name: {services[name]["revision"]: 100} for name in before}
    assert stack.record(2, 1)["traffic"]["confirms"] == 0
