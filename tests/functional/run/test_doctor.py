"""`loop doctor`: every fault in its own line with what mends it, and nothing changed by looking."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loop.journal import opened
from loop.journal.lease import Lease

SECRET = "correct-horse-battery-staple"


def doctor(stack: Any, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings of `--json`."""
    run = stack.loop("doctor", "--env", "local", "--json", *arguments, env=env)
    assert "Traceback" not in run.stderr, run.stderr
    told = json.loads(run.stdout)
    assert told["exit_code"] == run.returncode
    return run.returncode, told["findings"]


def faults(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for found in findings if found["standing"] == "fix"]


def about(findings: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [found for found in findings if found["about"] == name]


def google(stack: Any, **state: list[str]) -> None:
    """What the emulator's project lacks."""
    stack.write(".loop/emulator/google.json", json.dumps(state))
    stack.write(".loop/.gitignore", "*\n")


def files(root: Path) -> dict[str, str]:
    """Every file outside the emulator's state, .git's own ones included."""
    inside = (p for p in root.rglob("*") if p.is_file() and ".loop/emulator" not in str(p))
    return {str(p.relative_to(root)): p.read_bytes().hex() for p in inside}


def test_a_sound_stack_is_all_ok_and_nothing_is_changed_by_looking(stack: Any) -> None:
    before = files(stack.root)
    run = stack.loop("doctor", "--env", "local")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "  fix " not in run.stdout
    assert "3 cases collected" in run.stdout
    assert "10 of 10 granted on the project local" in run.stdout
    assert run.stdout.endswith("Next: loop run --env local\n")
    assert max(len(line) for line in run.stdout.splitlines()) <= 80
    assert "\x1b" not in run.stdout
    after = files(stack.root)
    assert after.pop(".loop/.gitignore")  # what keeps the emulator's folder out of `git status`
    assert after == before  # no journal, no ref, no report, no file that pytest leaves
    assert stack.git("status", "--porcelain") == ""
    assert stack.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_doctor_deploys_nothing_and_reserves_no_address(stack: Any) -> None:
    assert doctor(stack)[0] == 0
    from loop.emulator.store import Kind, Store

    store = Store(stack.root / ".loop/emulator/resources.db")
    try:
        assert store.every_json(Kind.PORT) == {}
        assert store._database.execute("select count(*) from resource").fetchone() == (0,)
    finally:
        store.close()


def test_a_platform_that_lacks_something_is_told_line_by_line_with_the_commands(stack: Any) -> None:
    """One fault hides no other, and what depends on one says so."""
    google(
        stack,
        denied=["run.services.update", "run.services.create", "logging.logEntries.list", "iam.serviceAccounts.actAs"],
        disabled=["cloudbuild.googleapis.com"],
        missing=["projects/local/locations/emulator/repositories/loop"],
    )
    stack.configure("services/a, health", 'services/a, secrets: {KEY: "jwt:3", OTHER: "there:1"}, health')
    stack.write(".loop/emulator/secrets.yaml", f"there: {{1: {SECRET}}}\njwt: {{2: {SECRET}}}\n")
    run = stack.loop("doctor", "--env", "local")
    assert run.returncode == 3, run.stdout + run.stderr
    assert SECRET not in run.stdout + run.stderr
    told = " ".join(run.stdout.split())
    assert "fix API cloudbuild.googleapis.com is not enabled" in told
    assert "-> gcloud services enable cloudbuild.googleapis.com --project=local" in told
    assert "run.services.create, run.services.update are not granted on the project local" in told
    binding = 'gcloud projects add-iam-policy-binding local --member="user:$(gcloud config get account)"'
    assert f"-> {binding} --role=roles/run.developer" in told
    assert f"-> {binding} --role=roles/logging.viewer" in told
    assert "7 of 10 granted on the project local" in told
    assert "iam.serviceAccounts.actAs is not granted on the service account" in told
    assert "fix repository emulator-docker.pkg.dev/local/loop does not exist" in told
    assert "-> gcloud artifacts repositories create loop --repository-format=docker --location=emulator" in told
    assert "skip permissions on the repository: not asked, they need the repository" in told
    assert "fix secret there is no version 3 of jwt" in told
    assert "ok secret version 1 of there is there; its value was not read" in told
    assert "ok smoke 3 cases collected" in told
    assert told.endswith("Next: mend the first, then: loop doctor --env local")


@pytest.mark.parametrize(
    ("api", "said"),
    [
        ("artifactregistry.googleapis.com", "repository"),
        ("secretmanager.googleapis.com", "secret"),
        ("run.googleapis.com", "a"),
    ],
)
@pytest.mark.full
def test_what_needs_a_disabled_api_is_skipped_and_says_so(stack: Any, api: str, said: str) -> None:
    google(stack, disabled=[api])
    stack.write(".loop/emulator/secrets.yaml", "jwt: {3: text}\n")
    stack.configure("services/a, health", 'services/a, secrets: {KEY: "jwt:3"}, health')
    code, findings = doctor(stack)
    assert code == 3
    assert [found["names"] for found in faults(findings)] == [[api]]
    (skipped,) = about(findings, said)
    assert skipped["standing"] == "skip"
    assert skipped["said"] == f"not asked: it needs the API {api}"


def test_a_read_that_only_doctor_makes_is_no_fault_where_it_is_denied(stack: Any) -> None:
    google(
        stack,
        denied=["serviceusage.services.get", "secretmanager.versions.get", "artifactregistry.repositories.get"],
    )
    stack.configure("services/a, health", 'services/a, secrets: {KEY: "jwt:3"}, health')
    code, findings = doctor(stack)
    assert (code, faults(findings)) == (0, [])
    for name, permission in (("APIs", "serviceusage.services.get"), ("secret", "secretmanager.versions.get")):
        (found,) = about(findings, name)
        assert found["standing"] == "skip"
        assert permission in found["said"]


@pytest.mark.full
def test_a_project_that_may_not_be_read_is_named_with_the_permission(stack: Any) -> None:
    google(stack, denied=["resourcemanager.projects.get"])
    code, findings = doctor(stack)
    assert code == 3
    (project,) = about(findings, "project")
    assert "resourcemanager.projects.get is missing" in project["said"]
    (account,) = about(findings, "service account")
    assert account["said"] == "not asked: its name needs the project's number"


@pytest.mark.full
def test_accounts_are_asked_for_one_by_one(stack: Any) -> None:
    google(stack, missing=["projects/-/serviceAccounts/builder@local.iam.gserviceaccount.com"])
    account = "runner@local.iam.gserviceaccount.com"
    stack.configure(
        "platform: {endpoint: emulator}",
        "platform: {endpoint: emulator, build: {service_account: builder@local.iam.gserviceaccount.com}}",
    )
    stack.configure("services/a, health", f"services/a, template: {{serviceAccount: {account}}}, health")
    code, findings = doctor(stack)
    assert code == 3
    (missing,) = faults(findings)
    assert missing["about"] == "build account"
    assert missing["mend"] == "gcloud iam service-accounts create builder --project=local"
    assert [found["said"].partition(" ")[0] for found in about(findings, "service account")] == [
        account,
        "102346092776-compute@developer.gserviceaccount.com",
    ]


def test_deployed_services_are_asked_and_one_without_an_answer_is_a_fault(stack: Any) -> None:
    assert stack.loop("run", "--env", "local").returncode == 0
    code, findings = doctor(stack)
    assert code == 0, faults(findings)
    (service,) = about(findings, "a")
    assert service["standing"] == "ok"
    assert "/health: HTTP 200, a-l" in service["said"]
    (bucket,) = (found for found in about(findings, "permissions") if "bucket" in found["said"])
    assert "storage.objects.create" in bucket["names"]
    stack.configure("services/a, health", "services/a, url: 'http://127.0.0.1:1', health")
    code, findings = doctor(stack)
    assert code == 1
    (fault,) = faults(findings)
    assert fault["about"] == "a"
    assert "no answer (ConnectionRefusedError" in fault["said"]
    assert fault["mend"]


def test_suites_that_would_give_nothing_are_found_before_a_run_spends_time(stack: Any) -> None:
    stack.write("none/test_none.py", "NOTHING = 1\n")
    stack.write("broken/test_broken.py", "import not_there_at_all\n")
    stack.configure(
        "goal:",
        f"""  empty: {{pytest: none, python: {sys.executable}}}
  broken: {{pytest: broken, python: {sys.executable}}}
  ghost: {{pytest: tests, python: ./no-such-python}}
  listed: {{command: 'true', junit: out.xml, list: 'printf "one\\ntwo\\n"'}}
  unlisted: {{command: 'true', junit: out.xml}}
  absent: {{command: no-such-runner --all, junit: out.xml}}
goal:""",
    )
    code, findings = doctor(stack)
    assert code == 4
    told = {found["about"]: found for found in faults(findings)}
    assert set(told) == {"empty", "broken", "ghost", "absent"}
    assert "collected no case" in told["empty"]["said"]
    assert "not_there_at_all" in told["broken"]["said"]
    assert "./no-such-python was not found" in told["ghost"]["said"]
    assert "no program no-such-runner" in told["absent"]["said"]
    assert all(found["mend"] for found in told.values())
    assert about(findings, "listed")[0]["said"] == "2 cases collected (`list:`)"
    assert about(findings, "unlisted")[0]["standing"] == "skip"


def test_a_suite_that_reads_addresses_while_it_collects_gets_some(stack: Any) -> None:
    stack.write("tests/conftest.py", "import os\nURLS = os.environ['LOOP_URL_A'], os.environ['LOOP_URL_B']\n")
    assert doctor(stack)[0] == 0


def test_a_missing_fixer_is_told_with_its_exit_code(stack: Any) -> None:
    text = stack.read("configs/local.yaml").partition("fix:")[0]
    stack.write("configs/local.yaml", text + "fix: {command: ./fixer.sh --all}\n")
    code, findings = doctor(stack)
    assert code == 5
    assert faults(findings)[0]["said"] == "the shell finds no program ./fixer.sh"


def test_a_held_lease_names_its_holder(stack: Any) -> None:
    journal = opened("sqlite:///.loop/journal.db", stack.root)
    lease = Lease(journal, "local", holder="ann@build-host")
    lease.acquire()
    try:
        code, findings = doctor(stack)
    finally:
        lease.release()
        journal.close()
    assert code == 6
    (held,) = faults(findings)
    assert held["about"] == "lease"
    assert "ann@build-host" in held["said"]
    assert "--wait" in held["mend"]
    assert doctor(stack)[0] == 0


@pytest.mark.full
def test_a_journal_that_can_not_be_read_is_told_and_left_alone(stack: Any) -> None:
    stack.write(".loop/journal.db", "this is no database, whatever its name says " * 99)
    before = stack.read(".loop/journal.db")
    code, findings = doctor(stack)
    assert code == 6
    assert faults(findings)[0]["about"] == "journal"
    assert about(findings, "lease")[0]["said"] == "not asked: it needs the journal"
    assert about(findings, "smoke")[0]["standing"] == "ok"
    assert stack.read(".loop/journal.db") == before


def test_a_mistaken_configuration_is_told_whole_and_the_rest_still_looked_at(stack: Any) -> None:
    stack.configure("health: /health", "helth: /health")
    stack.configure("timeout: 60s", "timeout: soon")
    run = stack.loop("doctor", "--env", "local")
    assert run.returncode == 2
    told = " ".join(run.stdout.split())
    assert told.count("helth") >= 2
    assert "timeout" in told
    assert "-> correct the file, then: loop config check --env local" in told
    assert "ok tree main at" in told
    assert "ok lease free" in told
    assert told.count("not asked: it needs a valid configuration") == 4


@pytest.mark.full
def test_the_tree_is_told_with_its_branch_remotes_and_changes(stack: Any, tmp_path: Path) -> None:
    stack.git("remote", "add", "upstream", str(tmp_path / "elsewhere"))
    stack.git("checkout", "-q", "-b", "topic")
    stack.write("services/a/answer.txt", "right\n")
    code, findings = doctor(stack)
    assert code == 0
    (tree,) = about(findings, "tree")
    assert tree["said"].startswith("topic at ")
    assert "uncommitted changes" in tree["said"]
    assert about(findings, "remote")[0]["said"] == "upstream, for --fetch"


def test_without_google_credentials_the_rest_is_still_looked_at(stack: Any, tmp_path: Path) -> None:
    stack.configure("platform: {endpoint: emulator}", "platform: {project: acme, region: us-central1}")
    code, findings = doctor(stack, env={"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "nothing.json")})
    assert code == 3
    (credentials,) = faults(findings)
    assert credentials["about"] == "credentials"
    assert credentials["mend"] == "gcloud auth application-default login"
    assert about(findings, "a")[0]["said"] == "not asked: it needs the credentials"
    assert about(findings, "smoke")[0]["standing"] == "ok"


def test_an_environment_that_is_not_there_is_a_usage_error(stack: Any) -> None:
    run = stack.loop("doctor", "--env", "locla")
    assert run.returncode == 2
    assert "hint: there are: local\n" in run.stderr


def test_a_secret_of_the_configuration_is_masked_wherever_it_might_show(stack: Any) -> None:
    stack.configure("timeout: 60s", 'timeout: 60s, env: {TOKEN: "${secret:TOKEN}"}')
    stack.write("tests/conftest.py", "import os\nraise RuntimeError('it is ' + os.environ['TOKEN'])\n")
    run = stack.loop("doctor", "--env", "local", env={"TOKEN": SECRET})
    assert run.returncode == 4
    assert SECRET not in run.stdout + run.stderr


def test_an_interpreter_that_a_worktree_will_lack_is_a_fault_until_it_is_linked(stack: Any) -> None:
    stack.write(".venv/bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (stack.root / ".venv/bin/python").chmod(0o755)
    stack.write(".gitignore", ".venv/\n")
    stack.configure(f", python: {sys.executable}, timeout", ", timeout")
    code, findings = doctor(stack)
    assert code == 4
    (fault,) = faults(findings)
    assert fault["said"] == ".venv/bin/python is ignored by git, so the worktree of a run will lack it"
    assert fault["mend"] == "workspace: {link: [.venv]}"
    stack.write("configs/local.yaml", stack.read("configs/local.yaml") + fault["mend"] + "\n")
    assert doctor(stack)[0] == 0


def test_a_state_folder_that_can_not_be_made_is_told(stack: Any) -> None:
    stack.write(".loop", "a file where the folder belongs\n")
    code, findings = doctor(stack)
    assert code == 6  # the journal comes first
    assert [found["about"] for found in faults(findings)] == ["journal", "connection"]
    assert about(findings, "smoke")[0]["standing"] == "ok"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_doctor_that_is_stopped_leaves_neither_process_nor_scratch(stack: Any, tmp_path: Path, number: int) -> None:
    """The autouse fixture sees to the processes."""
    stack.write("tests/conftest.py", "import os, time\nopen(os.environ['REACHED'], 'w').close()\ntime.sleep(60)\n")
    reached, scratch = tmp_path / "reached", tmp_path / "scratch"
    os.mkfifo(reached)
    scratch.mkdir()
    environment = os.environ | {"REACHED": str(reached), "TMPDIR": str(scratch)}
    doctor = subprocess.Popen(
        [sys.executable, "-m", "loop", "doctor", "--env", "local"],
        cwd=stack.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    reached.open().close()  # opened from the other side once the suite is collecting
    assert list(scratch.glob("loop-doctor-*"))
    doctor.send_signal(number)
    _, said = doctor.communicate(timeout=30)
    assert doctor.returncode == 130
    assert "Traceback" not in said
    assert not list(scratch.glob("loop-doctor-*"))


def test_a_source_that_is_not_there_is_told_before_a_run_stops_at_it(stack: Any) -> None:
    stack.configure("services/b, after", "services/zz, after")
    code, findings = doctor(stack)
    assert code == 2
    (fault,) = faults(findings)
    assert fault["said"] == "the source folder services/zz of b is not in the tree"
    assert fault["mend"] == "correct `source:`, or commit the folder"


def test_what_the_emulator_can_not_build_is_told_with_both_ways_out(stack: Any) -> None:
    stack.configure("services/b, after", "services/b, build: dockerfile, after")
    stack.write("services/b/Dockerfile", "FROM scratch\n")
    (stack.root / "services/a/Procfile").unlink()
    code, findings = doctor(stack)
    assert code == 1
    by_procfile, by_dockerfile = faults(findings)
    assert by_procfile["said"].startswith("a: The source has no Procfile")
    assert by_procfile["mend"].startswith("give services/a a Procfile (`web: COMMAND`), or deploy to Google")
    assert by_dockerfile["said"].startswith("b: the emulator builds from a Procfile only")
    assert "leave out `build: dockerfile`" in by_dockerfile["mend"]


def test_dependencies_are_asked_as_a_run_would_and_those_behind_a_service_are_skipped(stack: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.create_server(("127.0.0.1", 0)) as gone:
        port, absent = there.getsockname()[1], gone.getsockname()[1]
        gone.close()
        stack.configure(
            "goal:",
            f"""dependencies:
  queue: {{tcp: '127.0.0.1:{port}'}}
  cache: {{redis: 'redis://:${{secret:CACHE}}@127.0.0.1:{absent}', within: 100ms}}
  via: {{http: '${{services.a.url}}/health'}}
goal:""",
        )
        run = stack.loop("doctor", "--env", "local", "--json", env={"CACHE": SECRET})
    assert run.returncode == 4, run.stdout
    assert SECRET not in run.stdout
    findings = json.loads(run.stdout)["findings"]
    (fault,) = faults(findings)
    assert (fault["topic"], fault["about"]) == ("dependencies", "cache")
    assert fault["said"].startswith("does not answer within 0.1 s: ")
    assert about(findings, "queue")[0]["standing"] == "ok"
    (via,) = about(findings, "via")
    assert via["standing"] == "skip"
    assert via["said"] == "not asked: it needs the address of a, which a run deploys first"


def test_a_hook_whose_program_is_not_there_is_told_and_none_is_called(stack: Any) -> None:
    text = stack.read("configs/local.yaml") + "hooks: {before_deploy: ./migrate.sh --now, on_end: touch called}\n"
    stack.write("configs/local.yaml", text)
    code, findings = doctor(stack)
    assert code == 1
    (fault,) = faults(findings)
    assert (fault["topic"], fault["about"]) == ("hooks", "before_deploy")
    assert fault["said"] == "the shell finds no program ./migrate.sh"
    assert about(findings, "on_end")[0]["standing"] == "ok"
    assert not (stack.root / "called").exists()


def test_what_pytest_says_last_is_told_whole(stack: Any) -> None:
    stack.configure("pytest: tests", "pytest: nowhere")
    (fault,) = faults(doctor(stack)[1])
    assert "ERROR: file or directory not found: nowhere" in fault["said"]
