"""Takes the screenshots of the web host: ``make screenshots``. Look at each of them afterwards.

Two simulated organisations are connected and run, time passes, and a real browser visits every page in light, in dark
and on a phone. ``python -m docs.screenshots FOLDER`` writes PNG files into another folder, to look at.
"""

import asyncio
import base64
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from connector_core import Employee
from connector_core.cli.simulation import simulator_of
from connector_core.host import Host, Settings
from connector_core.plugins import load
from connector_core.settings import HostSettings, LimitSettings, PluginSettings, RetentionSettings, WebSettings
from connector_core.testing import Simulator, SimulatorOptions, environment, serve
from connector_core.web.server import serving

FOLDER = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent / "images" / "web"
FORMAT = "png" if sys.argv[1:] else "webp"
"""WebP takes a fifth of the bytes."""
INTEGRATIONS = {"acme": "namely", "globex": "personio"}
MODES: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 860}},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}
_LONGEST = 1600
"""Height of a screenshot in pixels, at most: a list goes on as it began."""


async def main() -> None:
    """Take all screenshots."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    async with AsyncExitStack() as stack:
        host, simulators = await stack.enter_async_context(organisations())
        served = await stack.enter_async_context(serving(host))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        pages = await addresses(host)
        for mode, options in MODES.items():
            page = await signed_in(browser, served.address, served.token.get_secret_value(), mode, options)
            for name, path in pages.items():
                await page.goto(served.address + path)
                await take(page, name, mode)
            for name, walk in WALKS.items():
                await walk(page, served.address, simulators)
                await take(page, name, mode)
        await browser.close()


@asynccontextmanager
async def organisations() -> AsyncIterator[tuple[Host, dict[str, Simulator]]]:
    """Connect and run the simulated organisations; in the first one time passes, and a plan waits."""
    registry = load(Settings())
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        resolve: dict[str, str] = {}
        simulators: dict[str, Simulator] = {}
        for name, connector in INTEGRATIONS.items():
            simulators[name] = simulator_of(
                registry.connector(connector),
                SimulatorOptions(240, behaviour={"quota": "1000000"} if connector == "namely" else {}),
            )
            served = await stack.enter_async_context(serve(simulators[name], keep=folder))
            resolve |= served.resolve
            stack.enter_context(environment({"SSL_CERT_FILE": str(served.ca_file)}))
        store = HostSettings(
            store=folder / "discover.sqlite",
            key_file=folder / "discover.key",
            resolve=resolve,
            retention=RetentionSettings(undo=7),
        )
        # A simulated minute's quota would be waited for.
        lifted = PluginSettings(limits={"/profiles": LimitSettings(requests=10_000, per=1)})
        plugins = {name: lifted if name == "namely" else PluginSettings() for name in INTEGRATIONS.values()}
        settings = Settings(host=store, plugins=plugins, web=WebSettings(listen=f"127.0.0.1:{free_port()}"))
        registry = load(settings)
        host = await stack.enter_async_context(Host(settings, registry=registry))
        for name, connector in INTEGRATIONS.items():
            await host.connect(connector, name, simulators[name].credentials)
            await host.run(name)
        for _ in range(6):
            simulators["acme"].evolve()
            await host.run("acme")
        simulators["acme"].evolve()
        await host.run("acme", apply=False)
        await host.schedules.set("acme", "*/30 * * * *")
        yield host, simulators


async def addresses(host: Host) -> dict[str, str]:
    """Return the pages that an address leads to."""
    people = [one async for one in host.entities("acme", Employee)]
    person = next(one for one in people if one.manager_source_id and one.department_source_ids)
    run = (await host.history("acme"))[1].run.id
    return {
        "integrations": "/settings/integrations",
        "catalogue": "/settings/catalogue",
        "connector": "/settings/integrations/Namely",
        "connect": "/settings/integrations/Namely/connect",
        "overview": "/integrations/acme",
        "schedule": "/integrations/acme/schedule",
        "plan": "/integrations/acme/plan",
        "people": "/integrations/acme/people",
        "person": f"/integrations/acme/people/{person.source_id}",
        "departments": "/integrations/globex/departments",
        "history": "/integrations/acme/history",
        "run": f"/integrations/acme/runs/{run}",
        "remove": "/integrations/acme/remove",
        "audit": "/settings/audit",
        "notices": "/settings/notices",
        "not-found": "/settings/nowhere",
    }


async def mistyped(page: Page, address: str, _: dict[str, Simulator]) -> None:
    """Type an address where a domain is wanted."""
    await page.goto(f"{address}/settings/integrations/Namely/connect")
    await page.get_by_label("Domain").type("https://acme.namely.com")
    await page.get_by_role("button", name="Use acme.namely.com").wait_for()


async def reviewed(page: Page, address: str, simulators: dict[str, Simulator]) -> None:
    """Connect, and look at what may be read before it is saved."""
    await page.goto(f"{address}/settings/integrations/Namely/connect")
    await page.locator("input[name=name]").fill("acme-emea")
    for name, value in simulators["acme"].credentials.items():
        await page.locator(f"input[name='field.{name}']").fill(value)
    await page.get_by_role("button", name="Connect").click()
    await page.get_by_role("button", name="Save").wait_for()


async def running(page: Page, address: str, simulators: dict[str, Simulator]) -> None:
    """Watch a run."""
    simulators["globex"].latency = 0.4
    await page.goto(f"{address}/integrations/globex")
    await page.get_by_role("button", name="Plan only").click()
    await page.locator("progress[value]").first.wait_for()
    simulators["globex"].latency = 0


async def previewed(page: Page, address: str, _: dict[str, Simulator]) -> None:
    """Ask the provider for one person."""
    await page.goto(f"{address}/integrations/acme/preview")
    await page.get_by_label("Name, e-mail or id").fill("ada")
    await page.get_by_role("button", name="Ask Namely").click()
    await page.get_by_role("region", name="Candidates").get_by_role("button").first.click()
    await page.get_by_role("heading", name="What would change").wait_for()


WALKS: dict[str, Callable[[Page, str, dict[str, Simulator]], Coroutine[Any, Any, None]]] = {
    "mistyped": mistyped,
    "review": reviewed,
    "live": running,
    "preview": previewed,
}
"""The states that need more than an address."""


async def signed_in(browser: Browser, address: str, token: str, mode: str, options: dict[str, Any]) -> Page:
    """Return a page whose user has signed in; take the sign-in on the way."""
    page = await (await browser.new_context(**options)).new_page()
    await page.goto(f"{address}/sign-in")
    await take(page, "sign-in", mode)
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/settings/integrations")
    return page


async def take(page: Page, name: str, mode: str) -> None:
    """Save what the page looks like once nothing is loading any more."""
    await page.wait_for_load_state("load")
    await page.wait_for_function("!document.querySelector('.htmx-request')")
    height = min(_LONGEST, await page.evaluate("document.documentElement.scrollHeight"))
    width = MODES[mode]["viewport"]["width"]
    # As large as what is taken: what sticks to the edge of a window would be in the middle of the picture.
    await page.set_viewport_size({"width": width, "height": height})
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    session = await page.context.new_cdp_session(page)
    options = {"format": FORMAT, "captureBeyondViewport": True, "clip": clip} | (
        {"quality": 82} if FORMAT == "webp" else {}
    )
    found = await session.send("Page.captureScreenshot", options)
    (FOLDER / f"{name}.{mode}.{FORMAT}").write_bytes(base64.b64decode(found["data"]))
    await session.detach()
    await page.set_viewport_size(MODES[mode]["viewport"])


def free_port() -> int:
    """Return a port that nothing listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    asyncio.run(main())
