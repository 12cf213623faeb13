"""A local proxy that opens tunnels (CONNECT), refuses them, or breaks them."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class LocalProxy:
    """One proxy. Every host that it is asked for lies behind the same local port."""

    upstream: int
    credentials: str = ""
    """``user:password``, which it then requires."""
    status: int = 200
    """Answer to CONNECT."""
    silent: bool = False
    """True if it never answers."""
    inspects: ssl.SSLContext | None = None
    """Context with which it ends TLS itself, and answers in the provider's place."""
    asked: list[list[str]] = field(default_factory=list)
    """The lines of each request to it."""
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        return [lines[0].split()[1] for lines in self.asked]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                await self._tunnel(reader, writer)
            finally:
                writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.asked.append([line for line in lines if line])
        if self.silent:
            await reader.read()
            return
        status = self.status
        wanted = f"proxy-authorization: basic {b64encode(self.credentials.encode()).decode()}".lower()
        if self.credentials and wanted not in [line.lower() for line in lines]:
            status = 407
        writer.write(f"HTTP/1.1 {status} Said by the proxy\r\n\r\n".encode())
        await writer.drain()
        if status != 200:
            return
        if self.inspects:
            await writer.start_tls(self.inspects)
            await reader.readuntil(b"\r\n\r\n")
            raise AssertionError("a request came through a connection that is not the provider's")
        there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
        ways = [asyncio.ensure_future(_copy(reader, back)), asyncio.ensure_future(_copy(there, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        back.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def running(proxy: LocalProxy, tls: ssl.SSLContext | None = None) -> AsyncIterator[LocalProxy]:
    """Run a proxy on a free port, itself reached over TLS if there is a context."""
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
