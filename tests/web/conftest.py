"""Fixtures of the web host: a served application over a real host with a simulator, and a browser."""

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Protocol

import pytest
from aiohttp import ClientSession, CookieJar

from connector_core.host import Host
from connector_core.settings import PluginSettings, WebSettings
from connector_core.web.server import Serving, serving
from world import Place, Start

USER_HEADER = "X-Forwarded-User"
_KEY = re.compile(r"""hx-headers='(.*?)'""")
_CHROMIUM = shutil.which("chromium")


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
        found = _KEY.search(page.html)
        return str(json.loads(found[1])["X-Form-Key"]) if found else ""

    async def sign_in(self) -> Answer:
        return await self.send("POST", "/sign-in", data={"token": self.token})


class StartWeb(Protocol):
    async def __call__(
        self,
        people: int = ...,
        *,
        role: str = ...,
        plugins: Mapping[str, PluginSettings] | None = ...,
        settings: Mapping[str, Any] | None = ...,
        **namely: Any,
    ) -> Web: ...


@pytest.fixture
async def web(namely: Start) -> AsyncIterator[StartWeb]:
    """Serve a host with a simulated Namely; take the arguments of ``namely``.

    With a ``role`` a proxy names the user, who has that role; without one the client signs in as administrator.
    ``settings`` are those of [web]; ``plugins`` replace the connectors that are allowed (all of ours, if not given).
    """
    async with AsyncExitStack() as stack:

        async def start(
            people: int = 60,
            *,
            role: str = "",
            plugins: Mapping[str, PluginSettings] | None = None,
            settings: Mapping[str, Any] | None = None,
            **more: Any,
        ) -> Web:
            place = await namely(people, **more)
            values: dict[str, Any] = {"listen": f"127.0.0.1:{free_port()}", **(settings or {})}
            headers: dict[str, str] = {}
            if role:
                values |= {"user_header": USER_HEADER, "proxies": ("127.0.0.1",), "roles": {"riley": role}}
                headers[USER_HEADER] = "riley"
            update = {"web": WebSettings.model_validate(values), "plugins": plugins}
            host = await stack.enter_async_context(Host(place.settings.model_copy(update=update)))
            served = await stack.enter_async_context(in_task(host))
            client = await stack.enter_async_context(
                ClientSession(cookie_jar=CookieJar(unsafe=True), headers=headers)  # Unsafe: cookies of an IP address.
            )
            made = Web(place, host, served.address, served.token.get_secret_value(), client)
            if not role:
                assert (await made.sign_in()).status == 303
            return made

        yield start


@asynccontextmanager
async def in_task(host: Host) -> AsyncIterator[Serving]:
    """Serve a host in a task of its own: a fixture begins and ends in different contexts."""
    ready: asyncio.Future[Serving] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def serve_until_ended() -> None:
        async with serving(host) as served:
            ready.set_result(served)
            await ended.wait()

    task = asyncio.create_task(serve_until_ended())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield ready.result() if ready.done() else await task  # type: ignore[misc] - a task that ends early raises
    finally:
        ended.set()
        await task


def free_port() -> int:
    """Return a port that nothing listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    """A real browser; the test is skipped where none is found."""
    if not _CHROMIUM:
        pytest.skip("There is no Chromium.")
    from playwright.async_api import async_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=_CHROMIUM, args=arguments)
        yield found
        await found.close()


async def signed_in(browser: Any, web: Web, **context: Any) -> Any:
    """Return a page of the browser whose user has signed in, at the list of integrations."""
    page = await (await browser.new_context(**context)).new_page()
    await page.goto(f"{web.address}/sign-in")
    await page.get_by_label("Token").fill(web.token)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/settings/integrations")
    return page
