"""Parsing of requests: the path, the query and the body of an operation, as its models have them."""

from collections.abc import Mapping
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from connector_core.problems import problems
from connector_core.web.api.shapes import Shape
from connector_core.web.errors import MediaTypeError, MissingError, RequestError

S = TypeVar("S", bound=Shape)


def parse_path(request: web.Request, model: type[S]) -> S:
    """Return what the path names. MissingError if nothing can have such a name."""
    try:
        return model.model_validate(dict(request.match_info))
    except ValidationError:
        raise MissingError("There is nothing of that name.") from None


def parse_query(request: web.Request, model: type[S] | None) -> S | None:
    """Return the parameters of the query. RequestError names each that is unknown, not valid, or given twice."""
    given = request.query
    if twice := sorted({name for name in given if len(given.getall(name)) > 1}):
        raise _refused("query", [(name, "is given twice") for name in twice])
    if model is None:
        _parsed("query", Shape, given)
        return None
    return _parsed("query", model, given)


async def parse_body(request: web.Request, model: type[S]) -> S:
    """Return the body. MediaTypeError if it is not JSON, RequestError for each key that is unknown or not valid."""
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise MediaTypeError("The body has to be JSON.", hint="Send it with Content-Type: application/json, in UTF-8.")
    if "Content-Encoding" in request.headers:
        raise MediaTypeError("The body has to be sent as it is.", hint="Leave out Content-Encoding.")
    raw = await request.read()
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise _refused("body", _findings(error, model)) from None


def _parsed(place: str, model: type[S], given: Mapping[str, str]) -> S:
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise _refused(place, _findings(error, model)) from None


def _findings(error: ValidationError, model: type[Shape]) -> list[tuple[str, str]]:
    return [(".".join(one.place), one.said) for one in problems(error, model)]


def _refused(part: str, findings: list[tuple[str, str]]) -> RequestError:
    places = [(f"{part}.{place}" if place else part, said) for place, said in findings]
    said = "; ".join(f"{place}: {problem}" for place, problem in places)
    return RequestError(f"The request is not valid: {said}.", findings=places)
