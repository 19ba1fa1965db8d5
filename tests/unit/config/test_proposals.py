"""What `loop init` writes, from folders and from services that are there: facts as facts, guesses as guesses."""

from collections.abc import Mapping

import pytest

from loop.config import Loaded, deployed, folders, load, runners
from loop.config.proposal import Entry, Proposal, guesses, named, text
from loop.core.deployed import Deployed
from loop.core.environment import BuildMode

EMULATED = (Entry(key="endpoint", value="emulator"),)


def proposed(files: Mapping[str, str], links: tuple[str, ...] = ()) -> Proposal:
    def read(path: str) -> str:
        return files.get(path, "")

    names = sorted(files)
    found = folders.service_folders(names, read, repository="The Shop")
    return Proposal(
        environment="e",
        origin="the folders",
        title="E",
        platform=EMULATED,
        services=folders.services(found, read),
        suites=runners.suites(names, read, within=[f.path for f in found if f.path != "."]),
        workspace=runners.workspace(links),
        left_out=folders.left_out(names, read, found),
        notes=tuple(folders.notes(found, emulated=True)),
    )


def loaded(proposal: Proposal) -> Loaded:
    return load("e", read={"configs/e.yaml": text(proposal)}.get, variables={})


def from_files(files: Mapping[str, str], links: tuple[str, ...] = ()) -> Loaded:
    return loaded(proposed(files, links))


def test_a_folder_with_a_procfile_is_a_service() -> None:
    found = from_files({"services/api/Procfile": "web: python app.py\n", "services/worker/Procfile": "worker: x\n"})
    (service,) = found.environment.services
    assert (service.name, service.source, service.build) == ("api", "services/api", BuildMode.BUILDPACK)
    assert found.warnings == ()


def test_a_dockerfile_alone_is_built_by_it_and_the_emulator_is_said_to_need_a_procfile() -> None:
    proposal = proposed({"api/Dockerfile": "FROM x\nEXPOSE 3000\n"})
    (service,) = loaded(proposal).environment.services
    assert (service.build, service.port) == (BuildMode.DOCKERFILE, 3000)
    assert "api has no Procfile" in proposal.notes[0]
    assert ("services.api.port", "3000: its Dockerfile exposes it") in guesses(proposal)


def test_likely_folders_count_only_where_nothing_says_more() -> None:
    files = {"web/package.json": '{"scripts": {"start": "node ."}}', "lib/package.json": '{"scripts": {"test": "x"}}'}
    assert [s.name for s in from_files(files).environment.services] == ["web"]
    assert proposed(files).left_out == ()
    files |= {"api/Procfile": "web: x", "api/ui/requirements.txt": "flask"}
    assert [s.name for s in from_files(files).environment.services] == ["api"]
    assert proposed(files).left_out == ("web (package.json, no Procfile)",)
    assert "  # left out: web (package.json, no Procfile)\n" in text(proposed(files))


@pytest.mark.parametrize("folder", ["tests/fake", "docs/demo", "node_modules/x", ".github/y"])
def test_folders_of_tests_documents_and_packages_are_no_services(folder: str) -> None:
    files = {f"{folder}/Procfile": "web: x", "api/Procfile": "web: x", "api/inner/Dockerfile": "FROM x"}
    assert [s.source for s in from_files(files).environment.services] == ["api"]


def test_the_root_is_a_service_only_where_nothing_else_is() -> None:
    root = from_files({"Procfile": "web: x"}).environment.services
    assert [(s.name, s.source) for s in root] == [("the-shop", ".")]
    both = from_files({"Procfile": "web: x", "api/Procfile": "web: x"}).environment.services
    assert [s.name for s in both] == ["api"]


def test_equal_names_are_told_apart_and_odd_ones_made_valid() -> None:
    files = {f"{folder}/Procfile": "web: x" for folder in ("one/My_API", "two/my-api", "three/9lives")}
    assert {s.name for s in from_files(files).environment.services} == {"my-api", "my-api-2", "service-9lives"}
    assert named("x" * 80, set()) == "x" * 40


def test_the_health_path_is_taken_from_the_source_and_marked_as_a_guess() -> None:
    files = {"api/Procfile": "web: x", "api/app.py": 'route("/ping")\nroute("/healthz")\n'}
    proposal = proposed(files)
    assert loaded(proposal).environment.services[0].health.path == "/healthz"
    assert ("services.api.health", "/healthz: api/app.py names it") in guesses(proposal)
    assert from_files({"api/Procfile": "web: x"}).environment.services[0].health.path == "/"


def test_services_that_name_each_others_addresses_get_them_and_never_wait_in_a_circle() -> None:
    files = {
        "a/Procfile": "web: x", "a/app.js": "process.env.B_URL",
        "b/Procfile": "web: x", "b/app.py": "os.environ['A_SERVICE_URL'], DATABASE_URL",
    }  # fmt: skip
    first, second = from_files(files).environment.services
    assert (first.env, first.after) == ({"B_URL": "${services.b.url}"}, ("b",))
    assert (second.env, second.after) == ({"A_SERVICE_URL": "${services.a.url}"}, ())


def test_end_to_end_folders_are_suites_and_the_services_own_tests_are_not() -> None:
    files = {
        "api/Procfile": "web: x", "api/tests/test_unit.py": "", "tests/unit/test_small.py": "LOOP_URL_API",
        "tests/e2e/deep/test_it.py": "", "tests/staging/it_test.py": "",
    }  # fmt: skip
    suites = from_files(files).environment.charter.suites
    assert [(s.name, s.pytest) for s in suites] == [("e2e", ("tests/e2e",)), ("staging", ("tests/staging",))]


def test_tests_that_ask_for_addresses_come_before_those_that_do_not() -> None:
    files = {"api/Procfile": "web: x", "checks/test_a.py": "LOOP_URL_API", "tests/test_b.py": ""}
    assert [s.name for s in from_files(files).environment.charter.suites] == ["checks"]
    del files["checks/test_a.py"]
    assert [s.name for s in from_files(files).environment.charter.suites] == ["tests"]


def test_test_files_at_the_root_are_named_one_by_one() -> None:
    files = {"api/Procfile": "web: x", "test_a.py": "", "test_b.py": ""}
    (suite,) = from_files(files).environment.charter.suites
    assert (suite.name, suite.pytest) == ("tests", ("test_a.py", "test_b.py"))


def test_playwright_and_jest_are_run_by_their_commands_where_their_configuration_lies() -> None:
    files = {
        "api/Procfile": "web: x", "api/jest.config.js": "", "browser/playwright.config.ts": "",
        "package.json": '{"devDependencies": {"jest": "1"}}',
    }  # fmt: skip
    browser, jest = from_files(files, ("node_modules",)).environment.charter.suites
    assert (browser.name, browser.workdir, browser.junit) == ("browser", "browser", "results/playwright.xml")
    assert browser.env == {"PLAYWRIGHT_JUNIT_OUTPUT_NAME": "results/playwright.xml"}
    assert (jest.name, jest.workdir, jest.junit) == ("jest", ".", "results/*.xml")
    assert from_files(files, ("node_modules",)).environment.charter.workspace.link == ("node_modules",)


def test_without_tests_a_suite_is_a_guess_that_says_so() -> None:
    proposal = proposed({"api/Procfile": "web: x"})
    assert [s.name for s in loaded(proposal).environment.charter.suites] == ["e2e"]
    assert "no tests were found here" in dict(guesses(proposal))["suites.e2e.pytest"]


SERVICES = (
    Deployed(name="acme-api", image="r/api@sha256:0", port=9000, health="/up", probe="startupProbe",
             env={"AUTH": "https://auth.run.app/", "PASSWORD": "hunter2hunter2"},
             secrets={"KEY": "jwt:3", "OTHER": "x:latest"}, urls=("https://api.run.app",)),
    Deployed(name="acme-auth", image="r/auth:v1", urls=("https://auth.run.app",)),
)  # fmt: skip


def test_deployed_services_are_written_as_they_are_and_no_value_of_theirs() -> None:
    here = folders.service_folders(["src/api/Procfile"], lambda _path: "web: x", repository="r")
    proposal = Proposal(
        environment="e", origin="the services", title="E", platform=EMULATED,
        services=deployed.services(SERVICES, here), suites=runners.suites((), str, within=()),
    )  # fmt: skip
    api, auth = loaded(proposal).environment.services
    assert (api.image, api.port, api.health.path) == ("r/api@sha256:0", 9000, "/up")
    assert api.env == {"AUTH": "${services.acme-auth.url}"}
    assert api.secrets == {"KEY": "jwt:3", "OTHER": "x:latest"}
    assert (auth.image, auth.health.path) == ("r/auth:v1", "/")
    written = text(proposal)
    assert "hunter2hunter2" not in written
    assert "does not name them: PASSWORD" in written
    assert "# source: src/api" in written
    assert "as its startupProbe has it" in written
    assert "not pinned: name a version" in written


def test_comments_stand_in_a_column_and_no_line_is_longer_than_it_must_be() -> None:
    long = Deployed(name="api", image="us-central1-docker.pkg.dev/acme-staging/loop/api@sha256:" + "0" * 64)
    proposal = Proposal(
        environment="e", origin="o", title="E", platform=EMULATED,
        services=deployed.services((long,), ()), suites=runners.suites((), str, within=()),
    )  # fmt: skip
    lines = text(proposal).splitlines()
    above = lines[next(n for n, line in enumerate(lines) if "sha256" in line) - 1]
    assert above == "    # as it is there now; nothing is built"
    assert "    access: keep                                 # who may call it is not touched" in lines
