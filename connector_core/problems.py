"""Validation errors of pydantic in our words: places and reasons, never the input."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from connector_core.suggestions import nearest

_WORDS = {
    "extra_forbidden": "there is no such key",
    "missing": "is missing",
    "string_type": "should be a text",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "dict_type": "should be a table",
    "model_type": "should be a table",
    "model_attributes_type": "should be a table",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "int_from_float": "should be a whole number",
    "int_parsing_size": "has too many digits",
    "finite_number": "should be a finite number",
    "path_type": "should be a path",
    "set_type": "should be a set",
    "frozen_set_type": "should be a set",
    "dataclass_type": "should be a {class_name}",
    "time_delta_type": "should be a timedelta",
    "too_short": "is too short: at least {min_length}",
    "string_too_short": "is too short: at least {min_length}",
    "string_too_long": "is too long: at most {max_length}",
    "string_pattern_mismatch": "should match the pattern {pattern}",
    "greater_than_equal": "must be at least {ge:.15g}",
    "greater_than": "must be more than {gt:.15g}",
    "less_than_equal": "must be at most {le:.15g}",
    "less_than": "must be less than {lt:.15g}",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: where it is, what it is, and the value or key that was probably meant, if there is one."""

    place: tuple[str, ...]
    said: str
    suggestion: str = ""


def problems(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Yield each problem of input for this model."""
    for one in error.errors(include_input=False, include_url=False):
        place = tuple(str(part) for part in one["loc"])
        context = one.get("ctx", {})
        suggestion = context.get("suggestion", "")
        said = _said(one["type"], one["msg"], context)
        if one["type"] == "extra_forbidden" and (suggestion := nearest(place[-1], _keys(model, place[:-1]))):
            said = f"{said} (did you mean {suggestion}?)"
        yield Problem(place, said, suggestion)


def _said(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in _WORDS:
        return _WORDS[kind].format_map(context)
    if "error" in context:
        # A ValueError of ours says it best; pydantic would put «Value error» before it.
        return str(context["error"])
    message = message.removeprefix("Input ")
    return message[:1].lower() + message[1:]


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """Return all of them, on one line."""
    return "; ".join(f"{'.'.join(one.place)}: {one.said}" for one in problems(error, model))


def _keys(model: type[BaseModel], place: Sequence[str]) -> Iterable[str]:
    """Return the keys of the table at this place below a model."""
    for key in place:
        # A key that is no field is one of a mapping, to the model that its field named.
        if field := model.model_fields.get(key):
            model = next(_models(field.annotation), model)
    return model.model_fields


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation such as ``Mapping[str, Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
