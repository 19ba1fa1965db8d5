"""`loop config` as a process, on real files: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

LOOP = Path(sys.executable).with_name("loop")
REPOSITORY = Path(__file__).parents[3]


def loop(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "NO_COLOR": "1", **variables}
    return subprocess.run(
        [LOOP, "config", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "configs").mkdir()
    (tmp_path / "deep" / "configs").mkdir(parents=True)
    write(tmp_path, "base", "services: {web: {source: web, env: {T: '${secret:PRIVATE}'}}}\n")
    write(tmp_path, "local", "extends: base.yaml\nplatform: {endpoint: emulator}\nsuites: {s: {pytest: tests}}\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / "configs" / f"{name}.yaml").write_text(text, encoding="utf-8")


SECRET = "correct-horse-battery"


def test_check_says_what_an_environment_comes_to(repository: Path) -> None:
    done = loop("check", "--env", "local", cwd=repository / "deep", PRIVATE=SECRET)
    assert done.stdout == "ok: configs/local.yaml (extends base.yaml): 1 service, 1 suite, goal pass rate >= 100%\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_check_names_every_mistake_of_every_environment_once(repository: Path) -> None:
    write(repository, "base", "services: {web: {sauce: web}}\nlimits: {iterations: -1}\n")
    write(repository, "other", "environment: another\nplatform: {endpoint: emulator}\n"
          "services: {web: {source: web}}\nsuites: {s: {pytest: t}}\n")  # fmt: skip
    write(repository, "sound", "platform: {endpoint: emulator}\nservices: {web: {source: web}}\n"
          "suites: {s: {pytest: t}, t: {pytest: t}}\ngoal: {pass_rate: 99.5%}\nhooks:\n")  # fmt: skip
    write(repository, "twin", "extends: base.yaml\nplatform: {endpoint: emulator}\nsuites: {s: {pytest: tests}}\n")
    write(repository, "known-issues", "- {pattern: '*', signature: s, owner: o, reason: r, until: 2027-01-31}\n")
    done = loop("check", cwd=repository)
    assert done.returncode == 2
    assert done.stdout == "ok: configs/sound.yaml: 1 service, 2 suites, 1 known issue, goal pass rate >= 99.5%\n"
    assert done.stderr.splitlines() == [
        (
            "warning: configs/sound.yaml:5: hooks: is empty, which removes a key of the extended file; "
            "there is none to remove"
        ),
        (
            "error: configs/base.yaml:1: services.web: needs source: (a folder to build), "
            "image: (what to deploy as it is) or existing: true"
        ),
        'error: configs/base.yaml:1: services.web.sauce: unknown key; did you mean "source"?',
        "error: configs/base.yaml:2: limits.iterations: expected at least 0, found the number -1",
        'error: configs/other.yaml:1: environment: says "another", the file\'s name says "other"',
        "where: configs/local.yaml, configs/other.yaml, configs/twin.yaml",
        "hint: `loop config docs` explains every key; `loop config check --env local` reads it again",
    ]


def test_a_missing_secret_and_a_missing_environment_exit_with_2(repository: Path) -> None:
    missing = loop("check", "--env", "local", cwd=repository)
    assert missing.returncode == 2
    assert "error: configs/base.yaml:1: services.web.env.T: the secret variable PRIVATE is not set\n" in missing.stderr
    nowhere = loop("check", "--env", "prod", cwd=repository)
    assert (nowhere.returncode, nowhere.stderr.splitlines()[0]) == (2, "error: configs/prod.yaml: no such file")


def test_a_folder_without_configurations_says_so(tmp_path: Path) -> None:
    done = loop("check", cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: no environment in configs/")


def test_a_file_that_is_no_text_is_named(repository: Path) -> None:
    (repository / "configs" / "local.yaml").write_bytes(b"title: \xff\xfe\n")
    done = loop("check", "--env", "local", cwd=repository)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: configs/local.yaml: not UTF-8 text (byte 7)")


def test_show_prints_what_loads_again_and_no_secret(repository: Path) -> None:
    shown = loop("show", "--env", "local", cwd=repository, PRIVATE=SECRET)
    assert shown.returncode == 0
    assert shown.stdout.startswith("# configs/local.yaml over configs/base.yaml\n")
    assert SECRET not in shown.stdout + shown.stderr
    assert yaml.safe_load(shown.stdout)["services"]["web"]["env"] == {"T": "${secret:PRIVATE}"}
    write(repository, "again", shown.stdout)
    again = loop("check", "--env", "again", cwd=repository, PRIVATE=SECRET)
    assert (again.returncode, again.stderr) == (0, "")


def test_show_masks_a_password_that_came_in_a_plain_variable(repository: Path) -> None:
    write(repository, "base", "services: {web: {source: web, env: {D: '${DATABASE}', E: plain}}}\n")
    shown = loop("show", "--env", "local", cwd=repository, DATABASE="postgres://loop:open-sesame-7@db/x")
    assert shown.returncode == 0
    assert "open-sesame-7" not in shown.stdout
    assert "E: plain\n" in shown.stdout


def test_schema_is_json(repository: Path) -> None:
    done = loop("schema", cwd=repository)
    assert done.returncode == 0
    assert {"extends", "services", "suites"} <= set(json.loads(done.stdout)["properties"])


def test_docs_print_all_or_one_section(repository: Path) -> None:
    assert loop("docs", cwd=repository).stdout.startswith("# Configuration\n")
    assert loop("docs", "goal", cwd=repository).stdout.startswith("## goal\n")
    unknown = loop("docs", "goals", cwd=repository)
    assert (unknown.returncode, unknown.stderr.splitlines()[0]) == (
        2,
        'error: there is no section "goals"; did you mean "goal"?',
    )


@pytest.mark.parametrize("name", ["local", "staging"])
def test_the_example_that_is_the_manual_is_sound(name: str) -> None:
    done = loop("check", "--env", name, cwd=REPOSITORY, GOOGLE_CLOUD_PROJECT="acme-staging")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"ok: configs/{name}.yaml (extends base.yaml): 3 services, 1 suite")


def test_the_module_is_light_until_a_command_is_called() -> None:
    code = "import sys, loop.cli.config; print(sorted({'pydantic', 'yaml', 'loop.config'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_check_holds_a_template_against_the_apis_names_without_loading_googles_client(repository: Path) -> None:
    write(repository, "local", "environment: local\nplatform: {endpoint: emulator}\nsuites: {s: {pytest: tests}}\n"
          "services: {web: {source: web, template: {timeuot: 60s}}}\n")  # fmt: skip
    code = (
        "import sys; from loop.cli import main; sys.argv = ['loop', 'config', 'check', '--env', 'local']\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('google', 'grpc')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["2", "[]"], done.stderr
    assert (
        'services.web.template.timeuot: is no field of Cloud Run\'s RevisionTemplate; did you mean "timeout"?'
        in done.stderr
    )
