"""The reference and the schema come from the models: each key is described, and what the schema takes, load takes."""

import json
from typing import Any

from loop.config.models import EnvironmentFile
from loop.config.reference import reference, schema, sections


def every_key(made: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    definitions = {"": made, **made["$defs"]}
    return [(f"{n}.{k}", v) for n, d in definitions.items() for k, v in d.get("properties", {}).items()]


def test_every_key_is_described() -> None:
    keys = every_key(schema())
    assert len(keys) > 80
    assert [name for name, key in keys if not key.get("description", "").strip()] == []


def test_a_file_may_be_half_of_an_environment() -> None:
    made = schema()
    for definition in (made, *made["$defs"].values()):
        assert "required" not in definition
    for name, key in every_key(made):
        if name != ".extends":
            assert {"type": "null"} in key["anyOf"], name


def test_free_keys_are_free_and_unknown_ones_are_not() -> None:
    made = schema()
    for definition in (made, *made["$defs"].values()):
        if "properties" in definition:
            assert "^x-" in definition["patternProperties"]
            assert definition["additionalProperties"] is False


def test_the_schema_is_the_same_each_time_and_plain_json() -> None:
    assert json.loads(json.dumps(schema())) == schema()


def test_shorthands_and_variables_pass_an_editor() -> None:
    made = schema()["$defs"]
    assert {"type": "string"} in made["Service"]["properties"]["health"]["anyOf"]
    assert {"type": "string"} in made["Suite"]["properties"]["pytest"]["anyOf"]
    assert {"type": "string", "pattern": r"\$\{"} in made["Service"]["properties"]["port"]["anyOf"]
    assert made["Service"]["properties"]["env"]["anyOf"][0]["additionalProperties"]["type"] == [
        "string",
        "number",
        "boolean",
    ]


def test_the_reference_shows_each_section_with_meaning_and_default() -> None:
    whole = reference()
    for name, field in EnvironmentFile.model_fields.items():
        assert f"\n## {name}\n\n{field.description}\n" in whole
    assert whole.startswith("# Configuration\n")
    assert "  # Longest time for one attempt.\n  timeout: <duration>    # default: 30m\n" in whole
    assert (
        "    # Give each case a trace id that its requests carry.\n    trace: true | false    # default: true\n"
        in whole
    )
    assert "    health:\n" in whole
    assert "    env: {<name>: <text>, ...}\n" in whole
    assert "    template: {...}\n" in whole
    assert "  await: commit\n" in whole
    assert "capabilities: {<name>: [<text>, ...], ...}\n" in whole


def test_one_section_alone() -> None:
    assert reference("goal").startswith("## goal\n\nWhen the run is done.\n\n```yaml\ngoal:\n  # Share of")
    assert sections()[0] == "extends"


def test_no_line_of_the_reference_runs_off_the_page() -> None:
    assert [line for line in reference().splitlines() if len(line) > 120] == []
