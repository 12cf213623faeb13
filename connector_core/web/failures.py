"""Errors as responses: a page for people, a problem document (RFC 9457) for programs."""

import json
import traceback
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web

from connector_core.errors import (
    BusyError,
    ConnectorCoreError,
    CredentialsError,
    ProviderError,
    SettingsError,
    StoreError,
    UnknownIntegrationError,
)
from connector_core.web.access import Handler, RoleError, SignInRefusedError, SignInRequiredError
from connector_core.web.protection import ForeignRequestError, WrongHostError
from connector_core.web.rendering import is_fragment, render

_STATUSES: tuple[tuple[type[ConnectorCoreError], int], ...] = (
    (SignInRequiredError, 401),
    (SignInRefusedError, 403),
    (RoleError, 403),
    (ForeignRequestError, 403),
    (WrongHostError, 421),
    (UnknownIntegrationError, 404),
    (CredentialsError, 422),
    (SettingsError, 422),
    (BusyError, 409),
    (ProviderError, 502),
    (StoreError, 503),
)
_TITLES = {404: "There is no such page.", 405: "This address takes other requests.", 413: "This is too large."}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error, as both faces show it."""

    status: int
    code: str
    message: str
    hint: str = ""
    said: str = ""
    """The provider's own words, for people only."""

    def document(self) -> dict[str, str | int]:
        """Return the problem document."""
        found: dict[str, str | int] = {
            "type": f"urn:connector-core:error:{self.code}",
            "title": self.message,
            "status": self.status,
            "code": self.code,
        }
        return {**found, "detail": self.hint} if self.hint else found


class MissingError(ConnectorCoreError):
    """A page, a run or an entity that does not exist."""

    code = "not_found"
    exit_code = 2


def problem_of(error: ConnectorCoreError) -> Problem:
    """Return the problem that an error of ours stands for."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    if isinstance(error, MissingError):
        status = 404
    if isinstance(error, SignInRefusedError) and error.retry_after:
        status = 429
    said = error.said if isinstance(error, ProviderError) else ""
    return Problem(status, error.code, error.message, error.hint, said)


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
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {last.name}, line {last.lineno} of {Path(last.filename).name}"
        structlog.get_logger().error("web_bug", where=where)
        return _answer(request, Problem(500, "bug", f"This is a bug: {where}.", "Report it with what you did."))


def _answer(request: web.Request, problem: Problem) -> web.Response:
    if request.path.startswith("/api/"):
        response = web.Response(
            text=json.dumps(problem.document()), status=problem.status, content_type="application/problem+json"
        )
        if problem.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response
    if problem.status == 401:
        if is_fragment(request):
            return web.Response(status=204, headers={"HX-Redirect": "/sign-in"})
        return web.Response(status=303, headers={"Location": f"/sign-in?next={request.rel_url.raw_path}"})
    template = "parts/problem.html" if is_fragment(request) else "problem.html"
    return render(request, template, status=problem.status, problem=problem)
