"""Requests and answers, as simulators handle them."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, before faults and compression."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    compressed: bool = True
    """False for an answer that is never compressed."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as the simulator received it."""

    at: float
    """Time of arrival, by the event loop's clock."""
    method: str
    path: str
    query: str


BODY = web.RequestKey("body", bytes)
"""Key of a request's body: ``request[BODY]``."""


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return a JSON answer. ``headers`` should name a Content-Type."""
    return Answer(status, json.dumps(value).encode(), headers)
