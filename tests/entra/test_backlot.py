"""An emulator of Microsoft Graph that was written elsewhere: backlot 0.1.0, which `.ci/run` installs.

It speaks HTTP without a sign-in, below a path of its own. Before it stands a server with TLS and the simulated sign-in.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import structlog
from aiohttp import ClientSession, web
from yarl import URL

from connector_core import Code, Verdict, WorkerType
from connector_core.sdk.connector import Context
from connector_core.settings import PluginSettings
from connectors.entra.connector import Entra
from connectors.entra.credentials import EntraCredentials, EntraOptions
from connectors.entra.simulator import Behaviour, EntraSimulator
from world import Provider, StartProvider, reached

PROGRAM = os.environ.get("BACKLOT") or shutil.which("backlot")
PREFIX = "/msgraph"
ADMIN = "admin-service-token"
ROWS = 4
"""Rows of a page, so that there are several."""

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="backlot is not installed, and BACKLOT names no program"),
    # Its import takes most of it.
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """Serve the people that backlot brings along."""
    assert PROGRAM
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "BACKLOT_DATA_DIR": str(tmp_path_factory.mktemp("backlot"))}
    subprocess.run([PROGRAM, "import", "--bundled"], env=environment, check=True, capture_output=True)
    options = ("--host", "127.0.0.1", "--port", str(port), "--disable-telemetry", "--log-level", "error")
    with subprocess.Popen([PROGRAM, "serve", *options], env=environment, stdout=subprocess.DEVNULL) as serving:
        try:
            while serving.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.1)
            yield URL(f"http://127.0.0.1:{port}")
        finally:
            serving.terminate()


class Emulated(EntraSimulator):
    """The sign-in, and the TLS server before backlot."""

    def __init__(self, address: URL) -> None:
        super().__init__(1, 7, Behaviour())
        self.address = address
        self.answered: list[tuple[str, int]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "/oauth2/" in request.path or not self.oauth.accepts(request):
            return await super().handle(request)
        # Addresses of next pages have the prefix already.
        path = request.raw_path if request.path.startswith(PREFIX) else f"{PREFIX}{request.raw_path}"
        url = URL(f"{self.address}{path}".replace("$top=999", f"$top={ROWS}"), encoded=True)
        headers = {"Authorization": f"Bearer {ADMIN}", "Host": self.host, "X-Forwarded-Proto": "https"}
        if level := request.headers.get("ConsistencyLevel"):
            headers["ConsistencyLevel"] = level
        async with ClientSession() as session, session.get(url, headers=headers) as answer:
            self.answered.append((request.path, answer.status))
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)


@pytest.fixture
async def entra(provider: StartProvider, address: URL) -> Provider:
    # It refuses to expand managers with options.
    return await provider("entra", simulator=Emulated(address), plugin=PluginSettings(options={"managers": False}))


async def test_its_people_are_read_page_by_page(entra: Provider) -> None:
    await entra.connect()
    report = await entra.run()
    people = (await entra.people()).values()
    assert len(people) > 2 * ROWS
    assert {"Ava Chen", "Bob Iyer", "Dana Whitfield"} <= {one.display_name for one in people}
    ava = next(one for one in people if one.display_name == "Ava Chen")
    assert (ava.first_name, ava.last_name, ava.email) == ("Ava", "Chen", "ava.chen@acme.com")
    employees = next(one.certificate for one in report.kinds if one.certificate.kind == "Employee")
    # Without a count the list is read twice.
    assert employees.complete
    assert employees.seen == len(people)
    assert employees.pages > len(people) // ROWS
    pages = [path for path, status in entra.simulator.answered if path == f"{PREFIX}/v1.0/users" and status == 200]
    assert pages, "no page was requested by the address that the page before it told"


async def test_what_it_lacks_is_told_and_not_made_up(entra: Provider) -> None:
    await entra.connect()
    report = await entra.run()
    assert report.verdict is Verdict.INCOMPLETE
    certificates = {one.certificate.kind: one.certificate for one in report.kinds}
    people = (await entra.people()).values()
    assert {one.worker_type for one in people} == {WorkerType.UNKNOWN}
    assert all("status" not in one.model_fields_set for one in people)
    assert {"status", "worker_type", "department_source_ids"} <= certificates["Employee"].profile.unread.keys()
    # Who has no department cannot be told from those whose department did not come.
    (reason,) = certificates["Department"].reasons
    assert reason.code is Code.ROWS_REJECTED
    assert ("/v1.0/users/$count", 404) in entra.simulator.answered
    assert ("/v1.0/users/delta", 404) in entra.simulator.answered


async def test_a_person_is_found_by_id_and_another_id_is_denied(address: URL) -> None:
    simulator = Emulated(address)
    credentials = EntraCredentials.parse(simulator.credentials)
    async with reached(simulator, Entra.manifest.reached_with(credentials), credentials) as api:
        entra = Entra(Context(credentials, EntraOptions(managers=False), api, structlog.get_logger()))
        page = await anext(entra.employees())
        found = await entra.employee(page.ids[0])
        assert found
        assert found.rows == page.rows[:1]
        assert await entra.employee("5f0c2b1e-0000-0000-0000-000000000000") is None
