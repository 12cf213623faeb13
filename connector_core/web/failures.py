"""Errors as responses: a page for people, a problem document (RFC 9457) for programs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import structlog
from aiohttp import web

from connector_core.errors import (
    BusyError,
    ConnectorCoreError,
    CredentialsError,
    ForbiddenError,
    InvalidCredentialsError,
    PlanChangedError,
    PluginError,
    ProviderError,
    SettingsError,
    StoreError,
    UnknownIntegrationError,
    place_of,
)
from connector_core.web.access import Handler
from connector_core.web.errors import (
    ConflictError,
    ForeignRequestError,
    MediaTypeError,
    MissingError,
    RequestError,
    RoleError,
    SignInRefusedError,
    SignInRequiredError,
    WrongHostError,
)
from connector_core.web.protection import SAFE, is_for_programs
from connector_core.web.rendering import is_fragment, render

_TITLES = {404: "There is no such page.", 405: "This address takes other requests.", 413: "This is too large."}


STATUSES: tuple[tuple[type[ConnectorCoreError], int], ...] = (
    (SignInRequiredError, 401),
    (SignInRefusedError, 403),
    (RoleError, 403),
    (ForeignRequestError, 403),
    (WrongHostError, 421),
    (MissingError, 404),
    (ConflictError, 409),
    (MediaTypeError, 415),
    (RequestError, 422),
    (UnknownIntegrationError, 404),
    (PlanChangedError, 409),
    (CredentialsError, 422),
    (PluginError, 422),
    (SettingsError, 422),
    (BusyError, 409),
    (ForbiddenError, 422),
    (ProviderError, 502),
    (StoreError, 503),
)
"""The status of each error; the first that fits. Others are 500."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error, as both faces show it."""

    status: int
    code: str
    message: str
    hint: str = ""
    said: str = ""
    """The provider's own words, for people only."""
    details: Mapping[str, object] = field(default_factory=dict)
    """What a program needs beside it."""

    def document(self) -> dict[str, object]:
        """Return the problem document."""
        found: dict[str, object] = {
            "type": f"urn:connector-core:error:{self.code}",
            "title": self.message,
            "status": self.status,
            "code": self.code,
            **self.details,
        }
        return {**found, "detail": self.hint} if self.hint else found


def status_of(kind: type[ConnectorCoreError]) -> int:
    """Return the status that errors of this class are answered with."""
    return next((status for one, status in STATUSES if issubclass(kind, one)), 500)


def problem_of(error: ConnectorCoreError) -> Problem:
    """Return the problem that an error of ours stands for."""
    status = status_of(type(error))
    if isinstance(error, UnknownIntegrationError):
        # Its own words are for the command line: they name the file of the store.
        return Problem(status, error.code, "There is no integration of this name.", "The list of integrations has all.")
    if isinstance(error, SignInRefusedError) and error.retry_after:
        status = 429
    said = error.said if isinstance(error, ProviderError) else ""
    return Problem(status, error.code, error.message, error.hint, said, dict(_details(error)))


def _details(error: ConnectorCoreError) -> Iterable[tuple[str, object]]:
    if isinstance(error, RequestError):
        yield "errors", [{"place": place, "problem": problem} for place, problem in error.findings]
    if isinstance(error, CredentialsError) and error.field:
        yield "field", error.field
    if isinstance(error, InvalidCredentialsError) and error.suggestion:
        yield "suggestion", error.suggestion


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with its page or document; a bug is logged by its place, never with its data."""
    try:
        return await handler(request)
    except ConnectorCoreError as error:
        response = _answer(request, problem_of(error))
        if isinstance(error, SignInRefusedError) and error.retry_after:
            response.headers["Retry-After"] = f"{error.retry_after:.0f}"
        return response
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        message = _TITLES.get(error.status, f"{error.reason}.")
        response = _answer(request, Problem(error.status, f"http_{error.status}", message))
        if allowed := error.headers.get("Allow"):
            response.headers["Allow"] = allowed
        return response
    except ConnectionResetError:
        raise
    except Exception as error:  # noqa: BLE001 - an error page for each
        structlog.get_logger().error("web_bug", where=place_of(error))
        hint = "The log says where it is: report it with what you did."
        return _answer(request, Problem(500, "bug", "This is a bug of the web host.", hint))


def _answer(request: web.Request, problem: Problem) -> web.Response:
    if is_for_programs(request):
        response = web.Response(
            text=json.dumps(problem.document()), status=problem.status, content_type="application/problem+json"
        )
        if problem.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response
    if problem.status == 401:
        if is_fragment(request):
            return web.Response(status=204, headers={"HX-Redirect": f"/sign-in{_back_to(request)}"})
        following = f"?next={quote(request.rel_url.raw_path)}" if request.method in SAFE else ""
        return web.Response(status=303, headers={"Location": f"/sign-in{following}"})
    template = "parts/problem.html" if is_fragment(request) else "problem.html"
    return render(request, template, status=problem.status, problem=problem)


def _back_to(request: web.Request) -> str:
    """Return the query that leads back to the page that asks for a part of itself; empty if it is not known."""
    try:
        path = urlsplit(request.headers.get("HX-Current-URL", "")).path
    except ValueError:
        return ""
    return f"?next={quote(path)}" if path else ""
