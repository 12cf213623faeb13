"""The base of simulators: a local TLS server that answers as a provider does, faults included."""

import asyncio
import gzip
import importlib
import json
import ssl
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from connector_core.errors import SettingsError
from connector_core.testing.faults import Faults
from connector_core.testing.strike import STRIKES, page


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


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """``headers`` should name a Content-Type."""
    return Answer(status, json.dumps(value).encode(), headers)


class Simulator(ABC):
    """One simulated provider. Subclasses answer; paths are those that the API documents."""

    host: str
    """The name that it is reached under."""
    credentials: Mapping[str, str]
    """What an operator types to connect to it."""
    notes: tuple[str, ...] = ()
    """What whoever starts it should know."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.latency = 0.0
        self.requests: list[str] = []
        """Method, path and query of every request, in order."""

    @abstractmethod
    def answer(self, request: web.Request) -> Answer:
        """The answer to one request, as the provider would give it."""

    def path_of(self, request: web.Request) -> str:
        """The path that faults are scripted by."""
        return request.path

    @property
    def damages(self) -> Mapping[str, Callable[[web.Request], Answer]]:
        """Faults of this provider's own: answers that are whole, and wrong."""
        return {}

    def script(self, faults: str) -> None:
        """Scripts faults: those of the wire, and this provider's own."""
        self.faults = Faults(faults, own=tuple(self.damages))

    def evolve(self) -> tuple[str, ...]:
        """Lets time pass in the organisation; what happened, one sentence each."""
        return ()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        fault = self.faults.next(self.path_of(request))
        await asyncio.sleep(self.latency)
        if fault is None:
            return _response(request, self.answer(request))
        if fault.kind in self.damages:
            return _response(request, self.damages[fault.kind](request))
        if fault.kind.isdigit():
            return page(int(fault.kind))
        return await STRIKES[fault.kind](request, _response(request, self.answer(request)))

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.handle)
        return app


def _response(request: web.Request, answer: Answer) -> web.Response:
    headers = CIMultiDict(answer.headers)
    body = answer.body
    if answer.compressed and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=answer.status, body=body, headers=headers)


@dataclass(frozen=True, slots=True)
class Served:
    """A running simulator: where it listens, and the file with the authority that signed its certificate."""

    simulator: Simulator
    port: int
    ca_file: Path

    @property
    def resolve(self) -> dict[str, str]:
        """For ``[host.resolve]`` in plugins.toml."""
        return {self.simulator.host: f"127.0.0.1:{self.port}"}


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
    runner = web.AppRunner(simulator.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    with tempfile.TemporaryDirectory(prefix="connector-core-") as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
            try:
                await site.start()
            except OSError as error:
                raise SettingsError(f"Port {port} cannot be listened on: {error.strerror}.") from None
            (address, *_) = runner.addresses
            yield Served(simulator, address[1], ca_file)
        finally:
            await runner.cleanup()


def load(module: str, options: SimulatorOptions) -> Simulator:
    """The simulator that a manifest names: its module has ``simulator(options)``."""
    found: Simulator = importlib.import_module(module).simulator(options)
    return found
