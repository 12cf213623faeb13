"""What tests work with: a simulated tenant with a host, and the outcome of a command."""

import asyncio
import json
import re
import socket
import sqlite3
import sys
import threading
import tomllib
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiohttp import ClientSession

from connector_core import Credentials, Department, Employee, Manifest, Report
from connector_core.host import Host
from connector_core.http import HttpApi, open_session, showing, tls_context
from connector_core.http.quotas import Quotas
from connector_core.outcomes import Change, CheckReport, Progress
from connector_core.plugins import registry_of
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import (
    HostSettings,
    HttpSettings,
    LossSettings,
    NoticeSettings,
    PluginSettings,
    Settings,
)
from connector_core.testing import Served, Simulator, environment, serve
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "namely"
"""Recorded answers, where this checkout lies beside them."""
_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = tuple(sorted(_PROJECT["entry-points"]["connector_core"]))
"""The connectors of this distribution."""
AT_ONCE = LossSettings(second_scan_after=0)
"""For tests whose second scan comes at once."""
UNGUARDED = LossSettings(second_scan_after=0, vanished_rows=1_000_000, vanished_share=1)
"""For tests of removals that are not held."""
DISCOVER = Path(sys.executable).with_name("discover")


def copied_settings(settings: Settings, options: Mapping[str, Any] | None = None, **host: Any) -> Settings:
    """Return the settings with other options of Namely, or other values of ``[host]``."""
    plugins = {"namely": PluginSettings(options=options or {})}
    return Settings(host=settings.host.model_copy(update=host), plugins=plugins)


@dataclass
class Place:
    """One simulated tenant and a host that may reach it."""

    served: Served
    host: Host
    settings: Settings

    @property
    def simulator(self) -> NamelySimulator:
        assert isinstance(self.served.simulator, NamelySimulator)
        return self.served.simulator

    @property
    def tenant(self) -> Tenant:
        assert isinstance(self.simulator.directory, Tenant)
        return self.simulator.directory

    async def connect(self, **changed: str) -> None:
        await self.host.connect("namely", "acme", {**self.served.simulator.credentials, **changed})

    async def connect_with_new_token(self) -> None:
        self.tenant.token = f"{self.tenant.token}-again"
        await self.connect(personal_access_token=self.tenant.token)

    async def run(self, *kinds: str, **more: Any) -> Report:
        return await self.host.run("acme", kinds=kinds, **more)

    async def run_cut_off(self, rows: int, **more: Any) -> None:
        """Start a run and cancel it when so many rows of a kind have been read."""

        def cancel(progress: Progress) -> None:
            if progress.seen >= rows:
                run.cancel()

        run = asyncio.create_task(self.host.run("acme", progress=cancel, **more))
        with pytest.raises(asyncio.CancelledError):
            await run

    async def people(self) -> dict[str, Employee]:
        return {one.source_id: one async for one in self.host.entities("acme", Employee)}

    async def departments(self) -> dict[str, Department]:
        return {one.source_id: one async for one in self.host.entities("acme", Department)}

    async def changes(self, report: Report) -> dict[str, Change]:
        return {one.source_id: one async for one in self.host.changes(report.run.id)}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what the database says, by a connection of the test's own."""
        with closing(sqlite3.connect(self.settings.host.store)) as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def failing(self, write: str) -> Iterator[None]:
        """Within this context the database refuses a write, such as ``INSERT ON changes``."""
        self.execute(f"CREATE TRIGGER refused BEFORE {write} BEGIN SELECT RAISE(ABORT, 'refused'); END")
        try:
            yield
        finally:
            self.execute("DROP TRIGGER refused")

    def execute(self, sql: str) -> None:
        """Change the database, by a connection of the test's own."""
        with closing(sqlite3.connect(self.settings.host.store)) as connection, connection:
            connection.execute(sql)


@dataclass
class Provider:
    """Any connector's simulator, and a host that may reach it."""

    name: str
    served: Served
    host: Host

    @property
    def simulator(self) -> Any:
        return self.served.simulator

    def switch(self, **switches: Any) -> None:
        """Let the simulator behave otherwise from now on."""
        self.simulator.behaviour = self.simulator.behaviour.model_copy(update=switches)

    async def connect(self, *, change_tenant: bool = False, **changed: str) -> CheckReport:
        fields = {**self.simulator.credentials, **changed}
        return await self.host.connect(self.name, "acme", fields, change_tenant=change_tenant)

    async def run(self, **more: Any) -> Report:
        return await self.host.run("acme", **more)

    async def people(self) -> dict[str, Employee]:
        return {one.source_id: one async for one in self.host.entities("acme", Employee)}

    async def departments(self) -> dict[str, Department]:
        return {one.source_id: one async for one in self.host.entities("acme", Department)}


class StartProvider(Protocol):
    async def __call__(
        self,
        name: str,
        people: int = ...,
        *,
        losses: LossSettings = ...,
        plugin: PluginSettings = ...,
        simulator: Simulator | None = ...,
        **behaviour: str,
    ) -> Provider: ...


class Start(Protocol):
    async def __call__(
        self,
        people: int = ...,
        *,
        connected: bool = ...,
        scanned: bool = ...,
        simulator: Callable[[Tenant, Behaviour], Simulator] | None = ...,
        http: Mapping[str, Any] | None = ...,
        options: Mapping[str, Any] | None = ...,
        losses: LossSettings = ...,
        **behaviour: Any,
    ) -> Place: ...


@asynccontextmanager
async def reached(
    simulator: Simulator,
    manifest: Manifest,
    credentials: Credentials,
    *,
    certificate: str = "good",
    direct: Collection[str] = (),
    **http: Any,
) -> AsyncIterator[HttpApi]:
    """The client alone, before a served simulator."""
    async with serve(simulator, certificate=certificate) as served:
        settings = HostSettings(resolve=served.resolve, http=HttpSettings(**http))
        session = open_session(settings.endpoints())
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            manifest = manifest.reached_with(credentials)
            tls = showing(manifest, credentials) or tls_context()
        quotas = Quotas(manifest.limits)
        api = HttpApi(session, tls, manifest, credentials, settings=settings.http, quotas=quotas, direct=direct)
        try:
            yield api
        finally:
            await api.aclose()


@asynccontextmanager
async def hosted(connector: type[AnyConnector], simulator: Simulator, store: Path, **host: Any) -> AsyncIterator[Host]:
    """A host whose only connector, which is not installed, is connected to its simulator as acme."""
    async with serve(simulator) as served:
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            settings = Settings(host=HostSettings(store=store, resolve=served.resolve, **host))
            async with Host(settings, registry=registry_of(connector)) as opened:
                await opened.connect(connector.manifest.name, "acme", simulator.credentials)
                yield opened


async def first_run(connector: type[AnyConnector], simulator: Simulator, store: Path) -> Report:
    """Connect a connector that is not installed to its simulator, and run it once."""
    async with hosted(connector, simulator, store) as host:
        return await host.run("acme")


@dataclass
class Outcome:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class Discover(Protocol):
    def __call__(self, *arguments: str) -> Outcome: ...


@dataclass
class Running:
    """A simulator that is served elsewhere, for commands that run a loop of their own."""

    host: str
    port: int
    ca_file: str
    token: str

    def settings(self, **tables: str) -> str:
        extra = "\n".join(tables.values())
        return f'{extra}\n[plugins.namely]\n[host.resolve]\n"{self.host}" = "127.0.0.1:{self.port}"\n'


@dataclass
class Threaded(Running):
    """One that is served by a thread of this process."""

    simulator: Simulator


@contextmanager
def serve_in_thread(simulator: Simulator) -> Iterator[Served]:
    """Serve a simulator by a thread with a loop of its own."""
    ready: Future[Served] = Future()
    ended = threading.Event()

    async def serve_until_ended() -> None:
        async with serve(simulator) as served:
            ready.set_result(served)
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve_until_ended(),))
    thread.start()
    try:
        yield ready.result(10)
    finally:
        ended.set()
        thread.join()


# ---- the web host

_FORM_KEY = re.compile(r"hx-headers='(.*?)'")


@dataclass
class Answer:
    """A response of the web host."""

    status: int
    html: str
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """What people read: without tags, and with single spaces."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.html)).split())

    @property
    def parts(self) -> list[str]:
        """The texts between two tags each."""
        return [" ".join(unescape(one).split()) for one in re.findall(r">([^<]+)<", self.html)]

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    def json(self) -> Any:
        return json.loads(self.html)


@dataclass
class Web:
    """A web host that answers, and a client that has signed in."""

    place: Place
    host: Host
    """The host that is served: another one than that of the place, on the same store."""
    address: str
    token: str = field(repr=False)
    client: ClientSession

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.send("GET", path, headers)

    async def fragment(self, path: str) -> Answer:
        """Ask for a part of a page, as htmx does."""
        return await self.get(path, {"HX-Request": "true"})

    async def post(
        self, path: str, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form of a page, with its key. Redirections are not followed."""
        return await self.send("POST", path, headers, {"form_key": await self.form_key(), **(fields or {})})

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Answer:
        async with self.client.request(
            method, self.address + path, headers=headers, data=data, allow_redirects=False
        ) as response:
            return Answer(response.status, await response.text(), dict(response.headers))

    async def form_key(self) -> str:
        """Return the key that the forms of this user carry."""
        page = await self.get("/settings/catalogue")
        found = _FORM_KEY.search(page.html)
        return str(json.loads(found[1])["X-Form-Key"]) if found else ""

    async def sign_in(self) -> Answer:
        return await self.send("POST", "/sign-in", data={"token": self.token})


@contextmanager
def tenant_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, discover: Discover, *, extra: str = ""
) -> Iterator[Tenant]:
    """Serve a simulated tenant, whose people are stored as the integration acme. ``extra`` are further settings."""
    behaviour = Behaviour(quota=1_000_000)
    simulator = NamelySimulator(Tenant(30, 3, behaviour), behaviour)
    with serve_in_thread(simulator) as served:
        token = simulator.credentials["personal_access_token"]
        reached = Threaded(simulator.host, served.port, str(served.ca_file), token, simulator)
        (folder / "plugins.toml").write_text(reached.settings(extra=extra))
        monkeypatch.setenv("SSL_CERT_FILE", reached.ca_file)
        monkeypatch.setenv("DISCOVER_PERSONAL_ACCESS_TOKEN", token)
        assert discover("connect", "namely", "--name", "acme", "--domain", simulator.host).code == 0
        assert discover("run", "acme").code == 0
        assert isinstance(simulator.directory, Tenant)
        yield simulator.directory


def free_port() -> int:
    """Return a port that nothing listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class StartWeb(Protocol):
    async def __call__(
        self,
        people: int = ...,
        *,
        role: str = ...,
        plugins: Mapping[str, PluginSettings] | None = ...,
        settings: Mapping[str, Any] | None = ...,
        notices: NoticeSettings | None = ...,
        **namely: Any,
    ) -> Web: ...


async def signed_in(browser: Any, web: Web, **context: Any) -> Any:
    """Return a page of the browser whose user has signed in, at the list of integrations."""
    # Without transitions: in the middle of one, colours have another contrast.
    page = await (await browser.new_context(reduced_motion="reduce", **context)).new_page()
    await page.goto(f"{web.address}/sign-in")
    await page.get_by_label("Token").fill(web.token)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/settings/integrations")
    return page
