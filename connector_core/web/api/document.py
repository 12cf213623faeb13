"""The OpenAPI document, made of the declared operations."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from connector_core.settings import Role
from connector_core.web.api.operations import PREFIX, Operation
from connector_core.web.api.shapes import ProblemShape

_ABOUT = (
    "Everything that the pages of `discover serve` show and do. Programs send the token that it prints at its start: "
    "`Authorization: Bearer TOKEN`. Unknown parameters and keys are refused. Errors are problem documents (RFC 9457) "
    "whose `code` is stable."
)
_SAID = {
    204: "Done.",
    401: "The request names no user.",
    403: "The user may not do this, or another site may have sent the request.",
    404: "It does not exist.",
    409: "It is in use, exists already, or has changed since it was shown.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "The request is for another host name, or did not come through the proxy.",
    422: "The request is not valid, or cannot be done as it stands.",
    429: "There were too many wrong tokens.",
    500: "A bug.",
    502: "The provider failed.",
    503: "The store cannot be used.",
}
_REF = "#/components/schemas/{model}"


def document_of(operations: Iterable[Operation], *, cookie: str = "__Host-session") -> dict[str, Any]:
    """Return the document. ``cookie`` is the name of the cookie that signs a browser in."""
    found = [*operations]
    used: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemShape, "serialization"): None}
    for one in found:
        used.update({(part, "validation"): None for part in one.parts.values()})
        if one.answer:
            used[one.answer, "serialization"] = None
    names, schemas = models_json_schema([*used], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for one in found:
        paths[PREFIX + one.path][one.method.lower()] = _operation(one, names, schemas.get("$defs", {}))
    inlined = {names[part, "validation"]["$ref"] for one in found for kind, part in one.parts.items() if kind != "body"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "discover serve", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {
            "schemas": {
                name: schema
                for name, schema in sorted(schemas.get("$defs", {}).items())
                if _REF.format(model=name) not in inlined
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The token that was printed."},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie, "description": "Signed in by the page."},
                "formKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Form-Key",
                    "description": "The session's key, which `GET /api/v1/me` tells: changes need it.",
                },
            },
        },
    }


def _operation(one: Operation, names: Mapping[Any, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.group],
        "summary": one.summary,
        "description": f"{one.description} Needs the role {one.role.value}.".strip(),
        "security": [{"token": []}, {"session": [], "formKey": []} if one.changes else {"session": []}],
        "responses": _responses(one, names),
        "x-role": one.role.value,
    }
    if one.role is Role.VIEWER:
        made["description"] = one.description or f"{one.summary}."
    if parameters := [
        parameter for place in ("path", "query") for parameter in _parameters(one, place, names, schemas)
    ]:
        made["parameters"] = parameters
    if "body" in one.parts:
        body = {"application/json": {"schema": names[one.parts["body"], "validation"]}}
        made["requestBody"] = {"required": True, "content": body}
    return made


def _parameters(
    one: Operation, place: str, names: Mapping[Any, Any], schemas: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    if place not in one.parts:
        return
    schema = schemas[names[one.parts[place], "validation"]["$ref"].rpartition("/")[2]]
    for name, field in schema.get("properties", {}).items():
        # A parameter that is left out is null; none is sent so.
        given = [one for one in field.get("anyOf", []) if one != {"type": "null"}]
        described = dict(given[0]) if len(given) == 1 else dict(field)
        for said in ("title", "description"):
            described.pop(said, None)
        yield {
            "name": name,
            "in": place,
            "required": name in schema.get("required", []),
            "description": field.get("description", ""),
            "schema": described,
        }


def _responses(one: Operation, names: Mapping[Any, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": _SAID[204] if one.answer is None else f"{one.summary}."}
    if one.answer:
        good["content"] = {"application/json": {"schema": names[one.answer, "serialization"]}}
    codes: dict[int, list[str]] = defaultdict(list)
    for status, code in one.errors():
        codes[status].append(code)
    problem = {"application/problem+json": {"schema": names[ProblemShape, "serialization"]}}
    bad = {
        str(status): {
            "description": f"{_SAID[status]} Codes: {', '.join(f'`{code}`' for code in sorted({*found}))}.",
            "content": problem,
        }
        for status, found in sorted(codes.items())
    }
    return {str(one.status): good, **bad}
