"""`loop init`: a configuration from what is there, which the very next command can run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def bare(stack: Any) -> Any:
    """Two services with Procfiles and a suite, and no word of configuration."""
    for path in ("configs/local.yaml", "fix.py"):
        (stack.root / path).unlink()
    (stack.root / "configs").rmdir()
    stack.commit("No configuration")
    return stack


def with_pytest() -> dict[str, str]:
    """A PATH whose python3 has pytest, as a suite without `python:` wants it."""
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def test_what_init_writes_from_folders_runs_without_an_edit(bare: Any) -> None:
    init = bare.loop("init")
    assert init.returncode == 0, init.stdout + init.stderr
    assert init.stdout.startswith("Wrote configs/local.yaml: 2 services, 1 suite, from the folders")
    assert init.stdout.endswith("Next: loop run --env local\n")
    assert "services.b.env.A_URL" in init.stdout  # a guess is told, and marked in the file
    assert "# guess: services/b/app.py names the variable" in bare.read("configs/local.yaml")
    assert bare.git("status", "--porcelain") == "?? configs/"
    check = bare.loop("config", "check")
    assert check.returncode == 0, check.stderr
    assert "warning" not in check.stderr
    run = bare.loop("run", "--env", "local", env=with_pytest())
    assert run.returncode == 1, run.stdout + run.stderr  # the stack has its defect, and no fixer was named
    assert "2/3" in run.stdout
    assert "waiting for a commit" in run.stdout
    bare.write("services/a/answer.txt", "right\n")
    assert bare.loop("run", "--env", "local", env=with_pytest()).returncode == 0


def test_folders_that_were_left_out_are_named(bare: Any) -> None:
    bare.write("web/package.json", '{"scripts": {"start": "node ."}}')
    init = bare.loop("init")
    assert init.returncode == 0, init.stderr
    assert "Note: left out: web (package.json, no Procfile)\n" in init.stdout
    assert "# left out: web (package.json, no Procfile)\n" in bare.read("configs/local.yaml")


def test_nothing_is_overwritten(stack: Any) -> None:
    before = stack.read("configs/local.yaml")
    run = stack.loop("init")
    assert run.returncode == 2
    assert "error: configs/local.yaml is there already, and nothing is overwritten" in run.stderr
    assert "hint: loop init --env OTHER" in run.stderr
    assert stack.read("configs/local.yaml") == before


def test_another_name_is_written_beside_what_is_there(stack: Any) -> None:
    run = stack.loop("init", "--env", "second")
    assert run.returncode == 0, run.stderr
    assert "environment: second" in stack.read("configs/second.yaml")
    assert stack.loop("config", "check", "--env", "second").returncode == 0


def test_services_of_a_project_become_a_configuration_that_holds_no_value_of_theirs(stack: Any) -> None:
    stack.configure("env: {A_URL", f"env: {{TOKEN: {SECRET}, A_URL")
    assert stack.loop("run", "--env", "local").returncode == 0
    asked = ("--project", "local", "--region", "emulator", "--endpoint", "emulator")
    init = stack.loop("init", "--env", "copy", *asked)
    assert init.returncode == 0, init.stderr
    text = stack.read("configs/copy.yaml")
    assert SECRET not in text + init.stdout
    assert 'A_URL: "${services.a.url}"' in text
    assert 'TOKEN: "${secret:TOKEN}"' in text
    assert text.count("image: emulator-docker.pkg.dev/local/loop/") == 2
    assert "# source: services/b" in text
    unset = stack.loop("config", "check", "--env", "copy")
    assert unset.returncode == 2
    assert "services.b.env.TOKEN: the secret variable TOKEN is not set" in unset.stderr
    run = stack.loop("run", "--env", "copy", env=with_pytest() | {"TOKEN": SECRET})
    assert run.returncode == 0, run.stdout + run.stderr


EVERY_KEY = """
  a:
    source: services/a
    health: /health
    port: 8080
    env: {API_KEY: correct-horse, MULTI: "one line\\nand: another", MODE: staging, "ON": "on", NUM: "1.10", ODD: "h$$2"}
    command: python
    args: [app.py, "--x=$$HOME", "a: b"]
    cpu: 2
    memory: 1Gi
    min_instances: 0
    max_instances: 3
    concurrency: 8
    timeout: 90s
    service_account: runner@acme.iam.gserviceaccount.com
    ingress: internal
    vpc: {network: n, subnet: s, tags: [t], egress: all-traffic}
    labels: {team: red, "on": "1"}
    startup_probe: {http_get: /health, period: 5s}
    liveness_probe: {http_get: /health, initial_delay: 1s}
    template:
      sessionAffinity: false
      executionEnvironment: EXECUTION_ENVIRONMENT_GEN2
      annotations: {my-note: first}
      containers: [{resources: {cpuIdle: true}, env: [{name: TPL, value: plain}]}]
"""
HELD_BACK = {"API_KEY": "correct-horse", "MULTI": "one line\nand: another", "ODD": "h$2"}


def test_nothing_that_loop_set_on_a_service_is_lost_by_a_configuration_that_init_writes(stack: Any) -> None:
    stack.write("services/a/answer.txt", "right\n")
    stack.configure("\n  a: {source: services/a, health: /health}\n", EVERY_KEY)
    stack.commit("Every typed key")
    ran = stack.loop("run", "--env", "local")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    asked = ("--project", "local", "--region", "emulator", "--endpoint", "emulator")
    init = stack.loop("init", "--env", "copy", *asked)
    assert init.returncode == 0, init.stderr
    assert "Note: set in the shell where loop runs: API_KEY, MULTI, ODD." in init.stdout
    written = stack.read("configs/copy.yaml") + init.stdout
    assert not [value for value in HELD_BACK.values() if value.splitlines()[0] in written]
    assert "kept as they are" not in written
    unset = stack.loop("plan", "--env", "copy")
    assert unset.returncode == 2
    assert unset.stderr.count("is not set") == len(HELD_BACK)
    planned = stack.loop("plan", "--env", "copy", env=HELD_BACK)
    assert planned.returncode == 0, planned.stderr
    assert "no longer wanted" not in planned.stdout
    assert planned.stdout.count("source, settings and traffic are as wanted") == 2


def test_an_emulator_that_runs_is_named_by_its_address(bare: Any, tmp_path: Path) -> None:
    serving = subprocess.Popen(
        [sys.executable, "-m", "loop", "emulator", "--state", str(tmp_path / "state")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert serving.stdout is not None
        address = json.loads(serving.stdout.readline())["admin"].removeprefix("http://")
        asked = ("--project", "acme", "--region", "us-central1", "--endpoint", address)
        run = bare.loop("init", *asked)
    finally:
        serving.terminate()
        serving.wait()
        assert serving.stdout is not None
        serving.stdout.close()
    assert run.returncode == 0, run.stderr
    text = bare.read("configs/staging.yaml")
    assert f"endpoint: {address}" in text
    assert "project: acme" in text
    assert "source: services/a" in text  # the project has no service yet, so the folders are taken


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--project", "acme"), "--project and --region go together"),
        (("--env", "No Such Name"), "is no name of an environment"),
    ],
)
def test_what_can_not_be_asked_is_a_sentence(bare: Any, arguments: tuple[str, ...], said: str) -> None:
    run = bare.loop("init", *arguments)
    assert run.returncode == 2
    assert said in run.stderr
    assert not (bare.root / "configs").exists()


def test_a_repository_without_services_says_what_was_looked_for(bare: Any) -> None:
    for service in ("a", "b"):
        (bare.root / f"services/{service}/Procfile").unlink()
    run = bare.loop("init")
    assert run.returncode == 2
    assert "no folder holds a Procfile" in run.stderr
    assert "web: python app.py" in run.stderr
    assert not (bare.root / "configs").exists()


def test_a_run_goes_to_the_emulator_that_its_configuration_names(stack: Any, tmp_path: Path) -> None:
    serving = subprocess.Popen(
        [sys.executable, "-m", "loop", "emulator", "--state", str(tmp_path / "state")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert serving.stdout is not None
        address = json.loads(serving.stdout.readline())["admin"].removeprefix("http://")
        stack.configure("endpoint: emulator", f'endpoint: "{address}"')
        run = stack.loop("run", "--env", "local")
        assert run.returncode == 0, run.stdout + run.stderr
        assert not (stack.root / ".loop" / "emulator").exists()
    finally:
        serving.terminate()
        serving.wait()
        assert serving.stdout is not None
        serving.stdout.close()
    gone = stack.loop("plan", "--env", "local")
    assert gone.returncode == 3
    assert "no emulator answers there" in gone.stderr
    assert "start it with loop emulator" in gone.stderr
