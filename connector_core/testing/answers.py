"""Requests and answers, as simulators handle them."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, before faults and compression.

    Example: ``Answer(404, b"{}", headers=(("Content-Type", "application/json"),))``.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    compressed: bool = True
    """False for an answer that is never compressed."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as the simulator received it.

    Example: ``[one.path for one in simulator.requests if one.method == "POST"]``.
    """

    at: float
    """Time of arrival, by the event loop's clock."""
    method: str
    path: str
    query: str
    until: float | None = None
    """Time at which its answer was ready; None while it is under way."""


BODY = web.RequestKey("body", bytes)
"""Key of a request's body: ``request[BODY]``. Example: ``json.loads(request[BODY])``."""


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return a JSON answer. ``headers`` should name a Content-Type.

    Example: ``json_answer({"error": "unknown key"}, 401, (("Content-Type", "application/json"),))``.
    """
    return Answer(status, json.dumps(value).encode(), headers)
