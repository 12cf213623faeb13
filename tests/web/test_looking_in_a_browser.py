"""What is stored, looked at in a real browser: by keyboard, by phone, in both schemes, and without a script."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]

from connector_core import Department, Employee, Status
from connector_core.audit import Action
from connector_core.store import Event, NewNotice
from run_steps import RunSteps
from world import StartWeb, Web, signed_in

Filled = Callable[[], Awaitable[Web]]
_LONG = "Internationale Zusammenarbeit und grenzüberschreitende Wissensvermittlung"


@pytest.fixture
def filled(web: StartWeb, tmp_path: Path) -> Filled:
    """Serve a host with a tree of departments, people in it, a plan that waits, notices, and a year of head-counts."""

    async def start() -> Web:
        site = await web(connected=True)
        steps = RunSteps(site.host.store, tmp_path / "people.sqlite")
        units = [Department(source_id=f"d{n}", name=f"{_LONG} {n}") for n in range(3)]
        units += [Department(source_id=f"d0.{n}", name=f"Team {n}", parent_source_id="d0") for n in range(3)]
        units += [Department(source_id="d0.0.0", name="Squad", parent_source_id="d0.0")]
        await steps.applied(*units)
        people = [
            Employee(
                source_id=f"p{n:03}",
                display_name=f"Person {n:03}",
                email=f"p{n}@acme.example",
                status=Status.INACTIVE if n % 7 == 0 else Status.ACTIVE,
                job_title="Head of " + _LONG if n == 1 else "Clerk",
                manager_source_id=f"p{n // 3:03}" if n else None,
                department_source_ids=(units[n % 7].source_id,),
            )
            for n in range(130)
        ]
        await steps.applied(*people)
        await steps.applied(*people[:-1], removed=("p129",))
        now = datetime.now(UTC)
        for n in range(360):
            at = (now - timedelta(days=360 - n)).isoformat(timespec="microseconds")
            site.place.execute(
                "INSERT INTO headcounts (integration, kind, run_id, at, stored, active, created, updated, removed, "
                f"losses) VALUES ('acme', 'Employee', 'x', '{at}', {900 + n}, {800 + n}, {n % 3}, 0, 1, {n % 2})"
            )
        for _ in range(60):
            await site.host.audit.note(Action.PAUSED, "acme")
        notice = NewNotice(now, "acme", Event.HELD, "webhook", "{}")
        await site.host.store.schedules.edit("acme", lambda before: (before, (notice,)))
        return site

    return start


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
async def test_no_page_has_a_problem_of_accessibility_and_none_is_wider_than_its_window(
    filled: Filled, browser: Any, scheme: str, width: int
) -> None:
    site = await filled()
    page = await signed_in(browser, site, color_scheme=scheme, viewport={"width": width, "height": 844})
    trouble: list[str] = []
    page.on("console", lambda one: trouble.append(one.text) if one.type in {"error", "warning"} else None)

    async def look(name: str) -> None:
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, name

    for path in (
        "/settings/integrations",
        "/integrations/acme/people",
        "/integrations/acme/people?department=nothing",
        "/integrations/acme/people/p001",
        "/integrations/acme/people/p129",
        "/integrations/acme/departments?parent=d0",
        "/integrations/acme/preview",
        "/settings/audit",
        "/settings/notices",
    ):
        await page.goto(site.address + path)
        await look(path)
    await page.goto(f"{site.address}/integrations/acme/departments")
    await page.locator("summary").first.click()
    await page.locator("summary", has_text="Team 0").wait_for()
    await look("an open branch")
    await page.goto(f"{site.address}/integrations/acme/history")
    for summary in await page.locator("summary").all():
        await summary.click()
    await look("history with its tables")
    await page.goto(f"{site.address}/integrations/acme/preview")
    await page.get_by_label("Name, e-mail or id").fill("person")
    await page.get_by_role("button", name="Ask Namely").click()
    await page.get_by_text("Which one is meant?").wait_for()
    await look("candidates")
    assert trouble == []


@pytest.mark.parametrize(("path", "heading"), [("people", "Status"), ("history", "Verdict")])
async def test_on_a_phone_every_cell_of_a_row_is_in_sight(web: StartWeb, browser: Any, path: str, heading: str) -> None:
    site = await web(scanned=True)
    page = await signed_in(browser, site, viewport={"width": 390, "height": 844})
    await page.goto(f"{site.address}/integrations/acme/{path}")
    cells = await page.locator("table.stacked tbody tr").first.locator("th, td").all()
    boxes = [box for cell in cells if (box := await cell.bounding_box())]
    assert len(boxes) >= 4
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert not await page.get_by_text(heading, exact=True).locator("visible=true").and_(page.locator("th")).count()


async def test_without_javascript_no_button_is_shown_that_needs_it(web: StartWeb, browser: Any) -> None:
    site = await web(scanned=True)
    page = await signed_in(browser, site, java_script_enabled=False)
    await page.goto(f"{site.address}/integrations/acme/schedule")
    assert await page.get_by_role("button", name="Save").is_visible()
    assert await page.locator("[data-fill]").count()
    assert not await page.locator("[data-fill]").locator("visible=true").count()


async def test_a_person_that_the_provider_has_is_shown_step_by_step_and_is_accessible(
    web: StartWeb, browser: Any
) -> None:
    site = await web(scanned=True)
    someone = (await site.host.directory("acme")).people().rows[0]
    page = await signed_in(browser, site, viewport={"width": 390, "height": 844})
    await page.goto(f"{site.address}/integrations/acme/people/{someone.source_id}")
    await page.get_by_role("button", name="Ask the provider now").click()
    await page.get_by_role("heading", name="What would change").wait_for()
    await page.get_by_label("Name, e-mail or id").fill(someone.email)
    await page.get_by_role("button", name="Ask Namely").click()
    await page.locator("#announcer", has_text="found").wait_for()
    assert await page.locator("#announcer").inner_text() == "Namely has answered: found."
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_people_are_filtered_while_one_types_and_the_way_back_is_a_whole_page(
    filled: Filled, browser: Any
) -> None:
    site = await filled()
    page = await signed_in(browser, site)
    await page.goto(f"{site.address}/integrations/acme/people")
    await page.get_by_label("Search").type("clerk")
    await page.locator("p", has_text="128 people").wait_for()
    assert "find=" in page.url
    assert "clerk" not in page.url
    await page.get_by_label("Status").select_option("inactive")
    await page.locator("p", has_text="19 people").wait_for()
    await page.get_by_role("link", name="Person 126").click()
    await page.get_by_role("heading", level=1, name="Person 126").wait_for()
    await page.go_back()
    await page.locator("p", has_text="19 people").wait_for()
    assert await page.get_by_label("Status").input_value() == "inactive"
    await page.get_by_role("navigation", name="Integration").wait_for()


async def test_show_more_appends_and_moves_the_focus_to_the_first_new_person(filled: Filled, browser: Any) -> None:
    site = await filled()
    page = await signed_in(browser, site)
    await page.goto(f"{site.address}/integrations/acme/people")
    await page.get_by_role("button", name="Show more").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Person 050").first.wait_for()
    assert await page.locator("tbody th").count() == 100
    assert await page.evaluate("document.activeElement.textContent") == "Person 050"


async def test_a_tree_of_departments_is_opened_by_keyboard_one_branch_at_a_time(filled: Filled, browser: Any) -> None:
    site = await filled()
    page = await signed_in(browser, site)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "parent=" in one.url else None)
    await page.goto(f"{site.address}/integrations/acme/departments")
    assert await page.locator("summary").count() == 1
    await page.locator("summary").first.focus()
    await page.keyboard.press("Enter")
    await page.locator("summary", has_text="Team 0").click()
    await page.get_by_text("Squad").wait_for()
    await page.locator("summary", has_text="Team 0").click()
    await page.locator("summary", has_text="Team 0").click()
    assert [one.partition("parent=")[2] for one in asked] == ["d0", "d0.0"]


async def test_the_span_of_the_charts_is_chosen_in_place(filled: Filled, browser: Any) -> None:
    site = await filled()
    page = await signed_in(browser, site)
    await page.goto(f"{site.address}/integrations/acme/history")
    charts = page.locator("svg.chart")
    year = await charts.last.get_attribute("aria-label")
    await page.get_by_role("link", name="30 days").click()
    await page.locator(".spans [aria-current]", has_text="30 days").wait_for()
    assert await charts.last.get_attribute("aria-label") != year
    assert page.url.endswith("span=30")
    assert await charts.count() == 2


async def test_without_a_script_people_departments_and_records_are_walked_by_links(
    filled: Filled, browser: Any
) -> None:
    site = await filled()
    page = await signed_in(browser, site, java_script_enabled=False)
    await page.goto(f"{site.address}/integrations/acme/people")
    await page.get_by_label("Search").fill("126")
    await page.get_by_role("button", name="Search").click()
    await page.locator("p", has_text="1 person").wait_for()
    await page.goto(f"{site.address}/integrations/acme/people")
    await page.get_by_role("button", name="Show more").click()
    await page.get_by_role("link", name="Person 050").first.wait_for()
    await page.goto(f"{site.address}/integrations/acme/departments")
    await page.locator("summary").first.click()
    await page.get_by_role("link", name="Open ").click()
    await page.get_by_text("Team 1").wait_for()
    await page.goto(f"{site.address}/settings/audit")
    await page.get_by_role("button", name="Show older entries").click()
    await page.get_by_role("link", name="The newest entries").wait_for()
