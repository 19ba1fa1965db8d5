"""The chain of `extends:`: what wins, what is removed, what is yours, and where the chain may not go."""

from typing import Any

import pytest

from loop.config import environments, foundations
from loop.config import files as files_of


def test_maps_merge_lists_and_scalars_replace_and_null_removes(files: Any) -> None:
    files["configs/far.yaml"] = "services: {auth: {source: a, env: {A: '1', B: '2'}}, old: {source: old}}\ntitle: Far\n"
    files["configs/base.yaml"] = """\
extends: far.yaml
services: {auth: {after: [old], env: {B: '3'}}}
fix: {protect: ["a/**", "b/**"], command: ./fix}
"""
    files["configs/e.yaml"] += """\
extends: base.yaml
fix: {protect: ["c/**"]}
title: Near
"""
    files["configs/e.yaml"] = files["configs/e.yaml"].replace("suites:", "  old: null\n  auth: {after: []}\nsuites:")
    loaded = files.load()
    charter = loaded.environment.charter
    assert charter.title == "Near"
    assert charter.fix is not None
    assert (charter.fix.command, charter.fix.protect) == ("./fix", ("c/**",))
    assert [service.name for service in loaded.environment.services] == ["auth", "web"]
    assert loaded.environment.services[0].env == {"A": "1", "B": "3"}
    assert loaded.environment.services[0].after == ()
    assert loaded.files == ("configs/e.yaml", "configs/base.yaml", "configs/far.yaml")
    assert loaded.warnings == ()


def test_a_health_path_and_a_health_map_merge(files: Any) -> None:
    files["configs/base.yaml"] = "services: {web: {health: /well}}\n"
    files["configs/e.yaml"] = "extends: base.yaml\n" + files["configs/e.yaml"].replace(
        "{source: services/web}", "{source: services/web, health: {consecutive: 3}}"
    )
    health = files.load().environment.services[0].health
    assert (health.path, health.consecutive) == ("/well", 3)


def test_a_key_left_empty_by_accident_is_warned_of(given: Any) -> None:
    assert given("hooks:\n").load().warnings == (
        "configs/e.yaml:7: hooks: is empty, which removes a key of the extended file; there is none to remove",
    )


def test_free_keys_are_free_at_every_level_but_not_among_your_own_words(given: Any) -> None:
    files = given("""\
        x-notes: ${NOT_EVEN_SUBSTITUTED}
        goal: {x-why: because}
        dependencies: {api: {http: "http://x", expect: {x-version: "2"}, x-owner: me}}
        """)
    assert files.load().environment.dependencies[0].expect == {"x-version": "2"}


@pytest.mark.parametrize(
    ("extends", "beside", "sentence"),
    [
        ("e.yaml", {}, "configs/e.yaml:7: extends: goes in a circle: configs/e.yaml -> configs/e.yaml"),
        (
            "b.yaml",
            {"configs/b.yaml": "extends: e.yaml\n"},
            "configs/b.yaml:1: extends: goes in a circle: configs/e.yaml -> configs/b.yaml -> configs/e.yaml",
        ),
        ("nowhere.yaml", {}, "configs/e.yaml:7: extends: no such file: configs/nowhere.yaml"),
        (
            "b.yaml",
            {"configs/b.yml": ""},
            "configs/e.yaml:7: extends: no such file: configs/b.yaml; rename configs/b.yml",
        ),
        ("../../etc/passwd", {}, "configs/e.yaml:7: extends: ../etc/passwd lies outside the repository"),
        ("/etc/passwd", {}, "configs/e.yaml:7: extends: /etc/passwd lies outside the repository"),
        ("[a.yaml]", {}, "configs/e.yaml:7: extends: expected the name of a file, found a list"),
    ],
)
def test_where_the_chain_may_not_go(given: Any, extends: str, beside: dict[str, str], sentence: str) -> None:
    assert given(f"extends: {extends}\n", beside).problems() == [sentence]


def test_a_chain_without_end_is_cut(given: Any) -> None:
    beside = {f"configs/{n}.yaml": f"extends: {n + 1}.yaml\n" for n in range(20)}
    assert given("extends: 0.yaml\n", beside).problems() == [
        "configs/6.yaml:1: extends: the chain is longer than 8 files"
    ]


def test_a_mistake_of_syntax_in_the_foundation_is_told_with_those_above_it(given: Any) -> None:
    assert given("extends: b.yaml\ntitle: a\ntitle: b\n", {"configs/b.yaml": "a: b: c\n"}).problems() == [
        "configs/e.yaml:9: title: this key stands twice, first in line 8",
        "configs/b.yaml:1: not valid YAML: mapping values are not allowed here (column 5)",
    ]


def test_extends_goes_by_the_folder_of_the_file_that_says_it(given: Any) -> None:
    beside = {"configs/shared/b.yaml": "extends: ../c.yaml\ntitle: b\n", "configs/c.yaml": "title: c\nmission: c\n"}
    loaded = given("extends: shared/b.yaml\n", beside).load()
    assert (loaded.environment.charter.title, loaded.environment.charter.mission) == ("b", "c")


def test_an_empty_extends_extends_nothing(given: Any) -> None:
    assert given("extends:\n").load().files == ("configs/e.yaml",)


def test_an_empty_file_is_half_of_an_environment(given: Any) -> None:
    assert given("extends: b.yaml\n", {"configs/b.yaml": "# nothing yet\n"}).load().warnings == ()


def test_a_missing_environment_is_named(files: Any) -> None:
    assert files.problems("prod") == ["configs/prod.yaml: no such file"]
    files["configs/prod.yml"] = ""
    assert files.problems("prod") == ["configs/prod.yaml: no such file; rename configs/prod.yml"]


@pytest.mark.parametrize("name", ["../e", "E", "", "a b", "a" * 41, "-e"])
def test_an_environments_name_can_stand_in_paths_and_branches(files: Any, name: str) -> None:
    assert "is no name of an environment" in files.problems(name)[0]


def test_files_are_all_that_make_up_an_environment(given: Any) -> None:
    files = given("extends: b.yaml\n", {"configs/b.yaml": "", "configs/known-issues.yaml": "", "configs/c.yaml": ""})
    wanted = ("configs/e.yaml", "configs/b.yaml", "configs/known-issues.yaml")
    assert files_of("e", read=files.get) == wanted
    assert files.load().files == wanted
    del files["configs/known-issues.yaml"], files["configs/b.yaml"]
    assert files_of("e", read=files.get) == ("configs/e.yaml",)


def test_environments_are_the_files_that_are_not_only_extended() -> None:
    texts = {
        "configs/base.yaml": "title: t\n",
        "configs/staging.yaml": "extends: base.yaml\nenvironment: staging\nservices: {web: {source: .}}\n",
        "configs/staging-eu.yaml": "extends: staging.yaml\n",
        "configs/broken.yaml": "a: b: c\n",
        "configs/known-issues.yaml": "[]\n",
    }
    names = tuple(path.removeprefix("configs/") for path in (*texts, "configs/README.md"))
    assert environments(names, read=texts.get) == ("broken", "staging-eu", "staging")


def test_a_file_without_services_and_suites_is_a_foundation_even_where_nobody_extends_it() -> None:
    texts = {
        "configs/base.yaml": "title: t\n",
        "configs/used.yaml": "title: t\n",
        "configs/local.yaml": "extends: used.yaml\nservices: {web: {source: .}}\n",
        "configs/empty.yaml": "environment: empty\n",
    }
    names = tuple(path.removeprefix("configs/") for path in texts)
    assert environments(names, read=texts.get) == ("empty", "local")
    assert foundations(names, read=texts.get) == ("configs/base.yaml",)
