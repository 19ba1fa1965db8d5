"""The field types that models share: each has its parser, its sentence on refusal, and its face in the JSON Schema."""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from loop.config import values
from loop.config.problems import found
from loop.core.names import SERVICE_LIMIT


class Model(BaseModel):
    """Unknown keys are mistakes; `x-` keys are gone before a model sees anything."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def written(default: str, description: str) -> Any:
    """A key whose default stands in the reference as a file would write it."""
    return Field(default, description=description)


def shaped(pattern: str, sentence: str) -> BeforeValidator:
    """Text of one shape; the sentence says which."""

    def check(value: object) -> str:
        if re.fullmatch(pattern, values.text(value)):
            return values.text(value)
        raise ValueError(f"{sentence}, found {found(value)}")

    return BeforeValidator(check)


def parsed(parser: Callable[[object], object]) -> BeforeValidator:
    return BeforeValidator(parser)


def _schema(**kind: Any) -> WithJsonSchema:
    return WithJsonSchema(kind)


Text = Annotated[str, BeforeValidator(values.text)]
Words = Annotated[str, BeforeValidator(values.some_text)]
Whole = Annotated[int, BeforeValidator(values.whole)]
Switch = Annotated[bool, BeforeValidator(values.switch)]
Texts = tuple[Words, ...]
Duration = Annotated[
    float,
    BeforeValidator(values.seconds),
    _schema(type=["string", "number"], examples=["90s", "20m", "1h30m"]),
]
Rate = Annotated[
    Fraction,
    BeforeValidator(values.rate),
    _schema(type=["string", "number"], examples=["96%", "100%", 0.96]),
]
Limit = Annotated[
    values.Limit,
    BeforeValidator(values.limit),
    _schema(type=["string", "number"], examples=["100ms", 0.5]),
]
Arguments = Annotated[tuple[Text, ...], BeforeValidator(values.arguments)]
Confirm = Annotated[
    tuple[Text, ...] | None,
    BeforeValidator(values.confirm),
    WithJsonSchema({"anyOf": [{"enum": ["all", "none"]}, {"type": "array", "items": {"type": "string"}}]}),
]
VariableName = Annotated[
    str,
    shaped(r"[A-Za-z_][A-Za-z0-9_]*", "expected the name of an environment variable"),
]
Written = Annotated[str, BeforeValidator(values.text), _schema(type=["string", "number", "boolean"])]
"""Text that needs no quotes: the value as it stands in the file."""
Variables = dict[VariableName, Written]
FolderPath = Annotated[Words, shaped(r"(?!/)(?!.*(^|/)\.\.(/|$)).+", "expected a path inside the repository")]
HttpAddress = Annotated[str, shaped(r"(https?://|\$\{)\S+", "expected an http:// or https:// address")]
ServiceName = Annotated[
    str,
    shaped(
        values.CLOUD_RUN_NAME.pattern,
        f"Cloud Run's name of a service takes at most {SERVICE_LIMIT} lower-case letters, digits and hyphens, "
        "a letter first",
    ),
]
