"""The base of simulators: a local TLS server that answers as a provider does, faults included."""

import asyncio
import gzip
import importlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from multidict import CIMultiDict

from connector_core.http.quotas import covers
from connector_core.sdk.entities import Entity
from connector_core.sdk.manifest import ResetFormat
from connector_core.testing.answers import BODY, Answer, Request, json_answer
from connector_core.testing.fault_script import Faults
from connector_core.testing.listing_faults import (
    BODY_FAULTS,
    CONCURRENT_CHANGES,
    LISTING_FAULTS,
    OTHER_HOST,
    Listed,
    faulty_body,
    faulty_headers,
)
from connector_core.testing.network_faults import NETWORK_FAULTS, THROTTLES, proxy_page, throttle_response
from connector_core.testing.oauth import AuthorizationServer
from connector_core.testing.spellings import SPELLINGS, respelled

if TYPE_CHECKING:  # It comes with an extra.
    import trustme

_DELETED = 11
"""Index of the person whom a concurrent change deletes: on the first page, and behind all managers, since the reports
of a deleted manager would change too."""


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Options of `discover simulate`. ``behaviour`` sets the simulator's switches, by name.

    Example: ``SimulatorOptions(people=200, behaviour={"page_limit": "refused"})``.
    """

    people: int = 1200
    seed: int = 1
    recorded: Path | None = None
    behaviour: Mapping[str, str] = field(default_factory=dict)


class Simulator(ABC):
    """One simulated provider. A subclass implements its answers and its people; this base adds the faults.

    Example::

        class AcmeSimulator(StaffSimulator):
            host = "api.acme.example"
            credentials = {"api_key": "simulated-key"}

            def answer(self, request: web.Request) -> Answer:
                return json_answer({"people": [{"id": str(one.number)} for one in self.people]})
    """

    host: str
    """Host name that clients reach it by."""
    other_hosts: tuple[str, ...] = ()
    """Sibling host names that it answers to as well."""
    credentials: Mapping[str, str]
    """Valid credentials, as an operator types them: without what the host obtains, such as a refresh token."""
    other_credentials: tuple[Mapping[str, str], ...] = ()
    """Valid credentials for the other ways to authenticate, if there are several."""
    client_authority: "trustme.CA | None" = None
    """The authority whose certificates clients must show (mutual TLS); None where they show none."""
    notes: tuple[str, ...] = ()
    """Remarks that are printed when it starts."""
    listings: tuple[Listed, ...] = ()
    """Its listings, to which listing faults apply."""
    private: re.Pattern[bytes]
    """Pattern of every private value that it sends. No match may be found outside of its answers."""
    throttle_status: int = 429
    """The status of the answer to too many requests."""
    reset_header: str = "X-RateLimit-Reset"
    """The header in which the provider says when it accepts requests again."""
    reset_format: ResetFormat = "epoch"
    """Format of the reset header: as in ``RateHeaders``."""
    live: bool = False
    """True while time passes by the clock: people whom ``evolve`` hires are created now."""
    largest_page: int | None = None
    """Most rows a page may have, once the fault ``clamp`` has lowered the provider's own limit."""

    oauth: AuthorizationServer | None = None
    """What issues its tokens, if that is an authorization server as OAuth 2 has it."""
    latency: float = 0.0
    """Seconds before each answer."""
    requests: list[Request]
    """Every request, in order of arrival."""
    issued: set[str]
    """Tokens that it has issued, which are as secret as the credentials."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests = []
        self.issued = set()
        self._first_answers: dict[str, Answer] = {}
        self._expired: set[str] = set()
        """Paths of listings whose cursors are refused."""

    def revoke(self) -> None:
        """Make all access tokens invalid, whatever their lifetime, where the provider issues any."""
        if self.oauth:
            self.oauth.revoke()

    def shorten_tokens(self, seconds: float) -> None:
        """Let access tokens that are issued from now on be valid for so many seconds."""
        if self.oauth:
            self.oauth.token_life = seconds

    @abstractmethod
    def answer(self, request: web.Request) -> Answer:
        """Return the provider's answer to one request, whose body is ``request[BODY]``."""

    def quota_headers(self, path: str) -> Mapping[str, str]:  # noqa: ARG002 - for those that have a quota
        """Return the headers that tell of the quota under a path. Every answer carries them."""
        return {}

    def requests_under_way(self, path: str = "") -> int:
        """Return the number of requests under a path that are not answered yet, the current one included."""
        return sum(one.until is None and covers(path, one.path) for one in self.requests)

    @property
    @abstractmethod
    def people(self) -> list[Any]:
        """The people in the order of the listing: the very list that is served."""

    @abstractmethod
    def ids(self, kind: type[Entity]) -> set[str]:
        """Return the ids of all entities of this kind that a connector should find now."""

    @abstractmethod
    def hire(self) -> Any:
        """Append a new person to the listing, created now: by the clock of the ``Date`` that answers carry."""

    def erase(self, index: int) -> None:
        """Delete the person at this index."""
        del self.people[index]

    @abstractmethod
    def evolve(self) -> tuple[str, ...]:
        """Let time pass: hire one, change one, let one leave, erase one. Return a sentence for each.

        It may be called any number of times, so an organisation that has become too small hires more.
        """

    def expire_tokens(self) -> None:  # noqa: B027 - most providers give none
        """Accept no delta token given so far. Override it for a connector with ``@changes_since``.

        Those that are given from now on are accepted, even where nothing has changed since.
        """

    def path_of(self, request: web.Request) -> str:
        """Return the path that fault scripts and listings use for this request, whose body is ``request[BODY]``."""
        return request.path

    def script(self, faults: str) -> None:
        """Replace the fault script (``fault_script.py``)."""
        self.faults = Faults(faults)
        self._expired.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, with the fault that its script names."""
        request[BODY] = await request.read()
        path, loop, requests = self.path_of(request), asyncio.get_running_loop(), self.requests
        requests.append(Request(loop.time(), request.method, path, request.query_string))
        number = len(requests) - 1
        try:
            return await self._answer(request, path)
        finally:
            requests[number] = replace(requests[number], until=loop.time())

    async def _answer(self, request: web.Request, path: str) -> web.StreamResponse:
        fault = self.faults.next(path)
        await asyncio.sleep(self.latency)
        kind = fault.kind if fault else ""
        if kind in THROTTLES:
            throttled = throttle_response(kind, self.throttle_status, self.reset_header, self.reset_format)
            return self._with_quota(path, throttled)
        if kind.isdigit():
            return proxy_page(int(kind))
        answer = self._refuse_expired(kind, path, request) or self.answer(request)
        if kind in LISTING_FAULTS:
            answer = self._apply_listing_fault(kind, path, answer)
        elif kind in SPELLINGS and answer.status == 200:
            answer = self._respell(kind, path, answer)
        response = self._with_quota(path, _response(request, answer))
        return await NETWORK_FAULTS[kind](request, response) if kind in NETWORK_FAULTS else response

    def _refuse_expired(self, kind: str, path: str, request: web.Request) -> Answer | None:
        """Return the answer to a cursor that has expired; None to any other request."""
        listed = self._listed(path)
        if listed is None or not listed.cursor:
            return None
        if listed.cursor not in request.query:
            self._expired.discard(path)
            return None
        if kind == "expired_cursor":
            self._expired.add(path)
        headers = (("Content-Type", "application/json"),)
        return json_answer({"error": "expired cursor"}, listed.expired, headers) if path in self._expired else None

    def _listed(self, path: str) -> Listed | None:
        return next((one for one in self.listings if one.path == path), None)

    def _with_quota(self, path: str, response: web.Response) -> web.Response:
        for name, value in self.quota_headers(path).items():
            response.headers.setdefault(name, value)
        return response

    def _apply_listing_fault(self, kind: str, path: str, answer: Answer) -> Answer:
        listed = self._listed(path)
        if listed is None or answer.status != 200:
            return answer
        if kind == "repeat":
            return self._first_answers.setdefault(path, answer)
        if kind == "clamp":
            self.largest_page = 7
        elif kind in CONCURRENT_CHANGES:
            self.change_people(kind)
        elif kind in BODY_FAULTS:
            headers = faulty_headers(kind, listed, answer.headers)
            return replace(answer, body=faulty_body(kind, listed, answer.body), headers=headers)
        elif kind == "other_host":
            here, there = f"https://{self.host}/", f"https://{OTHER_HOST}/"
            headers = tuple([(name, value.replace(here, there)) for name, value in answer.headers])
            return replace(answer, body=answer.body.replace(here.encode(), there.encode()), headers=headers)
        return answer

    def _respell(self, kind: str, path: str, answer: Answer) -> Answer:
        if not any("json" in value for name, value in answer.headers if name == "Content-Type"):
            return answer
        listed = next((one for one in self.listings if one.path == path and one.people), None)
        headers = answer.headers
        if kind == "content_type":
            headers = (*[one for one in headers if one[0] != "Content-Type"], ("Content-Type", "text/html"))
        return replace(answer, body=respelled(kind, answer.body, listed), headers=headers)

    def change_people(self, kind: str) -> None:
        """Make one of ``CONCURRENT_CHANGES``."""
        if kind in {"delete", "swap"} and len(self.people) > 1:
            self.erase(min(_DELETED, len(self.people) - 2))
        if kind in {"swap", "join"}:
            self.hire()
        if kind == "resort":
            self.people.insert(0, self.people.pop())


def _response(request: web.Request, answer: Answer) -> web.Response:
    headers = CIMultiDict(answer.headers)
    body = answer.body
    if answer.compressed and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=answer.status, body=body, headers=headers)


def all_credentials(simulator: Simulator) -> tuple[Mapping[str, str], ...]:
    """Return valid credentials for each way to authenticate."""
    return (simulator.credentials, *simulator.other_credentials)


def load(module: str, options: SimulatorOptions) -> Simulator:
    """Return the simulator of a module that a manifest names, by calling its ``simulator(options)``.

    Example: ``load("connectors.namely.simulator", SimulatorOptions(people=200))``.
    """
    simulator: Simulator = importlib.import_module(module).simulator(options)
    return simulator


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables until the context ends.

    Example::

        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            ...
    """
    with ExitStack() as stack:
        for name, value in variables.items():
            old = os.environ.get(name)
            os.environ[name] = value
            stack.callback(os.environ.pop, name) if old is None else stack.callback(os.environ.__setitem__, name, old)
        yield
