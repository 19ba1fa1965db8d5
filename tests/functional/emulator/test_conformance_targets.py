"""The conformance suite's way to Google, as far as it leads without Google: options, clients, clean-up, table."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials

ROOT = Path(__file__).parents[3]


@pytest.fixture
def suite(tmp_path):
    """Runs pytest on the conformance suite, as a machine on which nobody is signed in."""

    def run(*arguments, **more):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GOOGLE_", "PYTEST_"))}
        env = kept | {"HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path), "NO_GCE_CHECK": "true", **more}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "tests/conformance", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)

    return run


def test_without_credentials_a_live_run_ends_with_a_sentence(suite):
    ended = suite("--live", "some-project")
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    said = ended.stdout + ended.stderr
    assert "the project some-project can not be tested" in said
    assert "gcloud auth application-default login" in said
    assert "Traceback" not in said


def test_a_live_run_collects_what_talks_to_the_target_and_nothing_else(suite):
    ended = suite("--live", "some-project", "--live-region", "europe-west1", "--collect-only")
    assert ended.returncode == 0, ended.stdout
    collected = [line for line in ended.stdout.splitlines() if "::" in line]
    assert {Path(each.partition("::")[0]).name for each in collected} == {
        path.name for path in (ROOT / "tests/conformance").glob("test_*.py")
    }


def test_what_can_not_hold_on_google_is_skipped_there_with_its_reason(suite, tmp_path):
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    key = tmp_path / "user.json"
    key.write_text(json.dumps({**user, "quota_project_id": "some-project"}))
    ended = suite("--live", "some-project", "-m", "emulator_only", "-rs", GOOGLE_APPLICATION_CREDENTIALS=str(key))
    assert ended.returncode == 0, ended.stdout
    assert "emulator only: Google offers jobs" in ended.stdout
    assert " passed" not in ended.stdout


def test_the_real_target_is_made_of_googles_own_addresses(targets):
    noted = []
    target = targets.real("proj", "europe-west1", AnonymousCredentials(), lambda *call: noted.append(call))
    assert target.live
    assert target.location == "projects/proj/locations/europe-west1"
    assert target.repository == "europe-west1-docker.pkg.dev/proj/loop-conformance"
    assert target.bucket == "proj-loop-conformance"
    clients = (target.services, target.revisions, target.builds, target.logs)
    hosts = [client.transport.host.partition(":")[0] for client in clients]
    assert hosts == ["run.googleapis.com", "run.googleapis.com", "cloudbuild.googleapis.com", "logging.googleapis.com"]
    assert noted == []
    target.close()


def test_the_same_words_are_not_asked_of_google(targets):
    target = targets.real("proj", "europe-west1", AnonymousCredentials())
    with target.refuses(exceptions.NotFound, "words of the emulator"):
        raise exceptions.NotFound("words of Google")
    target.close()


def test_what_the_suite_made_is_deleted_and_what_is_left_is_named(targets, shared_emulator):
    target = replace(targets.emulated(shared_emulator, "cleaned", "cleaned-source"), live=True)
    image = target.image("app", {"Procfile": "web: python -m http.server $PORT"})
    target.wait(target.deploy("first", image))
    with pytest.raises(exceptions.GoogleAPICallError):
        target.wait(target.deploy("broken", "none@sha256:" + "0" * 64))
    target.left.services |= {target.service_name("never-came-to-be"), target.service_name("Can_Not_Be")}
    said = target.clean_up()
    assert list(target.services.list_services(parent=target.location)) == []
    assert list(target.storage.list_blobs("cleaned-source")) == []
    assert [line for line in said if line.startswith("deleted")] == [
        f"deleted {target.service_name('broken')}",
        f"deleted {target.service_name('first')}",
        *(f"deleted gs://cleaned-source/{name}" for name in target.left.objects),
    ]
    assert any("images delete us-central1-docker.pkg.dev/cleaned/loop/app " in line for line in said)
    assert any("the bucket gs://cleaned-source" in line for line in said)
    target.close()


def test_the_table_counts_calls_and_the_tests_that_made_them(pytestconfig, monkeypatch):
    ledger = type(pytestconfig.pluginmanager.get_plugin("conformance-ledger"))(pytestconfig)
    for test, status in (("a.py::one", "OK"), ("a.py::one", "OK"), ("a.py::two", "OK"), ("a.py::two", "ABORTED")):
        monkeypatch.setenv("PYTEST_CURRENT_TEST", f"{test} (call)")
        ledger.note("x.Y/Do", status)
    for test, outcome in (("a.py::one", "passed"), ("a.py::two", "failed"), ("a.py::two", "passed")):
        report = pytest.TestReport(test, ("a.py", 1, test), {}, outcome, None, "call")
        ledger.pytest_runtest_logreport(report)
    assert ledger.rows() == [("x.Y/Do", "ABORTED", 1, 0, 1), ("x.Y/Do", "OK", 3, 1, 1)]
    assert ledger.missing() == []  # nothing was collected, so nothing is missed


def test_an_outcome_that_nobody_met_fails_the_whole_suite_and_no_selection(pytestconfig):
    ledger = type(pytestconfig.pluginmanager.get_plugin("conformance-ledger"))(pytestconfig)
    files = sorted((ROOT / "tests/conformance").glob("test_*.py"))
    ledger.pytest_xdist_node_collection_finished([f"tests/conformance/{path.name}::x" for path in files[1:]])
    assert ledger.missing() == []
    ledger.pytest_xdist_node_collection_finished([f"tests/conformance/{files[0].name}::x"])
    assert "google.cloud.run.v2.Services/GetService: OK" in ledger.missing()
