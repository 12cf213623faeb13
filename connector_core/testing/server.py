"""The base of simulators: a local TLS server that answers as a provider does, faults included."""

import asyncio
import gzip
import importlib
import json
import os
import re
import ssl
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from connector_core.errors import SettingsError
from connector_core.sdk.entities import Entity
from connector_core.testing.faults import Faults
from connector_core.testing.listing_faults import BODIES, DAMAGES, PEOPLE, Listed, spoiled
from connector_core.testing.network_faults import STRIKES, THROTTLES, page, throttled

_GOES = 11
"""The place of whoever goes in between: on the first page, and behind those who lead others, or these would lose
their manager, too."""


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What `discover simulate` was given. ``behaviour`` sets the provider's switches, by name."""

    people: int = 1200
    seed: int = 1
    recorded: Path | None = None
    behaviour: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, before faults and compression."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    compressed: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """One request: when it arrived, in the loop's time, and what it asked for."""

    at: float
    method: str
    path: str
    query: str


BODY = web.RequestKey("body", bytes)
"""``request[BODY]`` is what was sent."""


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """``headers`` should name a Content-Type."""
    return Answer(status, json.dumps(value).encode(), headers)


class Simulator(ABC):
    """One simulated provider. A subclass says how it answers, and who is there; faults are the base's."""

    host: str
    """The name that it is reached under."""
    credentials: Mapping[str, str]
    """What an operator types to connect to it."""
    notes: tuple[str, ...] = ()
    """What whoever starts it should know."""
    listings: tuple[Listed, ...] = ()
    """Where its listings lie, for the faults that befall listings."""
    private: re.Pattern[bytes]
    """How every private value that it sends looks: what must be found nowhere."""
    throttle_status = 429
    largest_page: int | None = None
    """Rows in a page at most, where a fault says that it is fewer than usual."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.latency = 0.0
        self.requests: list[Request] = []
        """Every request, in order."""
        self.issued: set[str] = set()
        """Tokens that it has given out: as secret as what they were given for."""
        self._first: dict[str, Answer] = {}

    @abstractmethod
    def answer(self, request: web.Request) -> Answer:
        """The answer to one request, as the provider would give it. ``request[BODY]`` is what was sent."""

    @property
    @abstractmethod
    def people(self) -> list[Any]:
        """Who is there, in the order of the listing: the very list that is served."""

    @abstractmethod
    def ids(self, kind: type[Entity]) -> set[str]:
        """The ids of all of this kind that a connector should find now."""

    @abstractmethod
    def hire(self) -> Any:
        """Somebody new, at the end of the listing."""

    def erase(self, place: int) -> None:
        """The one at this place goes altogether."""
        del self.people[place]

    @abstractmethod
    def evolve(self) -> tuple[str, ...]:
        """Lets time pass: one is hired, one changes, one leaves, one is erased. What happened, a sentence each."""

    def path_of(self, request: web.Request) -> str:
        """The path that faults are scripted by."""
        return request.path

    def script(self, faults: str) -> None:
        """Scripts faults (``faults.py``)."""
        self.faults = Faults(faults)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = self.path_of(request)
        self.requests.append(Request(asyncio.get_running_loop().time(), request.method, path, request.query_string))
        fault = self.faults.next(path)
        request[BODY] = await request.read()
        await asyncio.sleep(self.latency)
        kind = fault.kind if fault else ""
        if kind in THROTTLES:
            return throttled(kind, self.throttle_status)
        if kind.isdigit():
            return page(int(kind))
        answer = self.answer(request)
        if kind in DAMAGES:
            answer = self._damaged(kind, path, answer)
        response = _response(request, answer)
        return await STRIKES[kind](request, response) if kind in STRIKES else response

    def _damaged(self, kind: str, path: str, answer: Answer) -> Answer:
        """The answer with that wrong in it, or with that happening right after it."""
        listed = next((one for one in self.listings if one.path == path), None)
        if listed is None or answer.status != 200:
            return answer
        if kind == "repeat":
            return self._first.setdefault(path, answer)
        if kind == "clamp":
            self.largest_page = 7
        elif kind in PEOPLE:
            self._happen(kind)
        elif kind in BODIES:
            return replace(answer, body=spoiled(kind, listed, answer.body))
        return answer

    def _happen(self, kind: str) -> None:
        if kind in {"delete", "swap"} and len(self.people) > 1:
            self.erase(min(_GOES, len(self.people) - 2))
        if kind in {"swap", "join"}:
            self.hire()
        if kind == "resort":
            # As when a sort is by something that changes: the last comes first, and all others move down.
            self.people.insert(0, self.people.pop())


def _response(request: web.Request, answer: Answer) -> web.Response:
    headers = CIMultiDict(answer.headers)
    body = answer.body
    if answer.compressed and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=answer.status, body=body, headers=headers)


@dataclass(slots=True)
class Served:
    """A running simulator: where it listens, and the file with the authority that signed its certificate.

    Another simulator of the same host may take its place while it is served.
    """

    simulator: Simulator
    port: int
    ca_file: Path
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    """Answers instead of the simulator, where it is set."""

    @property
    def resolve(self) -> dict[str, str]:
        """For ``[host.resolve]`` in plugins.toml."""
        return {self.simulator.host: f"127.0.0.1:{self.port}"}

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await (self.handle or self.simulator.handle)(request)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        return app


@asynccontextmanager
async def serve(simulator: Simulator, port: int = 0) -> AsyncIterator[Served]:
    """Serves over TLS on the loopback address, under the simulator's own name. Port 0 takes a free one."""
    try:
        import trustme
    except ImportError:
        raise SettingsError(
            "The simulator needs trustme.", hint='Install it: pip install "connector-core[simulator]"'
        ) from None
    authority = trustme.CA(organization_name="connector-core simulator")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # Its siblings too: a tenant that does not exist must be told by its answer, not by its certificate.
    authority.issue_cert(simulator.host, f"*.{simulator.host.partition('.')[2]}").configure_cert(context)
    with tempfile.TemporaryDirectory(prefix="connector-core-") as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        served = Served(simulator, port, ca_file)
        runner = web.AppRunner(served.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
            try:
                await site.start()
            except OSError as error:
                raise SettingsError(f"Port {port} cannot be listened on: {error.strerror}.") from None
            (address, *_) = runner.addresses
            served.port = address[1]
            yield served
        finally:
            await runner.cleanup()


def load(module: str, options: SimulatorOptions) -> Simulator:
    """The simulator that a manifest names: its module has ``simulator(options)``."""
    found: Simulator = importlib.import_module(module).simulator(options)
    return found


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables, until the context ends."""
    with ExitStack() as stack:
        for name, value in variables.items():
            old = os.environ.get(name)
            os.environ[name] = value
            stack.callback(os.environ.pop, name) if old is None else stack.callback(os.environ.__setitem__, name, old)
        yield
