"""Whatever stands in the files, loading ends with values or with a ConfigError whose every line points into a file."""

import re
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.config import Loaded, load
from loop.config.models import EnvironmentFile
from loop.config.reference import schema
from loop.errors import ConfigError

KEYS = sorted(
    {key for d in (schema(), *schema()["$defs"].values()) for key in d.get("properties", {})} - {"extends"}
    | set(EnvironmentFile.model_fields)
    | {"web", "api", "x-y", "<<", "on", ""}
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=8),
    st.sampled_from(
        ["web", "${A}", "${secret:S}", "${services.web.url}", "$$", "${", "5%", "1h", "/x", "emulator", "commit"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)
MAPS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)
BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1 counts as the end of a line
SENTENCE = re.compile(r"configs/(?:e|b|known-issues)\.yaml(?::(\d+))?: \S.*", re.DOTALL)


def outcome(files: dict[str, str]) -> Loaded | ConfigError:
    try:
        return load("e", read=files.get, variables={"A": "1", "S": "correct-horse"})
    except ConfigError as error:
        return error


def assert_sound(files: dict[str, str]) -> None:
    found = outcome(files)
    if isinstance(found, ConfigError):
        assert found.problems
    for sentence in found.problems if isinstance(found, ConfigError) else found.warnings:
        match = SENTENCE.fullmatch(sentence)
        assert match, sentence
        name = sentence.split(":", 1)[0]
        assert match[1] is None or int(match[1]) <= len(BREAKS.split(files[name])), sentence


def dumped(value: Any, **how: Any) -> str:
    return yaml.safe_dump(value, allow_unicode=True, **how)


@settings(deadline=None, max_examples=150)
@given(MAPS, MAPS, st.booleans())
def test_arbitrary_maps_merge_and_keep_their_places(own: dict[str, Any], below: dict[str, Any], flow: bool) -> None:
    text = dumped({"extends": "b.yaml", **own}, default_flow_style=flow)
    assert_sound({"configs/e.yaml": text, "configs/b.yaml": dumped(below), "configs/known-issues.yaml": dumped([own])})


@settings(deadline=None, max_examples=150)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    assert_sound({"configs/e.yaml": text + "\n", "configs/known-issues.yaml": text + "\n"})


@settings(deadline=None, max_examples=100)
@given(MAPS)
def test_what_loads_alone_loads_the_same_as_its_own_foundation(own: dict[str, Any]) -> None:
    """Nothing over something is that something; a key that is null in both is only more often warned of."""
    alone = outcome({"configs/e.yaml": dumped(own)})
    below = outcome({"configs/e.yaml": "extends: b.yaml\n", "configs/b.yaml": dumped(own)})
    if isinstance(alone, Loaded):
        assert isinstance(below, Loaded)
        assert below.environment == alone.environment
    else:
        assert isinstance(below, ConfigError)
        assert len(below.problems) == len(alone.problems)
