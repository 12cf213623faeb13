"""The base of simulators: a local TLS server that answers as a provider does, faults included."""

import asyncio
import errno
import gzip
import importlib
import os
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from aiohttp import web
from multidict import CIMultiDict

from connector_core.errors import SettingsError
from connector_core.sdk.entities import Entity
from connector_core.testing.answers import BODY, Answer, Request, json_answer
from connector_core.testing.authority import authority_in
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
from connector_core.testing.spellings import SPELLINGS, respelled

if TYPE_CHECKING:  # It comes with an extra.
    import trustme

_DELETED = 11
"""Index of the person whom a concurrent change deletes: on the first page, and behind all managers, since the reports
of a deleted manager would change too."""
_PORTS = range(20_000, 30_000)


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Options of `discover simulate`. ``behaviour`` sets the simulator's switches, by name."""

    people: int = 1200
    seed: int = 1
    recorded: Path | None = None
    behaviour: Mapping[str, str] = field(default_factory=dict)


class Simulator(ABC):
    """One simulated provider. A subclass implements its answers and its people; this base adds the faults."""

    host: str
    """Host name that clients reach it by."""
    other_hosts: tuple[str, ...] = ()
    """Sibling host names that it answers to as well."""
    credentials: Mapping[str, str]
    """Valid credentials, as an operator types them."""
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
    throttle_status = 429
    reset_header = "X-RateLimit-Reset"
    """Header in which the provider says when it accepts requests again."""
    live = False
    """True while time passes by the clock: people whom ``evolve`` hires are created now."""
    largest_page: int | None = None
    """Most rows a page may have, once the fault ``clamp`` has lowered the provider's own limit."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.latency = 0.0
        self.requests: list[Request] = []
        """Every request, in order of arrival."""
        self.issued: set[str] = set()
        """Tokens that it has issued, which are as secret as the credentials."""
        self._first_answers: dict[str, Answer] = {}
        self._expired: set[str] = set()
        """Paths of listings whose cursors are refused."""

    @abstractmethod
    def answer(self, request: web.Request) -> Answer:
        """Return the provider's answer to one request, whose body is ``request[BODY]``."""

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

    def path_of(self, request: web.Request) -> str:
        """Return the path that fault scripts and listings use for this request."""
        return request.path

    def script(self, faults: str) -> None:
        """Replace the fault script (``fault_script.py``)."""
        self.faults = Faults(faults)
        self._expired.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, with the fault that its script names."""
        path = self.path_of(request)
        self.requests.append(Request(asyncio.get_running_loop().time(), request.method, path, request.query_string))
        fault = self.faults.next(path)
        request[BODY] = await request.read()
        await asyncio.sleep(self.latency)
        kind = fault.kind if fault else ""
        if kind in THROTTLES:
            return throttle_response(kind, self.throttle_status, self.reset_header)
        if kind.isdigit():
            return proxy_page(int(kind))
        answer = self._refuse_expired(kind, path, request) or self.answer(request)
        if kind in LISTING_FAULTS:
            answer = self._apply_listing_fault(kind, path, answer)
        elif kind in SPELLINGS and answer.status == 200:
            answer = self._respell(kind, path, answer)
        response = _response(request, answer)
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
        headers = (("Content-Type", "text/html"),) if kind == "content_type" else answer.headers
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


@dataclass(slots=True)
class Served:
    """A running simulator. Another simulator of the same host may replace it while the server runs."""

    simulator: Simulator
    port: int
    ca_file: Path
    """Certificate of the authority that signed the server's own."""
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    """Handler that answers instead of the simulator."""

    @property
    def resolve(self) -> dict[str, str]:
        """Entries for ``[host.resolve]`` in plugins.toml."""
        hosts = (self.simulator.host, *self.simulator.other_hosts)
        return dict.fromkeys(hosts, f"127.0.0.1:{self.port}")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await (self.handle or self.simulator.handle)(request)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        return app


@asynccontextmanager
async def serve(
    simulator: Simulator, port: int = 0, *, certificate: str = "good", keep: Path | None = None
) -> AsyncIterator[Served]:
    """Serve a simulator over TLS on the loopback address, under its own host name.

    Args:
        simulator: What answers.
        port: Port 0 takes a free port.
        certificate: A ``Certificate``: another than the good one must be refused by clients.
        keep: Folder that keeps the authority of its certificate; without one, another authority is made each time.
    """
    with TemporaryDirectory(prefix="connector-core-") as folder:
        authority, ca_file = await authority_in(keep or Path(folder))
        # Imported late: it needs trustme, which comes with an extra.
        from connector_core.testing.certificates import Certificate, demand_certificates, server_context

        context = server_context(authority, simulator.host, Certificate(certificate))
        if simulator.client_authority:
            demand_certificates(context, simulator.client_authority)
        served = Served(simulator, port, ca_file)
        runner = web.AppRunner(served.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await _listen(web.TCPSite(runner, "127.0.0.1", port, ssl_context=context), port)
            (address, *_) = runner.addresses
            served.port = address[1]
            yield served
        finally:
            await runner.cleanup()


async def _listen(site: web.TCPSite, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {port} is in use, perhaps by another simulator.",
                hint="Stop what listens there, or choose another port; --port 0 takes a free one.",
            ) from None
        raise SettingsError(f"Cannot listen on port {port}: {os.strerror(error.errno or 0)}.") from None


def all_credentials(simulator: Simulator) -> tuple[Mapping[str, str], ...]:
    """Return valid credentials for each way to authenticate."""
    return (simulator.credentials, *simulator.other_credentials)


def port_of(connector: str) -> int:
    """Return the port of a connector's simulator: always the same, and none that a system hands out by itself."""
    return _PORTS[zlib.crc32(connector.encode()) % len(_PORTS)]


def load(module: str, options: SimulatorOptions) -> Simulator:
    """Return the simulator of a module that a manifest names, by calling its ``simulator(options)``."""
    simulator: Simulator = importlib.import_module(module).simulator(options)
    return simulator


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables until the context ends."""
    with ExitStack() as stack:
        for name, value in variables.items():
            old = os.environ.get(name)
            os.environ[name] = value
            stack.callback(os.environ.pop, name) if old is None else stack.callback(os.environ.__setitem__, name, old)
        yield
