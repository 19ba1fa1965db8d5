"""Values as words."""

from loop.core.model import Split
from loop.core.wording import split_words


def test_a_split_names_each_revision_once_with_all_its_traffic_and_tags() -> None:
    serving = Split(revision="api-l1-0", percent=90)
    tagged = Split(revision="api-l1-0", percent=0, tag="l1-0")
    users = Split(revision="api-l1-0", percent=10, tag="blue")
    old = Split(revision="api-00001", percent=0, tag="green")
    assert split_words((serving, tagged, users, old)) == "100% api-l1-0 (l1-0, blue), 0% api-00001 (green)"
    assert split_words(()) == ""
