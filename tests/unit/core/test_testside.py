"""What can turn a case green beside the product and its own file."""

from dataclasses import replace
from fractions import Fraction

import pytest

from loop.core.environment import Charter, Goal, Hooks, PlatformTarget, Suite, Workspace
from loop.core.model import ChangeKind
from loop.core.testside import decides, decisive, digest, places, runners, ways

TESTS, INFRA, PRODUCT = ChangeKind.TESTS, ChangeKind.INFRA, ChangeKind.PRODUCT

PLATFORM = PlatformTarget(project="p", region="r", repository="repo", bucket="b", endpoint="emulator")


def charter(*suites: Suite, root: str = ".", setup: str | None = None) -> Charter:
    return Charter(
        name="local",
        title="",
        mission="",
        platform=PLATFORM,
        suites=suites,
        root=root,
        workspace=Workspace(setup=setup),
    )


def test_places_count_from_the_repositorys_root_and_never_name_the_root_itself() -> None:
    suite = Suite(name="s", pytest=("tests/a.py::TestX", "-q", ".", "../up"), workdir="web", sources=("data/**",))
    assert places(charter(suite, root="mono/shop")) == (
        "mono/shop/web/tests/a.py::TestX", "mono/shop/up", "mono/shop/data/**",
    )  # fmt: skip
    assert places(charter(Suite(name="s", pytest=(".", "tests")))) == ("tests",)
    assert places(charter(Suite(name="s", pytest=(".", "tests")), root="mono")) == ("mono/tests",)


@pytest.mark.parametrize(
    ("suite", "path"),
    [
        (Suite(name="s", command="sh run.sh", junit="x"), "run.sh"),
        (Suite(name="s", command="cd x && ./ci/run.sh --config=ci/e2e.json | tee log", junit="x"), "ci/run.sh"),
        (Suite(name="s", command="run --config=ci/e2e.json", junit="x"), "ci/e2e.json"),
        (Suite(name="s", command="python -m tools.run", junit="x"), "tools/run.py"),
        (Suite(name="s", command="./go", junit="x", workdir="web"), "web/go"),
        (Suite(name="s", command="make", junit="x", setup="sh seed.sh"), "seed.sh"),
        (Suite(name="s", command="make", junit="x", list="sh names.sh"), "names.sh"),
        (Suite(name="s", pytest=("tests", "-p", "tools.plugin")), "tools/plugin.py"),
        (Suite(name="s", pytest=("tests", "-ptools.plugin")), "tools/plugin.py"),
        (Suite(name="s", pytest=("tests", "-c", "ci/e2e.ini")), "ci/e2e.ini"),
        (Suite(name="s", pytest=("tests",)), "pyproject.toml"),
        (Suite(name="s", pytest=("services/a/tests/test_x.py::test_y",)), "services/a/setup.cfg"),
        (Suite(name="s", pytest=("tests",), workdir="web"), "web/pytest.ini"),
    ],
)
def test_what_a_suite_is_run_by(suite: Suite, path: str) -> None:
    assert path in runners(charter(suite))
    assert f"mono/{path}" in runners(charter(suite, root="mono"))


def test_the_set_up_of_the_workspace_and_settings_above_the_root_count_too() -> None:
    found = runners(charter(Suite(name="s", pytest=("tests",)), root="mono/shop", setup="python gen.py"))
    assert {"mono/shop/gen.py", "mono/shop/tox.ini", "mono/pyproject.toml", "pyproject.toml"} <= found
    assert "services/a/pyproject.toml" not in found


def test_a_file_that_only_holds_cases_decides_no_other_case() -> None:
    changed = {"tests/test_b.py": TESTS, "services/a/app.py": PRODUCT, "services/a/Dockerfile": INFRA}
    kept = {"services": ["services/a"], "collected": {"tests/test_b.py", "tests/conftest.py", "run.sh"}}

    def found(*more: str, kind: ChangeKind = TESTS) -> frozenset[ChangeKind]:
        return decisive(changed | dict.fromkeys(more, kind), ran_by={"run.sh"}, **kept)  # type: ignore[arg-type]

    assert found() == frozenset()
    assert found("tests/helpers.py") == found("tests/conftest.py") == found("run.sh") == {TESTS}
    assert found("tools/plugin.py", kind=INFRA) == {INFRA}
    assert found("README.md", kind=ChangeKind.DOCS) == frozenset()


def test_the_digest_follows_the_files_and_the_ways_and_nothing_that_only_counts() -> None:
    plain = charter(Suite(name="s", pytest=("tests",)))
    other = charter(Suite(name="s", pytest=("tests", "-k", "a")))
    blobs = [("a", "1"), ("b", "2")]
    assert digest(blobs, plain) == digest(reversed(blobs), replace(plain, goal=Goal(pass_rate=Fraction(1, 2))))
    assert len({digest(blobs, plain), digest(blobs[:1], plain), digest(blobs, other)}) == 3
    assert ways(plain) != ways(replace(plain, hooks=Hooks(before_suites="sh seed.sh")))
    assert decides("Makefile", INFRA, ["services/a"])
