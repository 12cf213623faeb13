"""A web host that is really served, for tests: on a free port, over a host with a simulated tenant."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from connector_core.host import Host
from connector_core.settings import HostSettings, HttpSettings, LimitSettings, PluginSettings, Settings, WebSettings
from connector_core.testing import environment, serve
from connector_core.web.access import Access
from connector_core.web.application import build_application
from connector_core.web.drafts import Drafts
from connector_core.web.server import TOKEN_VARIABLE, ServerLog, serving
from connector_core.web.site import Site
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from world import free_port

TOKEN = "a-token-for-tests-of-the-web-host"


@dataclass
class WebHost:
    """A web host that answers, and what it works on."""

    address: str
    host: Host
    credentials: Mapping[str, str] = field(default_factory=dict)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {TOKEN}"}

    async def signed_in(self, session: aiohttp.ClientSession) -> str:
        """Sign a session in; return its form key."""
        async with session.post(f"{self.address}/sign-in", data={"token": TOKEN}, allow_redirects=False) as response:
            assert response.status == 303
        async with session.get(f"{self.address}/api/v1/me") as response:
            key: str = (await response.json())["form_key"]
            return key


class NotedRuns:
    """An engine that notes what it is asked to do, and runs nothing."""

    def __init__(self) -> None:
        self.started: dict[str, dict[str, Any]] = {}
        self.cancelled: list[str] = []

    async def start(self, name: str, **wanted: Any) -> None:
        self.started[name] = wanted

    async def cancel(self, name: str) -> None:
        self.cancelled.append(name)

    def running(self) -> Mapping[str, Any]:
        return self.started

    async def aclose(self) -> None: ...


@asynccontextmanager
async def served_web(
    host: Host,
    credentials: Mapping[str, str] | None = None,
    *,
    engine: Any = None,
    clock: Callable[[], float] = monotonic,
    routes: Iterable[web.AbstractRouteDef] = (),
) -> AsyncIterator[WebHost]:
    """Serve a host whose settings name a free port. With an engine of the test's own, clock and routes count, too."""
    if engine:
        settings = host.settings.web
        app = build_application(
            Site(host, engine, Access(settings, SecretStr(TOKEN), secure=False, clock=clock), Drafts())
        )
        app.router.add_routes(routes)
        runner = web.AppRunner(app, access_log=None, logger=ServerLog("web", logging.WARNING))
        await runner.setup()
        try:
            address, _, port = settings.listen.rpartition(":")
            await web.TCPSite(runner, address, int(port)).start()
            yield WebHost(f"http://{settings.listen}", host, credentials or {})
        finally:
            await runner.cleanup()
        return
    with environment({TOKEN_VARIABLE: TOKEN}):
        async with serving(host) as served:
            yield WebHost(served.address, host, credentials or {})


def web_settings(**more: Any) -> WebSettings:
    return WebSettings(**{"listen": f"127.0.0.1:{free_port()}", **more})


def client(*, unsafe: bool = True, **more: Any) -> aiohttp.ClientSession:
    """A browser of a kind: its cookies are kept for addresses, too."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=unsafe), **more)


@contextmanager
def web_in_thread(folder: Path, people: int = 30) -> Iterator[WebHost]:
    """Serve a web host by a thread with a loop of its own; acme has run, and has a held plan."""
    ready: Future[WebHost] = Future()
    ended = threading.Event()

    async def until_ended() -> None:
        behaviour = Behaviour(quota=1_000_000)
        simulator = NamelySimulator(Tenant(people, 1, behaviour), behaviour)
        async with serve(simulator) as provider:
            settings = Settings(
                host=HostSettings(
                    store=folder / "people.sqlite",
                    key_file=folder / "key",
                    resolve=provider.resolve,
                    http=HttpSettings(first_wait=0.01, tries=2, page_timeout=5),
                ),
                plugins={"namely": PluginSettings(limits={"/profiles": LimitSettings(requests=1_000_000, per=1)})},
                web=web_settings(),
            )
            with environment({"SSL_CERT_FILE": str(provider.ca_file)}):
                async with (
                    Host(settings) as host,
                    served_web(host, simulator.credentials, engine=NotedRuns()) as served,
                ):
                    await host.connect("namely", "acme", simulator.credentials)
                    await host.run("acme", apply=False)
                    ready.set_result(served)
                    await asyncio.to_thread(ended.wait)

    def run() -> None:
        try:
            asyncio.run(until_ended())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ready.result(60)
    finally:
        ended.set()
        thread.join()
