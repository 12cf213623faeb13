"""What a page asks for while a field is edited, in a real browser."""

import re
from typing import Any
from urllib.parse import unquote

from world import StartWeb


async def opened(site: Any, browser: Any, path: str, *, scripts: bool = True) -> Any:
    page = await (await browser.new_context(java_script_enabled=scripts)).new_page()
    await page.goto(f"{site.address}/sign-in")
    await page.get_by_label("Token").fill(site.token)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile("/settings/integrations$"))
    await page.goto(f"{site.address}{path}")
    return page


async def test_a_cron_expression_is_explained_by_the_api_while_it_is_typed(web: StartWeb, browser: Any) -> None:
    site = await web(people=20, connected=True)
    page = await opened(site, browser, "/integrations/acme/schedule")
    field = page.get_by_label("Cron expression")
    await field.fill("0 6 * * 1")
    await page.get_by_text("On Mondays at 06:00", exact=True).wait_for()
    times = await page.locator("#meaning li").all_inner_texts()
    assert len(times) == 5
    assert all(re.fullmatch(r"Monday, \d+ \w+ \d{4}, 06:00 UTC", one) for one in times)
    await field.fill("61 6 * * 1")
    await page.get_by_text("the minute '61' is not valid").wait_for()
    assert await field.get_attribute("aria-invalid") == "true"
    await field.fill("")
    await page.get_by_text("the minute '61' is not valid").wait_for(state="detached")
    assert await field.get_attribute("aria-invalid") is None


async def test_without_scripts_the_schedule_says_the_same_when_it_is_saved(web: StartWeb, browser: Any) -> None:
    site = await web(people=20, connected=True)
    page = await opened(site, browser, "/integrations/acme/schedule", scripts=False)
    await page.get_by_label("Cron expression").fill("61 6 * * 1")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("the minute '61' is not valid").wait_for()
    await page.get_by_label("Cron expression").fill("0 6 * * 1")
    await page.get_by_role("button", name="Save").click()
    await page.goto(f"{site.address}/integrations/acme/schedule")
    await page.get_by_text("On Mondays at 06:00", exact=True).wait_for()


async def test_a_search_is_in_no_address_and_still_there_when_one_goes_back(web: StartWeb, browser: Any) -> None:
    site = await web(people=60, scanned=True)
    found = (await site.host.directory("acme")).people(limit=1).rows[0]
    for scripts in (True, False):
        page = await opened(site, browser, "/integrations/acme/people", scripts=scripts)
        visited: list[str] = []
        page.on("request", lambda request, visited=visited: visited.append(unquote(request.url).casefold()))
        await page.get_by_label("Search").fill(found.email)
        if not scripts:
            await page.get_by_role("button", name="Search").click()
        await page.wait_for_url(re.compile(r"/people\?find="))
        await page.get_by_role("link", name=found.name, exact=True).click()
        await page.get_by_role("heading", level=1, name=found.name).wait_for()
        await page.go_back()
        await page.get_by_role("link", name=found.name, exact=True).wait_for()
        assert await page.get_by_label("Search").input_value() == found.email
        assert visited
        assert found.email
        assert not [one for one in visited for word in found.email.casefold().split("@")[:1] if word in one]
