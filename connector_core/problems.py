"""Validation errors of pydantic in our words: places and reasons, never the input."""

from collections.abc import Iterator

from pydantic import ValidationError

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
}


def problems(error: ValidationError) -> Iterator[tuple[list[str], str]]:
    """Each problem: where it is, and what it is."""
    for one in error.errors(include_input=False, include_url=False):
        context = one.get("ctx", {})
        # A ValueError of ours says it best; pydantic would put «Value error» before it.
        said = str(context["error"]) if "error" in context else one["msg"][:1].lower() + one["msg"][1:]
        yield [str(part) for part in one["loc"]], _WORDS.get(one["type"], said)


def sentence(error: ValidationError) -> str:
    """All of them, on one line."""
    return "; ".join(f"{'.'.join(place)}: {said}" for place, said in problems(error))
