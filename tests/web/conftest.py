"""Fixtures of the web host: a served application over a real host with a simulator, and a browser."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from connector_core.errors import ConnectorCoreError
from connector_core.host import Host
from connector_core.settings import NoticeSettings, PluginSettings, WebSettings
from connector_core.web.server import Serving, serving
from world import Start, StartWeb, Web, free_port

USER_HEADER = "X-Forwarded-User"
_CHROMIUM = shutil.which("chromium")


@pytest.fixture
async def web(namely: Start) -> AsyncIterator[StartWeb]:
    """Serve a host with a simulated Namely; take the arguments of ``namely``.

    With a ``role`` a proxy names the user, who has that role; without one the client signs in as administrator.
    ``settings`` are those of [web]; ``plugins`` replace the connectors that are allowed (all of ours, if not given);
    ``notices`` are those of [notices].
    """
    async with AsyncExitStack() as stack:

        async def start(
            people: int = 60,
            *,
            role: str = "",
            plugins: Mapping[str, PluginSettings] | None = None,
            settings: Mapping[str, Any] | None = None,
            notices: NoticeSettings | None = None,
            **more: Any,
        ) -> Web:
            place = await namely(people, **more)
            values: dict[str, Any] = {"listen": f"127.0.0.1:{free_port()}", **(settings or {})}
            headers: dict[str, str] = {}
            if role:
                values |= {"user_header": USER_HEADER, "proxies": ("127.0.0.1",), "roles": {"riley": role}}
                headers[USER_HEADER] = "riley"
            update: dict[str, Any] = {"web": WebSettings.model_validate(values), "plugins": plugins}
            if notices:
                update["notices"] = notices
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
        try:
            async with serving(host) as served:
                ready.set_result(served)
                await ended.wait()
        except ConnectorCoreError as error:
            if ready.done():
                raise
            ready.set_exception(error)

    task = asyncio.create_task(serve_until_ended())
    try:
        yield await ready
    finally:
        ended.set()
        await task


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    """A real browser; the test is skipped where none is found."""
    if not _CHROMIUM:
        # CI installs one, so that these tests are never left out there.
        (pytest.fail if "REQUIRE_BROWSER" in os.environ else pytest.skip)("There is no Chromium.")
    from playwright.async_api import async_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=_CHROMIUM, args=arguments)
        yield found
        await found.close()
