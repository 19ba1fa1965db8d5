"""Whether any of many short texts stands in a long one: the same answer as looking for each of them."""

from hypothesis import given
from hypothesis import strategies as st

from loop.core.needles import Needles

TEXTS = st.text(alphabet="abzZ:/%é 0", max_size=12)


@given(st.lists(TEXTS.filter(bool), max_size=6), TEXTS)
def test_the_answer_is_that_of_looking_for_each(needles: list[str], text: str) -> None:
    assert Needles(needles).stand_in(text) is any(needle in text for needle in needles)


def test_a_text_that_holds_the_rarest_character_alone_does_not_hold_the_word() -> None:
    assert not Needles(["eyJ"]).stand_in("Java")
    assert Needles(["eyJ"]).stand_in("Java eyJ")


def test_none_stand_in_any_text() -> None:
    assert not Needles([]).stand_in("text")
