"""known-issues.yaml is the user's: what was there stays, character by character, and a change is proved before it is
handed out.
"""

from dataclasses import replace

import pytest
import yaml

from loop.config.known import HEAD, added, entries, expired
from loop.core.environment import KnownIssue
from loop.errors import ConfigError

FILE = "configs/known-issues.yaml"
ISSUE = KnownIssue(pattern="s::t[a*]", signature="HTTP 403", owner="ann", reason="no account", until="2027-01-31")
OWN = """\
# ours
- pattern: "*::test_1"   # the first
  signature: refused
  owner: bob
  reason: flaky network
  until: 2027-01-31      # ask again
"""


def issues(text: str) -> list[KnownIssue]:
    return [entry.issue for entry in entries(text, FILE)]


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_the_first_entry_makes_the_file_with_a_comment(text: str | None) -> None:
    new = added(text, ISSUE, FILE)
    assert new.startswith(HEAD)
    assert issues(new) == [ISSUE]


@pytest.mark.parametrize(
    "old",
    [
        OWN,
        OWN.rstrip("\n"),
        OWN.replace("\n", "\r\n"),
        "\n".join(f"    {line}" for line in OWN.splitlines()) + "\n",
        "# only a comment\n",
        "- {pattern: a, signature: b, owner: c, reason: d, until: '2027-01-31'}\n",
    ],
    ids=["block", "no newline at the end", "windows", "indented", "comment", "flow entry"],
)
def test_an_entry_is_appended_and_what_was_there_stays(old: str) -> None:
    new = added(old, ISSUE, FILE)
    assert new.startswith(old)
    assert issues(new) == [*issues(old), ISSUE]
    assert new.count("\r\n") == (new.count("\n") if "\r\n" in old else 0)


@pytest.mark.parametrize(
    "text", ['a: "b" #c', "x\\y", "- [", "200 != 403", "é \u2028 end", "yes", "2027-01-31", "<hex>"]
)
def test_any_text_reads_back_as_it_was_given(text: str) -> None:
    odd = replace(ISSUE, pattern=text, signature=text, owner=text, reason=text, link=text)
    assert issues(added(OWN, odd, FILE))[-1] == odd


@pytest.mark.parametrize("old", ["[]\n", "a: map\n", "- pattern: x\n", OWN + "...\n", "- ["])
def test_a_file_that_can_not_take_an_entry_is_refused_with_the_reason(old: str) -> None:
    with pytest.raises(ConfigError) as raised:
        added(old, ISSUE, FILE)
    assert FILE in raised.value.problems[0]


def test_expiry_edits_one_date_and_nothing_else() -> None:
    text = added(OWN, ISSUE, FILE)
    new = expired(text, "*::test_1", "2026-11-21", FILE)
    assert new == text.replace("until: 2027-01-31      # ask again", "until: 2026-11-21      # ask again")


@pytest.mark.parametrize(
    "entry",
    [
        "- {until: 2027-01-31, pattern: p, signature: '2027-01-31', owner: c, reason: until 2027-01-31}\n",
        '- "pattern": p\n  "until": "2027-01-31"\n  signature: a\n  owner: b\n  reason: c\n',
    ],
)
def test_expiry_finds_the_date_however_it_is_written(entry: str) -> None:
    new = expired(entry, "p", "2026-11-21", FILE)
    assert issues(new) == [replace(issues(entry)[0], until="2026-11-21")]
    assert len(new) == len(entry)


def test_a_date_that_stands_in_a_line_of_its_own_is_left_to_the_user() -> None:
    with pytest.raises(ConfigError, match="left as it is"):
        expired(
            "- pattern: p\n  until:\n    2027-01-31\n  signature: a\n  owner: b\n  reason: c\n", "p", "2026-11-21", FILE
        )


def test_an_entry_that_shares_its_date_with_another_is_not_edited() -> None:
    shared = (
        "- &one {pattern: p, signature: a, owner: b, reason: c, until: 2027-01-31}\n"
        "- {<<: *one, pattern: q}\n"
    )  # fmt: skip
    with pytest.raises(ConfigError, match="left as it is"):
        expired(shared, "q", "2026-11-21", FILE)


def test_what_is_written_is_plain_yaml() -> None:
    (entry,) = yaml.safe_load(added(None, replace(ISSUE, link="https://tracker/1"), FILE))
    assert entry == {
        "pattern": "s::t[a*]", "signature": "HTTP 403", "owner": "ann", "reason": "no account",
        "until": __import__("datetime").date(2027, 1, 31), "link": "https://tracker/1",
    }  # fmt: skip
