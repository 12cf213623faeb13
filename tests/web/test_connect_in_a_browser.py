"""Adding Namely in a real browser: the wrong domain, a revoked token, then rightly; with and without a script."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]

from world import StartWeb, signed_in


async def test_namely_is_added_with_the_domain_corrected_by_a_click(web: StartWeb, browser: Any) -> None:
    site = await web()
    credentials = site.place.simulator.credentials
    page = await signed_in(browser, site)
    await page.goto(f"{site.address}/settings/integrations/Namely/connect")
    domain, token = page.get_by_label("Domain"), page.get_by_label("Personal access token")
    await domain.type(f"https://{credentials['domain']}")
    correct = page.get_by_role("button", name=f"Use {credentials['domain']}")
    await correct.wait_for()
    assert await domain.get_attribute("aria-invalid") == "true"
    await correct.click()
    await page.get_by_text("Suggested:").wait_for()
    assert await domain.get_attribute("aria-invalid") is None
    assert await domain.input_value() == credentials["domain"]
    await token.fill("revoked-token")
    await page.get_by_role("button", name="Connect").click()
    await page.get_by_text("Not connected: 1 field to correct.").wait_for()
    assert await page.get_by_label("Personal access token").input_value() == ""
    await page.get_by_label("Personal access token").fill(credentials["personal_access_token"])
    await page.get_by_role("button", name="Connect").click()
    await page.get_by_text("Everything may be read.").wait_for()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The integration is connected.").wait_for()
    # It is said once: the address has no trace of it.
    assert urlsplit(page.url).query == ""
    name = credentials["domain"].partition(".")[0]
    assert [one.name for one in await site.host.integrations()] == [name]


async def test_no_secret_leaves_the_form_while_it_is_typed(web: StartWeb, browser: Any) -> None:
    site = await web()
    page = await signed_in(browser, site)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))
    await page.goto(f"{site.address}/settings/integrations/namely/connect")
    await page.get_by_label("Personal access token").type("canary-token")
    async with page.expect_response("**/fields/field.domain"):
        await page.get_by_label("Domain").type("https://x.namely.com")
    assert any("fields/field.domain" in one for one in sent)
    assert not any("canary" in one for one in sent)


async def test_while_the_provider_is_asked_the_button_says_so_and_is_pressed_once(web: StartWeb, browser: Any) -> None:
    site = await web()
    page = await signed_in(browser, site)
    await page.goto(f"{site.address}/settings/integrations/namely/connect")
    # The form stays as it is while the answer is awaited; Playwright would wait for the next page.
    await page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    for label, value in zip(
        ("Domain", "Personal access token"), site.place.simulator.credentials.values(), strict=True
    ):
        await page.get_by_label(label).fill(value)
    await page.get_by_role("button", name="Connect").click()
    button = page.get_by_role("button", name="Checking with Namely …")
    await button.wait_for()
    assert await button.is_disabled()
    assert await button.get_attribute("aria-busy") == "true"
    assert await page.locator("#announcer").inner_text() == "Checking with Namely …"


async def test_the_form_works_without_a_script(web: StartWeb, browser: Any) -> None:
    site = await web()
    credentials = site.place.simulator.credentials
    page = await signed_in(browser, site, java_script_enabled=False)
    await page.goto(f"{site.address}/settings/catalogue?search=nam")
    await page.get_by_role("link", name="Namely").click()
    await page.get_by_role("link", name="Add integration").click()
    await page.get_by_label("Domain").fill(credentials["domain"])
    await page.get_by_label("Personal access token").fill(credentials["personal_access_token"])
    await page.get_by_role("button", name="Connect").click()
    await page.get_by_text("Everything may be read.").wait_for()


async def test_the_catalogue_is_searched_while_typing(web: StartWeb, browser: Any) -> None:
    site = await web()
    page = await signed_in(browser, site)
    await page.goto(f"{site.address}/settings/catalogue")
    await page.get_by_label("Search").type("bamb")
    await page.get_by_text("1 of 7 connectors").first.wait_for()
    assert await page.locator("article.pick").count() == 1
    assert page.url.partition("?")[2].startswith("search=bamb")
    await page.get_by_label("Search").fill("")
    await page.get_by_text("7 of 7 connectors").first.wait_for()
    await page.get_by_label("Product").select_option("EAM")
    await page.get_by_text("1 of 7 connectors").first.wait_for()
    assert await page.locator("article.pick h2").inner_text() == "Namely"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_has_a_problem_of_accessibility_and_none_is_wider_than_a_phone(
    web: StartWeb, browser: Any, scheme: str
) -> None:
    site = await web(scanned=True, owner="no_groups")
    credentials = site.place.simulator.credentials
    page = await signed_in(browser, site, color_scheme=scheme, viewport={"width": 390, "height": 844})
    trouble: list[str] = []
    page.on("console", lambda one: trouble.append(one.text) if one.type in {"error", "warning"} else None)

    async def look(name: str) -> None:
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, name

    for path in (
        "/settings/integrations",
        "/settings/catalogue",
        "/settings/catalogue?search=none+fits",
        "/settings/integrations/namely",
        "/settings/integrations/namely/connect",
        "/integrations/acme/connect",
    ):
        await page.goto(site.address + path)
        await look(path)
    await page.goto(f"{site.address}/settings/integrations/namely/connect")
    await page.get_by_label("Domain").fill("https://x.namely.com")
    await page.get_by_role("button", name="Use x.namely.com").wait_for()
    await look("while typing")
    await page.get_by_label("Name", exact=False).first.fill("No!")
    await page.get_by_label("Personal access token").fill("x")
    await page.get_by_role("button", name="Connect").click()
    await page.get_by_text("fields to correct").wait_for()
    await look("form with problems")
    await page.goto(f"{site.address}/integrations/acme/connect")
    await page.get_by_label("Personal access token").fill(credentials["personal_access_token"])
    await page.get_by_role("button", name="Connect").click()
    await page.get_by_text("Some kinds may not be read.").wait_for()
    await look("review")
    assert [one for one in trouble if "422" not in one] == []
    await page.goto(f"{site.address}/settings/nowhere")
    await look("a page that does not exist")
    await page.context.clear_cookies()
    await page.goto(f"{site.address}/settings/integrations")
    await page.get_by_label("Token").wait_for()
    await look("sign-in")
