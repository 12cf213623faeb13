"""Serving a simulator: a local TLS server under the provider's host name."""

import errno
import os
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web

from connector_core.errors import SettingsError
from connector_core.testing.authority import authority_in
from connector_core.testing.server import Simulator

_PORTS = range(20_000, 30_000)


@dataclass(slots=True)
class Served:
    """A running simulator. Another simulator of the same host may replace it while the server runs.

    Example: ``served.resolve == {"api.acme.example": f"127.0.0.1:{served.port}"}``.
    """

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

    Example::

        async with serve(simulator) as served:
            settings = HostSettings(resolve=served.resolve)

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

        context = server_context(authority, simulator.host, Certificate(certificate), *simulator.other_hosts)
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


def port_of(connector: str) -> int:
    """Return the port of a connector's simulator: always the same, and none that a system hands out by itself."""
    return _PORTS[zlib.crc32(connector.encode()) % len(_PORTS)]
