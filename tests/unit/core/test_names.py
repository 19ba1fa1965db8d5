import pytest

from loop.core import names
from loop.errors import ConfigError


def test_remote_names_carry_the_uid():
    assert names.revision_name("acme-auth", "a1b2c3", 4) == "acme-auth-la1b2c3-4"
    assert names.tag_name("a1b2c3", 4) == "la1b2c3-4"


@pytest.mark.parametrize("service", ["s" * 50, "s" * 60])
def test_a_service_name_too_long_for_cloud_run_is_a_configuration_error(service):
    with pytest.raises(ConfigError, match="too long"):
        names.revision_name(service, "a1b2c3", 0)
    assert names.revision_name("s" * 49, "a1b2c3", 999)


def test_labels_fit_cloud_runs_limit_of_63_characters():
    labels = names.labels("a1b2c3", 2, "c" * 40, "sha256:" + "d" * 64)
    assert labels == {
        "loop-run": "a1b2c3", "loop-iteration": "2", "loop-commit": "c" * 40, "loop-digest": "d" * 40,
    }  # fmt: skip


def test_a_label_without_a_value_is_left_out():
    assert "loop-digest" not in names.labels("a1b2c3", 2, "c" * 40, "")


def test_work_is_the_same_by_run_iteration_and_content():
    ours = names.labels("a1b2c3", 2, "c" * 40, "d" * 64)
    assert names.same_work(ours | {"loop-commit": "e" * 40, "team": "red"}, ours)
    for key in ("loop-run", "loop-iteration", "loop-digest"):
        assert not names.same_work(ours | {key: "other"}, ours)
        assert not names.same_work({k: v for k, v in ours.items() if k != key}, ours)
