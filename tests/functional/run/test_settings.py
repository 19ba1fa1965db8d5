"""Settings, builds of one's own and services of others, through the real command line on the emulator."""

import json
import re
from typing import Any

CLOUDBUILD = """
steps:
- name: gcr.io/k8s-skaffold/pack
  entrypoint: pack
  args: [build, $_IMAGE, --builder, $_BUILDER]
images: [$_IMAGE]
"""


def test_what_differs_is_planned_deployed_reported_and_then_unchanged(stack: Any) -> None:
    stack.write("services/a/answer.txt", "right\n")
    stack.configure("a: {source: services/a,", "a: {source: services/a, env: {MODE: hunter2, GONE: x}, memory: 512Mi,")
    stack.commit("Settings")
    assert stack.loop("run", "--env", "local").returncode == 0
    stack.configure(
        "env: {MODE: hunter2, GONE: x}, memory: 512Mi,", "env: {MODE: hunter3}, memory: 1Gi, concurrency: 8,"
    )
    stack.commit("Other settings")
    planned = stack.loop("plan", "--env", "local")
    assert planned.returncode == 0, planned.stderr
    sentences = [
        "environment variable GONE is no longer wanted",
        "environment variable MODE has another value",
        "memory: 512Mi -> 1Gi",
        "concurrency: 80 -> 8",
    ]
    assert re.findall(r"^  - (.*)$", planned.stdout, re.MULTILINE) == sentences
    assert re.search(r"^a: serves commit \w+, digest \w+\n  wanted commit \w+, digest \w+$", planned.stdout, re.M)
    assert "hunter" not in planned.stdout
    ran = stack.loop("run", "--env", "local")
    assert ran.returncode == 0, ran.stderr
    assert "a: to be deployed, environment variable GONE is no longer wanted (and 3 more)" in ran.stderr
    assert stack.record(2, 0)["services"]["a"]["differs"] == sentences
    assert f"- **a** differed: {'; '.join(sentences)}" in stack.report(2, 0)
    assert stack.loop("plan", "--env", "local").stdout.count("settings and traffic are as wanted") == 2


def test_what_changed_in_the_template_or_left_it_is_planned_and_deployed(stack: Any) -> None:
    stack.write("services/a/answer.txt", "right\n")
    before = "template: {annotations: {my-note: tok-1}, containers: [{env: [{name: PASSWORD, value: hunter2}]}]},"
    stack.configure("a: {source: services/a,", f"a: {{source: services/a, {before}")
    stack.commit("A template")
    assert stack.loop("run", "--env", "local").returncode == 0
    stack.configure(before, "template: {annotations: {my-note: tok-2}},")
    stack.commit("Another template")
    sentences = ["environment variable PASSWORD is no longer wanted", "annotations.my-note: tok-1 -> tok-2"]
    planned = stack.loop("plan", "--env", "local").stdout
    assert re.findall(r"^  - (.*)$", planned, re.MULTILINE) == sentences
    assert "hunter" not in planned
    assert stack.loop("run", "--env", "local").returncode == 0
    assert stack.record(2, 0)["services"]["a"]["differs"] == sentences
    assert stack.loop("plan", "--env", "local").stdout.count("settings and traffic are as wanted") == 2


def test_a_template_that_the_api_does_not_have_is_found_before_anything_is_done(stack: Any) -> None:
    stack.configure("a: {source: services/a,", "a: {source: services/a, template: {sesionAffinity: true},")
    for command in (("config", "check"), ("plan", "--env", "local"), ("run", "--env", "local")):
        refused = stack.loop(*command)
        assert refused.returncode == 2
        assert "configs/local.yaml:7: services.a.template.sesionAffinity: is no field of Cloud Run" in refused.stderr
        assert 'did you mean "sessionAffinity"?' in refused.stderr
    assert not list(stack.root.glob("reports/local/*"))


def own_build(stack: Any, config: str) -> None:
    stack.write("services/a/answer.txt", "right\n")
    stack.write("ci/a.yaml", config)
    stack.configure("a: {source: services/a,", "a: {source: services/a, cloudbuild: ci/a.yaml, "
                    "substitutions: {_BUILDER: gcr.io/buildpacks/builder},")  # fmt: skip
    stack.without_fixer()
    stack.commit("Our own build")


def test_the_users_own_build_is_part_of_what_names_the_content(stack: Any) -> None:
    own_build(stack, CLOUDBUILD)
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 0, run.stderr
    assert stack.loop("plan", "--env", "local").stdout.count("are as wanted") == 2
    stack.write("ci/a.yaml", CLOUDBUILD + "tags: [nightly]\n")
    stack.commit("Another build of the same source")
    planned = stack.loop("plan", "--env", "local").stdout
    assert "a: source changed: loop-digest" in planned
    assert planned.count("are as wanted") == 1


def test_a_build_file_that_pushes_another_image_fails_the_iteration_with_a_sentence(stack: Any) -> None:
    own_build(stack, CLOUDBUILD.replace("images: [$_IMAGE]", "images: [host/other]"))
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stderr
    sentence = "ci/a.yaml does not list $_IMAGE in images:, so the digest of what it pushes is not known"
    assert sentence in run.stderr
    assert sentence in stack.report(1, 0).replace("\\_", "_")
    assert stack.record(1, 0)["judgement"]["verdict"] == "failed"


def test_a_build_that_fails_shows_the_tail_of_its_log(stack: Any) -> None:
    stack.write("services/a/requirements.txt", "no-such-package-anywhere==99\n")
    stack.without_fixer()
    stack.commit("Does not build")
    run = stack.loop("run", "--env", "local", env={"PIP_NO_INDEX": "1"})
    assert run.returncode == 1, run.stderr
    assert "no-such-package-anywhere" in run.stderr
    assert "Last lines of the build's own log" in stack.report(1, 0)
    assert "no-such-package-anywhere" in stack.report(1, 0)


def test_an_image_whose_digest_is_not_known_is_deployed_as_given_and_said_so(stack: Any) -> None:
    stack.configure("a: {source: services/a,", "a: {image: '127.0.0.1:1/team/a:v1.2',")
    stack.without_fixer()
    stack.commit("An image by its tag")
    planned = stack.loop("plan", "--env", "local").stdout
    assert re.search(r"^a  +none  +127\.0\.0\.1:1/team/a:v1\.2  +deploy ", planned, re.M), planned
    run = stack.loop("run", "--env", "local")
    assert run.returncode == 1, run.stderr
    assert "a: image 127.0.0.1:1/team/a:v1.2 as given, for its digest is not known" in run.stderr
    assert "runs `127.0.0.1:1/team/a:v1.2` by its tag, whose digest was not known" in stack.report(1, 0)


def others(stack: Any) -> None:
    """A second environment that only looks at what the first deployed."""
    text = stack.read("configs/local.yaml").replace("environment: local", "environment: theirs")
    text = re.sub(r"^  a: .*$", "  a: {existing: true, health: /health}", text, flags=re.M)
    text = re.sub(r"^  b: .*$", "  b: {existing: true, after: [a], health: /health}", text, flags=re.M)
    stack.write("configs/theirs.yaml", text)
    stack.without_fixer()


def test_services_that_others_deploy_are_verified_and_tested_as_found(stack: Any) -> None:
    stack.write("services/a/answer.txt", "right\n")
    others(stack)
    stack.commit("Right, and a second environment")
    missing = stack.loop("run", "--env", "theirs")
    assert missing.returncode == 3
    assert "the service a does not exist" in missing.stderr or "the service b does not exist" in missing.stderr
    assert "existing:" in missing.stderr
    assert stack.loop("run", "--env", "local").returncode == 0
    planned = stack.loop("plan", "--env", "theirs")
    assert planned.stdout.count("others deploy it (existing: true); it is tested as found") == 2
    assert "build" not in planned.stdout.partition("One iteration")[0].replace("What will be done", "")
    run = stack.loop("run", "--env", "theirs", "--json")
    assert run.returncode == 0, run.stderr
    events = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    begun = {event["action"] for event in events if event["type"] == "ActionStarted"}
    assert not begun & {"BuildImage", "DeployRevision"}
    record = json.loads(next(stack.root.glob("reports/theirs/*/iteration-0.json")).read_text())
    assert record["judgement"]["verdict"] == "passed"
    assert {s["revision"] for s in record["services"].values()} == {
        s["revision"] for s in stack.record(1, 0)["services"].values()
    }


COLLEAGUE = """
import json, os, pathlib, urllib.request
import grpc
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

def test_answers():
    endpoints = json.loads((pathlib.Path.cwd().parents[1] / "emulator" / "endpoints.json").read_text())
    with urllib.request.urlopen(os.environ["LOOP_URL_A"] + "/health") as answer:
        serving = json.load(answer)["revision"]
    if os.environ["WHEN"] == "never":
        return
    with grpc.insecure_channel(endpoints["grpc"], options=[("grpc.enable_http_proxy", 0)]) as channel:
        services = run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))
        found = services.get_service(name="projects/local/locations/emulator/services/a")
        found.template.revision = "a-of-a-colleague"
        found.template.containers[0].env = [run_v2.EnvVar(name="GREETING", value="hi")]
        shares = json.loads(os.environ["SHARES"])
        found.traffic = [
            run_v2.TrafficTarget(type_=2, revision=name.replace("serving", serving), percent=percent)
            for name, percent in shares.items()
        ]
        services.update_service(service=found).result(timeout=30)
"""
ALL_NEW = '{"a-of-a-colleague": 100}'
HALF = '{"a-of-a-colleague": 50, "serving": 50}'


def test_a_service_of_others_that_moves_during_the_suite_or_is_split_makes_the_result_invalid(stack: Any) -> None:
    others(stack)
    stack.write("tests/test_smoke.py", COLLEAGUE)
    stack.commit("A suite that meets a colleague")
    assert stack.loop("run", "--env", "local", env={"WHEN": "never"}).returncode == 0
    moved = stack.loop("run", "--env", "theirs", env={"WHEN": "now", "SHARES": ALL_NEW})
    assert moved.returncode == 4, moved.stderr
    assert "contaminated" in moved.stdout + moved.stderr
    assert stack.loop("run", "--env", "theirs", env={"WHEN": "never"}).returncode == 0
    stack.write("tests/test_smoke.py", COLLEAGUE.replace("a-of-a-colleague", "a-of-another"))
    stack.commit("Another colleague")
    split = HALF.replace("a-of-a-colleague", "a-of-another")
    assert stack.loop("run", "--env", "theirs", env={"WHEN": "now", "SHARES": split}).returncode == 4
    unverified = stack.loop("run", "--env", "theirs", env={"WHEN": "never"})
    assert unverified.returncode == 4, unverified.stderr
    assert "its traffic is split, so that no result could be bound to one revision" in unverified.stderr
