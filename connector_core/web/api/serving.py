"""Routes of the operations: what a request passes between aiohttp and an operation's function."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from aiohttp import web
from pydantic import BaseModel

from connector_core.web.access import USER, Handler, needs
from connector_core.web.api.operations import PREFIX, Operation
from connector_core.web.api.parsing import parse_body, parse_path, parse_query
from connector_core.web.site import site_of


def routes_of(operations: Iterable[Operation]) -> Iterator[web.RouteDef]:
    """Yield the routes: one for each operation, and OPTIONS for each path."""
    for path, group in groupby(sorted(operations, key=attrgetter("path", "method")), key=attrgetter("path")):
        found = [*group]
        for one in found:
            # aiohttp answers HEAD like GET, without the body.
            add = web.get if one.method == "GET" else web.route
            handler = needs(one.role)(_handler_of(one))
            arguments = (PREFIX + path, handler) if one.method == "GET" else (one.method, PREFIX + path, handler)
            yield add(*arguments)
        yield web.options(PREFIX + path, _options_of([one.method for one in found]))


def answered(model: BaseModel, status: int = 200) -> web.Response:
    """Return a response with a model as its body."""
    return web.Response(body=model.model_dump_json().encode(), status=status, content_type="application/json")


def _handler_of(operation: Operation) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        parts, arguments = operation.parts, dict[str, object]()
        query = parse_query(request, parts.get("query"))
        if "path" in parts:
            arguments["path"] = parse_path(request, parts["path"])
        if "query" in parts:
            arguments["query"] = query
        if "body" in parts:
            arguments["body"] = await parse_body(request, parts["body"])
        known = {"site": site_of(request), "user": request[USER]}
        result = await operation.function(**arguments, **{name: known[name] for name in operation.given})
        return web.Response(status=204) if result is None else answered(result, operation.status)

    return handle


def _options_of(methods: Iterable[str]) -> Handler:
    allowed = ",".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Allow": allowed})

    return handle
