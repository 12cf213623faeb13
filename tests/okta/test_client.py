"""The simulator read by Okta's own client, which others wrote: sign-in, rows, pages and filter are as it expects."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from connector_core.testing import Served, serve
from connectors.okta.simulator import API_TOKEN, TOKEN, Behaviour, OktaSimulator, id_of, login_of
from node_programs import installed

PROGRAM = Path(__file__).parent / "node"

pytestmark = pytest.mark.timeout(300)


async def read(served: Served, options: dict[str, Any], folder: Path) -> Any:
    """Return what the client reads: the usual list, and those who have left."""
    node, home = await asyncio.to_thread(installed, PROGRAM, folder)
    # The client keeps to the address that it was given, with its port.
    simulator = served.simulator
    assert isinstance(simulator, OktaSimulator)
    simulator.host = f"{simulator.host}:{served.port}"
    simulator.server.issuer = f"https://{simulator.host}"
    given = json.dumps({"orgUrl": f"https://{simulator.host}", **options})
    process = await asyncio.create_subprocess_exec(
        *(node, "read.mjs"),
        cwd=home,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(served.ca_file), "OPTIONS": given},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    return json.loads(out)


@pytest.mark.parametrize("way", ["app", "token"])
@pytest.mark.parametrize("links", ["lines", "joined"])
async def test_oktas_own_client_reads_every_user(way: str, links: str, request: pytest.FixtureRequest) -> None:
    simulator = OktaSimulator(230, 7, Behaviour.parse({"links": links}))
    app = {"authorizationMode": "PrivateKey", "clientId": simulator.server.client_id, "scopes": ["okta.users.read"]}
    key = {"privateKey": simulator.server.private_key, "keyId": simulator.credentials["kid"]}
    folder = request.config.cache.mkdir("okta-client")
    async with serve(simulator) as served:
        listed, left = await read(served, {**app, **key} if way == "app" else {"token": API_TOKEN}, folder)
    for found, active in ((listed, True), (left, False)):
        people = [one for one in simulator.present() if one.active is active]
        assert [(one["id"], one["login"], one["title"]) for one in found] == [
            (id_of(one), login_of(one), one.title) for one in people
        ]
    assert {one["status"] for one in left} == {"DEPROVISIONED"}
    assert any(one.path == TOKEN for one in simulator.requests) is (way == "app")
