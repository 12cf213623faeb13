"""An integration and its plan in a real browser: accessible in every state, on a phone too, and used by keyboard."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]

from world import StartWeb, Web, signed_in

HERE = "/integrations/acme"


async def planned(site: Web) -> None:
    site.place.simulator.evolve()
    await site.host.run("acme", apply=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_has_a_problem_of_accessibility_and_none_is_wider_than_a_phone(
    web: StartWeb, browser: Any, scheme: str
) -> None:
    site = await web(scanned=True)
    page = await signed_in(browser, site, color_scheme=scheme, viewport={"width": 390, "height": 844})
    trouble: list[str] = []
    page.on("console", lambda one: trouble.append(one.text) if one.type in {"error", "warning"} else None)
    page.on("pageerror", lambda one: trouble.append(str(one)))

    async def look(name: str) -> None:
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, name

    for path in (HERE, f"{HERE}/schedule", f"{HERE}/remove", f"{HERE}/plan"):
        await page.goto(site.address + path)
        await look(path)
    await page.get_by_role("button", name="Plan only").wait_for()
    await planned(site)
    await page.goto(f"{site.address}{HERE}/plan")
    await page.get_by_role("heading", name="Effect on departments").wait_for()
    await page.get_by_role("checkbox").nth(1).check()
    await look("plan")
    held = await site.host.held("acme")
    assert held is not None
    await page.goto(f"{site.address}{HERE}/runs/{held.run_id}")
    await look("run")
    now = datetime.now(UTC)
    failing: dict[str, Any] = {
        "cron": "0 6 * * *",
        "failures": 5,
        "quarantined_at": now,
        "retry_at": now + timedelta(hours=20),
    }
    await site.host.store.schedules.edit("acme", lambda before: (replace(before, **failing), ()))
    site.place.tenant.token = "revoked"
    await page.goto(site.address + HERE)
    await page.get_by_role("button", name="Run now").click()
    await page.get_by_text("Invalid access token provided.").first.wait_for()
    await page.get_by_role("button", name="Check now").click()
    await page.locator("#check").get_by_role("alert").wait_for()
    await look("quarantined")
    assert [one for one in trouble if "422" not in one] == []


async def test_a_run_is_watched_and_its_end_is_read_out(web: StartWeb, browser: Any) -> None:
    site = await web(people=400, connected=True)
    site.place.simulator.latency = 0.7
    page, other = await signed_in(browser, site), await signed_in(browser, site)
    await other.goto(site.address + HERE)
    await page.goto(site.address + HERE)
    await page.get_by_role("button", name="Run now").click()
    await page.get_by_text("50 of 400").wait_for()
    # Another browser, which was open before, shows it too.
    await other.get_by_role("button", name="Cancel").wait_for()
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    await page.get_by_role("button", name="Run now").wait_for()
    assert await page.locator("#announcer").inner_text() == "acme: complete"
    assert await page.get_by_text("The run has started.").count() == 0
    await other.get_by_text("complete, just now").first.wait_for()


async def test_a_session_that_has_ended_leads_to_the_sign_in(web: StartWeb, browser: Any) -> None:
    site = await web(scanned=True)
    page = await signed_in(browser, site)
    await page.goto(site.address + HERE)
    await page.context.clear_cookies()
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await page.wait_for_url(f"**/sign-in?next={HERE}")


async def test_a_plan_is_decided_on_by_keyboard_and_not_by_chance(web: StartWeb, browser: Any) -> None:
    site = await web(scanned=True)
    await planned(site)
    held = await site.host.held("acme")
    page = await signed_in(browser, site)
    questions: list[str] = []

    async def refuse(dialog: Any) -> None:
        questions.append(dialog.message)
        await dialog.dismiss()

    page.on("dialog", refuse)
    await page.goto(f"{site.address}{HERE}/plan")
    assert await page.get_by_role("button", name="Apply ticked (0)").is_disabled()
    group = page.get_by_role("checkbox", name="All Employees: 2 updates")
    await group.focus()
    await page.keyboard.press("Space")
    assert await page.get_by_role("status").filter(has_text="2 of 5 ticked").count() == 1
    assert await page.get_by_role("button", name="Apply ticked (2)").is_enabled()
    # The Enter key in a box would press the first button of the form.
    await page.keyboard.press("Enter")
    for name in ("Apply all 5", "Discard all 5"):
        await page.get_by_role("button", name=name).press("Enter")
    assert questions == [
        "Apply all: 1 removal, 3 updates and 1 create?",
        "Discard all: 1 removal, 3 updates and 1 create? The next run plans again from what it reads.",
    ]
    assert await site.host.held("acme") == held
    await page.get_by_role("button", name="Discard ticked (2)").press("Enter")
    await page.get_by_text("2 changes discarded.").wait_for()
    # In view, however long the plan is.
    assert await page.get_by_role("button", name="Apply all 3").is_visible()
