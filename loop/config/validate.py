"""pydantic's findings as our sentences, at the places that the merged configuration remembers."""

from collections.abc import Iterable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from loop.config.document import Located
from loop.config.problems import Path, Place, Problem, did_you_mean, found

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], root: Located) -> tuple[M | None, tuple[Problem, ...]]:
    try:
        return model.model_validate(plain(root)), ()
    except ValidationError as error:
        return None, tuple(_problem(model, root, detail) for detail in error.errors(include_url=False))


def plain(located: Located) -> Any:
    if isinstance(located.value, dict):
        return {key: plain(value) for key, value in located.keys.items()}
    if isinstance(located.value, list):
        return [plain(item) for item in located.items]
    return located.value


def place_of(root: Located, path: Path) -> Place:
    """Where a path is defined; for what is not there, where the map that lacks it begins."""
    place, here = root.place, root
    for part in path:
        inner = here.keys.get(part) if isinstance(part, str) else next(iter(here.items[part : part + 1]), None)
        if inner is None:
            break
        place, here = inner.place, inner
    return place


def _problem(model: type[BaseModel], root: Located, detail: ErrorDetails) -> Problem:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    return Problem(place_of(root, path), path, _sentence(model, detail, path))


def _sentence(model: type[BaseModel], detail: ErrorDetails, path: Path) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            return f"unknown key{did_you_mean(str(path[-1]), _keys(model, path[:-1]))}"
        case "missing":
            return f"is missing: {_description(model, path)}"
        case "model_type" | "dict_type":
            return f"expected a map of keys, found {found(detail['input'])}"
        case "tuple_type":
            hint = f'; write ["{detail["input"]}"]' if isinstance(detail["input"], str) else ""
            return f"expected a list, found {found(detail['input'])}{hint}"
        case "enum":
            return f"expected {context['expected'].replace(chr(39), '')}, found {found(detail['input'])}"
        case "greater_than_equal":
            return f"expected at least {context['ge']}, found {found(detail['input'])}"
        case "less_than_equal":
            return f"expected at most {context['le']}, found {found(detail['input'])}"
        case _:
            return detail["msg"]


def _keys(model: type[BaseModel], path: Path) -> Iterable[str]:
    here = _model_at(model, path)
    return [field.alias or name for name, field in here.model_fields.items()] if here else []


def _description(model: type[BaseModel], path: Path) -> str:
    here = _model_at(model, path[:-1])
    fields = {field.alias or name: field for name, field in here.model_fields.items()} if here else {}
    return (fields[str(path[-1])].description or "").rstrip(".")


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that describes the map at a path: fields by name, and any key of a map of models."""
    here: Any = model
    for part in path:
        inner = models_in(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in here.model_fields.items()}
            here = fields.get(str(part))
        else:
            here = inner
    return models_in(here)


def models_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `X`, `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for inner in map(models_in, get_args(annotation)) if inner), None)
