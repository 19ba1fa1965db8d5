"""Ids that tell cases apart, and texts that are cut after they were redacted."""

from dataclasses import fields

from loop.children import uncoloured
from loop.core.model import Case, Outcome
from loop.core.plain import plain_case
from loop.suites.excerpts import DETAIL_LIMIT, MESSAGE_LINES, detail_excerpt, message_excerpt, storable
from loop.suites.ids import numbered
from loop.suites.sources import digest_of_ids, with_conftests


def test_equal_names_are_numbered_in_order() -> None:
    assert numbered(["a", "b", "a", "a"]) == ["a", "b", "a#2", "a#3"]


def test_a_number_never_collides_with_a_name_that_looks_numbered() -> None:
    assert len(set(numbered(["a#2", "a", "a", "a#2", "a"]))) == 5


def test_a_detail_keeps_head_and_tail() -> None:
    cut = detail_excerpt("head" + "x" * 50_000 + "tail")
    assert cut.startswith("head")
    assert cut.endswith("tail")
    assert len(cut) < DETAIL_LIMIT + 100
    assert "characters left out" in cut


def test_a_message_keeps_its_first_lines() -> None:
    assert message_excerpt("\n".join(map(str, range(100)))).splitlines() == [str(n) for n in range(MESSAGE_LINES)]
    assert message_excerpt(" short \n") == "short"


def test_a_terminals_colours_are_no_part_of_a_text() -> None:
    assert uncoloured("\x1b[31mred\x1b[0m and plain") == "red and plain"


def test_a_lone_surrogate_is_spelled_out_and_other_text_stays() -> None:
    assert storable("a \ud800 b") == "a \\ud800 b"
    assert storable("Grüße 👋 \\ud800") == "Grüße 👋 \\ud800"


def test_the_fast_way_to_make_a_case_gives_the_same_case() -> None:
    fast = plain_case("s::x", Outcome.PASSED, 0.5, "a.py", "d1")
    slow = Case(id="s::x", outcome=Outcome.PASSED, seconds=0.5, file="a.py", source="d1")
    assert fast == slow
    assert [getattr(fast, field.name) for field in fields(Case)] == [
        getattr(slow, field.name) for field in fields(Case)
    ]
    assert fast.properties is not plain_case("s::y", Outcome.PASSED, None, "", "").properties


def test_the_digest_of_cases_does_not_depend_on_their_order() -> None:
    assert digest_of_ids(["b", "a"]) == digest_of_ids(["a", "b"]) != digest_of_ids(["a", "c"])
    assert digest_of_ids([]) == ""


def test_every_conftest_above_a_test_belongs_to_its_sources() -> None:
    assert with_conftests(["tests/staging/test_a.py"]) == {
        "tests/staging/test_a.py",
        "tests/staging/conftest.py",
        "tests/conftest.py",
        "conftest.py",
    }
