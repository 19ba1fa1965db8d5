"""Which kind of change a path is: product only where nothing else explains it."""

import pytest

from loop.core.changes import built_with, classify, kinds
from loop.core.model import ChangeKind

SERVICES = ("services/backend", "./services/web/", "apps/test-api")
SUITES = ("acceptance", "checks/smoke.py::TestHealth", "quality/**/*.py", "-k", "not slow", ".")
CONFIG = frozenset({"deploy/local.yaml", "known-issues.yaml"})

KINDS = {
    ChangeKind.PRODUCT: (
        "services/backend/app.py", "services/backend/prompts/system.md", "services/backend/config.yaml",
        "services/backend/docs/page.html", "apps/test-api/main.py", "services/backend/latest.py",
        "services/backend/contest/app.py", "services/web",
    ),
    ChangeKind.TESTS: (
        "tests/e2e/test_priority1.py", "tests/data/expected.json", "acceptance/notes.txt", "checks/smoke.py",
        "quality/deep/probe.py", "services/backend/tests/test_app.py", "services/web/app.spec.ts", "pkg/main_test.go",
        "conftest.py", "src/AppTest.java", "web/__tests__/a.js", "tests/prompts/system.md", "pytest.ini",
    ),
    ChangeKind.CONFIG: ("configs/staging.yaml", "configs/secrets/README", "deploy/local.yaml", "known-issues.yaml"),
    ChangeKind.INFRA: (
        "main.py", "protest.py", "other/settings.yaml", "packages.json",  # in no service's source, so in no image
        "Dockerfile", "services/backend/Dockerfile", "cloudbuild.yaml", "cloudbuild-web.yml", "terraform/main.py",
        ".github/workflows/ci.yml", "Makefile", "infra/main.tf", "docker-compose.yml", "services/web/.gcloudignore",
        "tests/Dockerfile", ".ci/run",
    ),
    ChangeKind.DOCS: (
        "README.md", "docs/index.html", "CHANGELOG", "LICENSE", "design.rst", "services/backend/README.md",
        "tests/README.md", "a/docs/b/c.png",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "kind"), [(path, kind) for kind, paths in KINDS.items() for path in paths])
def test_each_path_has_its_kind(path: str, kind: ChangeKind) -> None:
    assert classify(path, services=SERVICES, suites=SUITES, config_files=CONFIG) == kind


def test_the_root_as_source_or_suite_holds_nothing() -> None:
    for root in (".", "./", ""):
        assert classify("README.md", services=[root], suites=[root]) == ChangeKind.DOCS
        assert classify("main.py", services=[root], suites=[root]) == ChangeKind.PRODUCT


def test_what_a_suite_is_run_by_belongs_to_the_tests_wherever_it_lies() -> None:
    runners = {"run.sh", "services/backend/pyproject.toml", "deploy/local.yaml", "Makefile"}
    found = [classify(path, services=SERVICES, config_files=CONFIG, runners=runners) for path in sorted(runners)]
    assert found == [ChangeKind.TESTS, ChangeKind.CONFIG, ChangeKind.TESTS, ChangeKind.TESTS]


def test_a_recipe_belongs_to_the_service_that_is_built_by_it() -> None:
    assert built_with("services/backend/Dockerfile", SERVICES)
    assert built_with("Dockerfile", ["."])
    for path in ("Dockerfile", "Makefile", "services/backend/tests/Dockerfile"):
        assert not built_with(path, SERVICES)
    assert not built_with("docker-compose.yml", ["."])


def test_kinds_are_said_once_in_one_order() -> None:
    assert kinds([ChangeKind.DOCS, ChangeKind.PRODUCT, ChangeKind.DOCS]) == (ChangeKind.PRODUCT, ChangeKind.DOCS)
