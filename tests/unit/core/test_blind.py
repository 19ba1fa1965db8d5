"""Tests that can not fail are found by their source, and nothing that could fail is called so."""

import textwrap
import warnings

import pytest

from loop.core.blind import ALWAYS_TRUE, EMPTY, NOTHING, SWALLOWED, blind, emptied, function_of

CALL = "ask('/x')"


def why(body: str, head: str = "def test_x(page):") -> str:
    source = f"{head}\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
    return blind(source).get("test_x", "")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("pass", EMPTY),
        ("...", EMPTY),
        ('"""Says much."""', EMPTY),
        ('"""Says much."""\npass', EMPTY),
        ("assert True", ALWAYS_TRUE),
        ("assert 1", ALWAYS_TRUE),
        ("assert (False, 'a message')", ALWAYS_TRUE),
        ("assert True or x", ALWAYS_TRUE),
        ("assert not None", ALWAYS_TRUE),
        ("assert 200 == 200", ALWAYS_TRUE),
        ("x = 1\nprint('fine', x)", NOTHING),
        ("return\nassert page", NOTHING),
        ("latency = 42\nprint(f'p95 {latency}')", NOTHING),
        (f"try:\n    {CALL}\n    assert False\nexcept Exception:\n    pass", SWALLOWED),
        (f"try:\n    {CALL}\nexcept:\n    print('never mind')", SWALLOWED),
        ("try:\n    assert page\nexcept AssertionError:\n    pass", SWALLOWED),
    ],
)
def test_what_can_not_fail_is_named_with_its_reason(body: str, reason: str) -> None:
    assert why(body) == reason
    assert why(body, "async def test_x(page):") == reason


@pytest.mark.parametrize(
    "body",
    [
        "assert page",
        "assert page == page.x",
        "assert False",
        "assert ()",
        "assert not True",
        "assert page and True",
        CALL,
        "page['a']",
        "page.title",
        "x = page.title",
        "raise RuntimeError",
        "import nowhere",
        "with pytest.raises(ValueError):\n    pass",
        "for x in page:\n    assert x",
        "await page",
        f"try:\n    {CALL}\nexcept ValueError:\n    pass",
        f"try:\n    {CALL}\nexcept Exception:\n    raise",
        f"try:\n    {CALL}\n    pytest.fail('no')\nexcept Exception:\n    pass",
        f"try:\n    {CALL}\nexcept AssertionError:\n    pass",
        f"try:\n    pass\nfinally:\n    {CALL}",
        "print(page.title)",
    ],
)
def test_whatever_could_fail_is_left_alone(body: str) -> None:
    assert why(body, "async def test_x(page):") == ""


def test_methods_are_named_as_pytest_names_them() -> None:
    source = "class TestA:\n    class TestB:\n        def test_c(self): pass\n    def test_d(self): assert self\n"
    assert blind(source) == {"TestA::TestB::test_c": EMPTY}
    assert function_of("tests/test_a.py::TestA::TestB::test_c[a::b]") == ("tests/test_a.py", "TestA::TestB::test_c")


def test_a_test_that_lost_its_assertions_is_emptied() -> None:
    before = "def test_a(): assert f()\ndef test_b(): pass\ndef test_c(): assert f()\n"
    after = "def test_a(): assert True\ndef test_b(): pass\ndef test_c(): assert g()\ndef test_new(): pass\n"
    assert emptied(before, after) == ("test_a",)


@pytest.mark.parametrize("source", ["def (", "\0", "", "(" * 5000])
def test_what_python_can_not_read_has_no_marks(source: str) -> None:
    assert blind(source) == {}


def test_odd_escapes_in_foreign_sources_warn_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert blind("def test_a(): '\\d'\n") == {"test_a": EMPTY}
