"""YAML's own traps: repeated keys, aliases, tabs, tags, and files that are no YAML."""

from typing import Any

import pytest

from loop.config.document import MAX_VALUES, parse


def test_a_key_that_stands_twice_names_both_lines(given: Any) -> None:
    assert given("goal: {}\ntitle: a\ngoal: {pass_rate: 5%}\n").problems() == [
        "configs/e.yaml:9: goal: this key stands twice, first in line 7"
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: b\n\tc: d\n", "configs/e.yaml:2: not valid YAML: a tab indents this line; YAML takes spaces only"),
        ("a: b: c\n", "configs/e.yaml:1: not valid YAML: mapping values are not allowed here (column 5)"),
        (
            "a: 1\n---\nb: 2\n",
            (
                "configs/e.yaml:2: not valid YAML: expected a single document in the stream, "
                "but found another document (column 1)"
            ),
        ),
        ("a: 1\nb: \x07\n", "configs/e.yaml:2: not valid YAML: the character #x0007 is not allowed"),
        ("a: " + "[" * 5000, "configs/e.yaml:1: nested too deeply"),
        ("a: *nobody\n", "configs/e.yaml:1: not valid YAML: found undefined alias 'nobody' (column 4)"),
        (
            'a: "b\n',
            (
                "configs/e.yaml:1: not valid YAML: while scanning a quoted scalar, found unexpected end of stream"
                " (column 4)"
            ),
        ),
        ("- a\n", "configs/e.yaml:1: expected a map of keys, found a list"),
        ("just words\n", 'configs/e.yaml:1: expected a map of keys, found the text "just words"'),
    ],
)
def test_what_is_no_configuration_at_all_is_one_sentence(only: Any, text: str, sentence: str) -> None:
    assert only(text).problems()[0] == sentence


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("title: !!int abc\n", 'configs/e.yaml:7: title: "abc" is no int'),
        ("title: !!binary aGk=\n", "configs/e.yaml:7: title: the tag !!binary means nothing here"),
        ("title: !env HOME\n", "configs/e.yaml:7: title: the tag !env means nothing here"),
        ("title: !!bool perhaps\n", 'configs/e.yaml:7: title: "perhaps" is no bool'),
        ("goal: &g [*g]\n", "configs/e.yaml:7: goal[0]: this alias contains itself"),
        ("? [a, b]\n: c\n", "configs/e.yaml:7: a key must be text"),
        ("goal: {'': 1}\n", "configs/e.yaml:7: goal: a key must be text"),
        ("goal:\n  <<: 5\n", "configs/e.yaml:8: goal: << takes a map or a list of maps"),
    ],
)
def test_what_safe_yaml_would_take_in_silence_is_named(given: Any, more: str, sentence: str) -> None:
    assert sentence in given(more).problems()


def test_numbers_too_long_for_python_and_too_long_for_a_clock_are_refused(given: Any) -> None:
    problems = given(f"limits: {{iterations: {'9' * 5000}, time: 0x{'f' * 400}}}\n").problems()
    assert problems[0].endswith('9" is no int')
    assert problems[1].endswith("found a huge number")


def test_a_bomb_of_aliases_is_refused_before_it_unfolds() -> None:
    rows = ["x-a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"]
    rows += [f"x-{n}: &{n} [{', '.join([f'*{p}'] * 10)}]" for p, n in zip("abcdefg", "bcdefgh", strict=True)]
    document = parse("\n".join(rows), "configs/e.yaml")
    assert [str(problem) for problem in document.problems] == [
        f"configs/e.yaml: unfolds to more than {MAX_VALUES} values; fewer aliases, please"
    ]


def test_deep_nesting_that_yaml_can_still_read_is_refused(given: Any) -> None:
    problems = given("goal: " + "[" * 60 + "]" * 60 + "\n").problems()
    assert "configs/e.yaml:7: nested more than 40 levels deep" in problems


MERGED = """\
x-soon: &soon {within: 10s, path: /a}
x-well: &well
  path: /well
  within: never
platform: {endpoint: emulator}
services:
  web: {source: web, health: {<<: [*soon, *well], consecutive: 2}}
suites: {smoke: {pytest: tests}}
"""


def test_merge_keys_add_what_is_not_said_and_keep_the_anchors_lines(only: Any) -> None:
    health = only(MERGED).load().environment.services[0].health
    assert (health.path, health.within, health.consecutive) == ("/a", 10.0, 2)
    assert only(MERGED.replace("[*soon, *well]", "*well")).problems() == [
        (
            "configs/e.yaml:4: services.web.health.within: expected a duration above zero such as 90s, 20m or 1h30m, "
            'found the text "never"'
        )
    ]


def test_words_that_yaml_takes_for_numbers_or_truth_stay_words_as_keys_and_variables(given: Any) -> None:
    files = given("dependencies: {no: {http: 'http://x', expect: {on: yes, version: 1.10}}}\n")
    files["configs/e.yaml"] = files["configs/e.yaml"].replace(
        "web}", "web, env: {ON: off, VERSION: 1.10, DAY: 2027-01-31, MASK: 0x1F, NOTHING: ''}}"
    )
    environment = files.load().environment
    assert environment.services[0].env == {
        "ON": "off",
        "VERSION": "1.10",
        "DAY": "2027-01-31",
        "MASK": "0x1F",
        "NOTHING": "",
    }
    assert environment.dependencies[0].name == "no"
    assert environment.dependencies[0].expect == {"on": "yes", "version": "1.10"}


def test_a_byte_order_mark_is_no_mistake(files: Any) -> None:
    files["configs/e.yaml"] = "\ufeff" + files["configs/e.yaml"]
    assert files.load().environment.charter.name == "e"
