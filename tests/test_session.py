"""The session of a run: nothing of another tenant or of the program is sent, and look-ups delay no other run."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict

from connector_core import Paging, SettingsError, SinglePage, Streamed, UnavailableError, Verdict
from connector_core.host import Host
from connector_core.http import HttpApi, Resolver, open_session, tls_context
from connector_core.http.quotas import Quotas
from connector_core.plugins import registry_of
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing import environment, serve
from connectors.bamboohr.connector import BambooHR
from connectors.bamboohr.simulator import BambooHRSimulator, Behaviour
from planted.example import Example, ExampleCredentials, People
from planted.simulator import ExampleSimulator


class SetsCookies(BambooHRSimulator):
    """Sets a cookie with every response, as a load balancer does, and notes the headers of every request."""

    received: list[CIMultiDict[str]]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.received.append(request.headers.copy())
        response = await super().handle(request)
        response.headers["Set-Cookie"] = f"session={request.headers['Authorization']}; Path=/; Domain=bamboohr.com"
        return response


def adds_everything(resolve: dict[str, str]) -> aiohttp.ClientSession:
    """Return a session that adds to each request all that a session can."""

    async def fail(*_: Any) -> None:
        raise AssertionError("the host's requests are none of the program's business")

    async def intrude(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers["X-Middleware"] = "intruded"
        return await send(request)

    traces = aiohttp.TraceConfig()
    traces.on_request_start.append(fail)
    return aiohttp.ClientSession(
        "https://elsewhere.example/",
        connector=aiohttp.TCPConnector(resolver=Resolver(HostSettings(resolve=resolve).endpoints())),
        headers={"X-Program": "embedding", "Cookie": "program=1", "Accept": "text/html"},
        cookies={"program": "2"},
        raise_for_status=fail,
        timeout=aiohttp.ClientTimeout(total=0.0001),
        proxy="http://127.0.0.1:9",
        trace_configs=[traces],
        middlewares=[intrude],
    )


# ---- what a session carries from one request to another


@pytest.mark.attack(
    "A provider sets a cookie for one company, and an embedding program passes a session of its own",
    "No cookie, header or hook reaches another company's requests",
)
@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
async def test_nothing_of_one_tenant_or_of_the_program_is_sent_for_another(tmp_path: Path, given: bool) -> None:
    simulator = SetsCookies(20, 1, Behaviour())
    simulator.received = []
    async with serve(simulator) as served:
        session = adds_everything(served.resolve) if given else None
        settings = Settings(host=HostSettings(store=tmp_path / "people.sqlite", resolve=served.resolve))
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            async with Host(settings, session=session, registry=registry_of(BambooHR)) as host:
                for tenant in ("acme", "globex"):
                    await host.connect("bamboohr", tenant, simulator.credentials)
                    assert (await host.run(tenant)).verdict is Verdict.COMPLETE
        if session:
            assert not session.closed
            await session.close()
    assert len(simulator.received) > 10
    ours = {"Host", "Accept", "Accept-Encoding", "Authorization", "User-Agent", "Content-Type", "Content-Length"}
    assert {name for headers in simulator.received for name in headers} <= ours
    assert {headers["Accept"] for headers in simulator.received} == {"application/json, */*;q=0.5"}


async def test_a_session_that_is_closed_is_refused(tmp_path: Path) -> None:
    session = open_session({})
    await session.close()
    settings = Settings(host=HostSettings(store=tmp_path / "people.sqlite"))
    async with Host(settings, session=session, registry=registry_of(Example)) as host:
        with pytest.raises(SettingsError, match="session that was passed to the host is closed"):
            await host.connect("example", "acme", ExampleSimulator.credentials)


# ---- look-ups of host names


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Ends look-ups that hang; set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch, release: threading.Event) -> list[str]:
    """Let look-ups of names that begin with ``hung`` wait for ``release``; return the names looked up."""
    asked, look_up = list[str](), socket.getaddrinfo

    def wait_or_look_up(host: str, *arguments: Any, **named: Any) -> Any:
        asked.append(host)
        if host.startswith("hung"):
            release.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "at last")
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", wait_or_look_up)
    return asked


async def test_a_name_without_an_endpoint_is_resolved_as_the_system_does() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="here")

    app = web.Application()
    app.router.add_get("/", answer)
    async with (
        TestServer(app) as server,
        open_session({}) as session,
        session.get(f"http://localhost:{server.port}/") as response,
    ):
        assert await response.text() == "here"


@pytest.mark.attack("Look-ups of two companies' host names hang", "Nothing else waits for them")
@pytest.mark.usefixtures("hung")
async def test_look_ups_that_hang_delay_no_other_and_no_work_of_the_program() -> None:
    slow, resolver = Resolver(timeout=60), Resolver()
    waiting = [asyncio.create_task(slow.resolve(f"hung-{n}.hr.example", 443)) for n in range(40)]
    await asyncio.sleep(0)
    began = time.monotonic()
    assert {one["host"] for one in await resolver.resolve("localhost", 443)} <= {"127.0.0.1", "::1"}
    await asyncio.to_thread(int)
    assert time.monotonic() - began < 1
    assert all(one.daemon for one in threading.enumerate() if one.name == "look-up")
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_look_up_that_took_too_long_is_not_begun_again(hung: list[str], release: threading.Event) -> None:
    resolver = Resolver(timeout=0.05)
    for _ in range(2):
        with pytest.raises(socket.gaierror, match="took too long"):
            await resolver.resolve("hung.hr.example", 443)
    release.set()
    with pytest.raises(socket.gaierror, match="at last"):
        await resolver.resolve("hung.hr.example", 443)
    assert hung == ["hung.hr.example"]
    with pytest.raises(socket.gaierror, match="at last"):
        await resolver.resolve("hung.hr.example", 443)
    assert len(hung) == 2


async def test_a_name_that_no_host_can_have_is_not_resolved() -> None:
    with pytest.raises(socket.gaierror, match="not a valid host name"):
        await Resolver().resolve("a" * 64 + ".example", 443)


@asynccontextmanager
async def unreachable(session: aiohttp.ClientSession, **http: Any) -> AsyncIterator[HttpApi]:
    """A client of a tenant whose host name is looked up."""
    credentials = ExampleCredentials.parse({"domain": "hung.hr.example", "api_key": "canary"})
    settings = HttpSettings(tries=1, **http)
    api = HttpApi(
        session,
        tls_context(),
        Example.manifest.reached_with(credentials),
        credentials,
        settings=settings,
        quotas=Quotas(()),
    )
    try:
        yield api
    finally:
        await api.aclose()


@pytest.mark.parametrize("paging", [SinglePage(), Streamed()], ids=["whole", "streamed"])
async def test_a_look_up_takes_no_longer_than_a_connection_may(hung: list[str], paging: Paging) -> None:
    began = time.monotonic()
    async with unreachable(open_session({}, timeout=0.1)) as api:
        with pytest.raises(UnavailableError, match=r"Example HR \(hung\.hr\.example\) cannot be resolved"):
            await anext(api.pages("/people", People, paging=paging))
    assert time.monotonic() - began < 2
    assert hung == ["hung.hr.example"]


class Silent(AbstractResolver):
    """The resolver of an embedding program, which never answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.sleep(86_400)
        raise AssertionError((host, port, family))

    async def close(self) -> None: ...


@pytest.mark.jumping
@pytest.mark.parametrize("paging", [SinglePage(), Streamed()], ids=["whole", "streamed"])
async def test_a_given_connector_that_does_not_connect_is_given_up(paging: Paging) -> None:
    connector = aiohttp.TCPConnector(resolver=Silent())
    async with connector, unreachable(open_session({}, connector=connector), page_timeout=90) as api:
        with pytest.raises(UnavailableError, match="did not answer in time"):
            await anext(api.pages("/people", People, paging=paging))
    assert asyncio.get_running_loop().time() == pytest.approx(90, abs=1)


async def test_the_settings_say_how_long_a_look_up_may_take(hung: list[str], tmp_path: Path) -> None:
    http = HttpSettings(connect_timeout=0.1, tries=1)
    settings = Settings(host=HostSettings(store=tmp_path / "people.sqlite", http=http))
    began = time.monotonic()
    async with Host(settings, registry=registry_of(Example)) as host:
        with pytest.raises(UnavailableError, match="cannot be resolved"):
            await host.connect("example", "acme", {"domain": "hung.hr.example", "api_key": "canary"})
    assert time.monotonic() - began < 2
    assert set(hung) == {"hung.hr.example"}
