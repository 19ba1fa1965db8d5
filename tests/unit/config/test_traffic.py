"""`traffic:` in a file: a word or a map, and what does not go together with it."""

from typing import Any

import pytest

from loop.core.environment import OnFailure, Promotion, Strategy


def test_a_word_is_the_strategy(given: Any) -> None:
    rule = given("traffic: candidate\n").load().environment.charter.traffic
    assert (rule.strategy, rule.promote, rule.confirm, rule.on_failure) == (
        Strategy.CANDIDATE, Promotion.AUTOMATIC, None, OnFailure.KEEP,
    )  # fmt: skip


def test_direct_is_what_a_file_without_it_means(given: Any) -> None:
    assert given("").load().environment.charter.traffic.strategy is Strategy.DIRECT


@pytest.mark.parametrize(("confirm", "suites"), [("all", None), ("none", ()), ("[]", ()), ("[smoke]", ("smoke",))])
def test_a_confirmation_is_all_none_or_named(given: Any, confirm: str, suites: tuple[str, ...] | None) -> None:
    loaded = given(f"traffic: {{strategy: candidate, confirm: {confirm}}}\n").load()
    assert loaded.environment.charter.traffic.confirm == suites


CALLING = "services:\n  a: {source: a}\n  b: {source: b, env: {A: '${services.a.url}'}}\nsuites: {smoke: {pytest: t}}\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("traffic: canary\n", 'traffic.strategy: expected direct or candidate, found the text "canary"'),
        (
            "traffic: {confirm: some}\n",
            'traffic.confirm: expected all, none or a list of suites, found the text "some"',
        ),
        (
            "traffic: {strategy: candidate, confirm: [smok]}\n",
            'traffic.confirm[0]: names the unknown suite "smok"; did you mean "smoke"?',
        ),
    ],
)
def test_what_it_can_not_be_is_a_sentence(given: Any, text: str, sentence: str) -> None:
    (said,) = given(text).problems()
    assert said.endswith(sentence)


def test_services_that_call_each_other_need_a_confirmation(only: Any) -> None:
    head = "platform: {endpoint: emulator}\ntraffic: {strategy: candidate, confirm: none}\n"
    (said,) = only(head + CALLING).problems()
    assert "traffic.confirm: can not be none: b calls a" in said


def test_a_name_that_leaves_no_room_for_a_tag_is_refused(only: Any) -> None:
    text = f"platform: {{endpoint: emulator}}\nservices: {{{'a' * 40}: {{source: x}}}}\nsuites: {{s: {{pytest: t}}}}\n"
    assert only(text).load()
    (said,) = only(f"{text}traffic: candidate\n").problems()
    assert "too long for a tag beside it (36 characters with strategy: candidate)" in said


def test_keys_of_the_other_strategy_are_warned_of(given: Any) -> None:
    (said,) = given("traffic: {promote: manual}\n").load().warnings
    assert said.endswith("traffic.promote: does nothing without strategy: candidate")
