"""Operators in a real browser, from the first integration to a decision on a plan."""

import re
from typing import Any

from world import StartWeb, signed_in


async def connected(site: Any) -> None:
    await site.host.connect("namely", "acme", site.place.simulator.credentials)


async def test_namely_is_added_and_its_first_run_is_watched(web: StartWeb, browser: Any) -> None:
    site = await web(people=400)
    credentials = site.place.simulator.credentials
    page = await signed_in(browser, site)
    await page.get_by_role("link", name="Catalogue").first.click()
    await page.get_by_label("Search").fill("namely")
    await page.get_by_role("link", name="Namely").first.click()
    await page.get_by_role("link", name="Add integration").first.click()

    async def connect(domain: str, token: str) -> None:
        await page.get_by_label("Domain").fill(domain)
        await page.get_by_label("Personal access token").fill(token)
        await page.get_by_role("button", name="Connect").click()

    await connect("elsewhere.namely.com", credentials["personal_access_token"])
    await page.get_by_role("alert").first.wait_for()
    await connect(credentials["domain"], "revoked-token")
    await page.get_by_text("Invalid access token").first.wait_for()
    await connect(credentials["domain"], credentials["personal_access_token"])
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The integration is connected.").wait_for()

    site.place.simulator.latency = 0.1
    await page.get_by_role("button", name="Run now").click()
    await page.get_by_text("The run has started.").wait_for()
    # Live: rows read of those announced, and in the end the certificate, without a reload.
    await page.locator(".live").get_by_text(re.compile(r"\d+ of 400")).wait_for()
    await page.get_by_role("article").filter(has_text="Employees").get_by_text("complete, just now").wait_for()
    assert await page.locator(".live").count() == 0
    assert await site.host.count_entities("acme") == {"Department": 12, "Employee": 400}


async def test_a_part_of_a_held_plan_is_applied(web: StartWeb, browser: Any) -> None:
    site = await web(people=60)
    await connected(site)
    await site.host.run("acme")
    site.place.simulator.evolve()
    await site.host.run("acme", apply=False)
    held = await site.host.held("acme")
    assert held is not None
    before = {key: one async for key, one in people_of(site)}
    page = await signed_in(browser, site)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{site.address}/integrations/acme/plan")
    removals = page.get_by_role("region").filter(
        has=page.get_by_role("heading", name=re.compile("Employees: .* removal"))
    )
    gone = await removals.get_by_role("row").nth(1).get_by_role("checkbox").get_attribute("value")
    await removals.get_by_role("checkbox").nth(1).check()
    await page.get_by_role("button", name="Apply ticked (1)").click()
    await page.get_by_text("1 change applied.").wait_for()
    after = {key: one async for key, one in people_of(site)}
    assert {f"Employee:{one}" for one in before.keys() - after.keys()} == {gone}
    assert {key: one for key, one in before.items() if key in after} == after
    left = await site.host.held("acme")
    assert left is not None
    assert left.changes == held.changes - 1
    await page.get_by_role("button", name="Apply all").click()
    await page.get_by_text("No plan waits").wait_for()


async def people_of(site: Any) -> Any:
    from connector_core import Employee

    async for one in site.host.entities("acme", Employee):
        yield one.source_id, one


async def test_a_plan_that_changed_since_it_was_shown_is_refused(web: StartWeb, browser: Any) -> None:
    site = await web(people=60)
    await connected(site)
    await site.host.run("acme")
    site.place.simulator.evolve()
    await site.host.run("acme", apply=False)
    page = await signed_in(browser, site)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{site.address}/integrations/acme/plan")
    site.place.simulator.evolve()
    await site.host.run("acme", apply=False)
    await page.get_by_role("button", name="Apply all").click()
    await page.get_by_text("has been replaced since it was shown").wait_for()
    assert (await site.host.count_entities("acme"))["Employee"] == 60


async def test_a_person_and_the_manager_are_found(web: StartWeb, browser: Any) -> None:
    site = await web(people=60)
    await connected(site)
    await site.host.run("acme")
    someone = [one async for _, one in people_of(site) if one.manager_source_id][-1]
    directory = await site.host.directory("acme")
    manager = directory.person(someone.manager_source_id)
    assert manager is not None
    page = await signed_in(browser, site)
    await page.goto(f"{site.address}/integrations/acme/people")
    await page.get_by_label("Search").type(f"{someone.last_name} {someone.first_name}")
    await page.get_by_role("link", name=someone.display_name).click()
    await page.get_by_role("heading", level=1, name=re.compile(re.escape(someone.display_name))).wait_for()
    managers = page.get_by_role("article").filter(has=page.get_by_role("heading", name="Managers"))
    await managers.get_by_role("link", name=manager.name).click()
    reports = page.get_by_role("article").filter(has=page.get_by_role("heading", name=re.compile("Reports")))
    await reports.get_by_role("link", name=someone.display_name).first.wait_for()


async def test_rights_that_were_taken_away_are_named_with_what_to_grant(web: StartWeb, browser: Any) -> None:
    site = await web(people=60)
    await connected(site)
    await site.host.run("acme")
    site.place.simulator.script("403x999:/groups")
    page = await signed_in(browser, site)
    await page.goto(f"{site.address}/integrations/acme")
    await page.get_by_role("button", name="Check now").click()
    await page.get_by_text("let the role of the token's user view the Department organisation units").wait_for()


async def test_a_viewer_sees_the_plan_and_may_not_decide(web: StartWeb, browser: Any) -> None:
    site = await web(people=60, role="viewer")
    await connected(site)
    await site.host.run("acme", apply=False)
    held = await site.host.held("acme")
    assert held is not None
    context = await browser.new_context(extra_http_headers={"X-Forwarded-User": "riley"})
    page = await context.new_page()
    await page.goto(f"{site.address}/integrations/acme/plan")
    await page.get_by_text("Approvers and administrators decide on it.").wait_for()
    assert await page.get_by_role("button", name=re.compile("Apply|Discard")).count() == 0
    # A form that is sent all the same is refused.
    await page.evaluate(
        """() => { const form = document.querySelector("form[action$=apply]");
        form.insertAdjacentHTML("beforeend", "<input name=part value=all>"); form.submit(); }"""
    )
    await page.get_by_text("Your role is viewer").wait_for()
    assert await site.host.held("acme") == held
