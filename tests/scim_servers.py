"""SCIM servers that others wrote, each behind TLS: scim2-server in Python, and scimmy-routers on Express in Node.js."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from yarl import URL

from connector_core.testing import Served, serve
from connectors.scim.simulator import Behaviour, ScimSimulator
from node_programs import installed
from world import free_port

TOKEN = "token-of-the-tests-5be1"
NODE = Path(__file__).parent / "scim" / "node"
_PATIENCE = 60.0
"""Seconds for a server to start."""
_CURSORS = {"cursor": True, "index": False, "defaultPaginationMethod": "cursor", "maxPageSize": 80}


@dataclass(frozen=True, slots=True)
class Directory:
    """A running server. It is filled by its own API, without the connector."""

    served: Served
    path: str
    session: ClientSession

    @property
    def credentials(self) -> dict[str, str]:
        return {"base_url": f"https://{self.served.simulator.host}{self.path}", "token": TOKEN}

    async def create(self, kind: str, **body: Any) -> str:
        """Create a row, and return its id."""
        return str((await self._send("POST", f"/{kind}", body))["id"])

    async def change(self, source_id: str, *operations: Mapping[str, Any]) -> None:
        schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
        await self._send("PATCH", f"/Users/{source_id}", {"schemas": schemas, "Operations": operations})

    async def delete(self, source_id: str) -> None:
        await self._send("DELETE", f"/Users/{source_id}")

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        content = json.dumps(body).encode() if body else None
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
        async with self.session.request(method, self.path + path, data=content, headers=headers) as response:
            text = await response.text()
            assert response.status < 300, text
            return json.loads(text) if text else None


@asynccontextmanager
async def scim2_server(folder: Path, *, cursors: bool = False) -> AsyncIterator[Directory]:
    """Start scim2-server, which pages by index, or by cursor only."""
    from scim2_server.utils import load_default_service_provider_config  # A package for tests only.

    port, config = free_port(), folder / "service-provider-config.json"
    default = load_default_service_provider_config().model_dump()
    config.write_text(json.dumps({**default, **({"pagination": _CURSORS} if cursors else {})}))
    command = [sys.executable, "-m", "scim2_server.testserver.cli", "--port", str(port), "--bearer-token", TOKEN]
    async with _process([*command, "--service-provider-config", str(config)], folder) as told:
        assert "Serving SCIM" in told
        async with _behind_tls(port, "/v2") as directory:
            yield directory


@asynccontextmanager
async def scimmy(folder: Path) -> AsyncIterator[Directory]:
    """Start scimmy-routers. The test is skipped where Node.js or its packages cannot be had."""
    node, home = await asyncio.to_thread(installed, NODE, folder)
    async with _process([node, "server.mjs"], home) as port, _behind_tls(int(port), "/scim/v2") as directory:
        yield directory


@asynccontextmanager
async def _process(command: Sequence[str], folder: Path) -> AsyncIterator[str]:
    """Start a server, and return the first line that it prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout
        yield (await asyncio.wait_for(process.stdout.readline(), _PATIENCE)).decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def _behind_tls(port: int, path: str) -> AsyncIterator[Directory]:
    """Put TLS before a server: the connector speaks nothing else. Requests and responses pass as they are."""
    async with (
        ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False) as session,
        serve(ScimSimulator(1, 1, Behaviour())) as served,
    ):

        async def forward(request: web.Request) -> web.Response:
            url, headers = URL(request.raw_path, encoded=True), dict(request.headers)
            async with session.request(request.method, url, headers=headers, data=await request.read()) as response:
                kept = {name: response.headers[name] for name in ("Content-Type",) if name in response.headers}
                return web.Response(status=response.status, body=await response.read(), headers=kept)

        served.handle = forward
        yield Directory(served, path, session)
