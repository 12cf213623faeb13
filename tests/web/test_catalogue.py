"""The list of integrations, the catalogue, and a connector's page."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from connector_core.operator_pages import known_errors, mechanism
from connector_core.plugins import load
from connector_core.scheduling import LocalEngine
from connector_core.settings import PluginSettings, Settings
from connector_core.web.catalogue import Choice, cards_of
from connector_core.web.connector_page import setup_here
from connector_core.web.integration_list import integration_cards, token_tone
from connector_core.web.recorded import recorded
from connector_core.web.tiles import colour_of, contrast_with_white, initials_of, tile
from world import OURS, Start, StartWeb

REGISTRY = load(Settings())


# ---- the list


async def test_without_an_integration_the_list_leads_to_the_catalogue(web: StartWeb) -> None:
    page = await (await web()).get("/settings/integrations")
    assert page.status == 200
    assert "No integration yet" in page.text
    assert 'href="/settings/catalogue">Open the catalogue' in page.html


async def test_an_integration_is_listed_with_its_run_its_rows_and_the_age_of_its_token(web: StartWeb) -> None:
    page = await (await web(scanned=True)).get("/settings/integrations")
    assert 'href="/integrations/acme">acme' in page.html
    assert '<span class="badge good">Complete</span>' in page.html
    for said in (
        "Namely · Acme Widgets",
        "0 days old, 730 left",
        "no schedule",
    ):
        assert said in page.text
    # The run may be that of an earlier test, whose store was copied.
    assert re.search(r"Employees 60 stored complete, (just now|\d+ minutes? ago)", page.text)


async def test_a_plan_that_waits_is_listed_and_led_to(web: StartWeb) -> None:
    site = await web(connected=True)
    await site.host.run("acme", apply=False)
    page = await site.get("/settings/integrations")
    assert re.search(r'href="/integrations/acme/plan">\d+ changes waiting', page.html)
    assert '<span class="badge note">Plan waits</span>' in page.html


async def test_an_integration_that_has_not_run_says_so(web: StartWeb) -> None:
    page = await (await web(connected=True)).get("/settings/integrations")
    assert "Never run" in page.text
    assert "Employees 0 stored not read yet" in page.text


async def test_a_kind_that_could_not_be_read_is_listed_with_its_cause_and_the_way_to_the_remedy(web: StartWeb) -> None:
    site = await web(connected=True)
    site.place.simulator.script("403x999:/groups")
    await site.host.run("acme")
    page = await site.get("/settings/integrations")
    assert '<span class="badge good">Complete</span>' not in page.html
    assert re.search(r"Departments 0 stored incomplete, just now .*See what to do", page.text)


async def test_the_next_run_is_listed_unless_the_schedule_is_paused(web: StartWeb) -> None:
    site = await web(scanned=True)
    schedule = await site.host.schedules.set("acme", "0 3 * * *")
    (when,) = site.host.schedules.times(schedule, 1)
    assert f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC" in (await site.get("/settings/integrations")).text
    await site.host.schedules.pause("acme")
    assert "Next run paused" in (await site.get("/settings/integrations")).text


async def test_a_run_that_is_overdue_is_listed_at_its_time(namely: Start) -> None:
    place = await namely(scanned=True)
    await place.host.schedules.set("acme", "0 3 * * *")
    place.execute("UPDATE schedules SET due_at = '2026-01-02T03:00:00.000000+00:00'")
    (card,) = await integration_cards(place.host, LocalEngine(place.host))
    assert card.next_run == datetime(2026, 1, 2, 3, tzinfo=UTC)


async def test_an_integration_whose_connector_is_not_allowed_says_where_to_look(web: StartWeb) -> None:
    site = await web(connected=True, plugins={"hibob": PluginSettings()})
    page = await site.get("/settings/integrations")
    assert page.status == 200
    assert "The connector cannot be used" in page.text


@pytest.mark.parametrize(("age", "tone"), [(0, "calm"), (699, "calm"), (700, "note"), (729, "note"), (730, "bad")])
def test_a_token_warns_a_month_before_it_ends(age: int, tone: str) -> None:
    assert token_tone(age, timedelta(days=730)) == tone
    assert token_tone(age, None) == "calm"


# ---- the catalogue


async def test_the_catalogue_shows_every_connector_with_its_products_kinds_and_tier(web: StartWeb) -> None:
    page = await (await web()).get("/settings/catalogue")
    assert page.html.count('<article class="pick">') == len(OURS)
    shown = f"{len(OURS)} of {len(OURS)} connectors"
    for said in ("HRIS", "Employees, Departments", "EAM SMP Kit: platinum", "API · Access token", shown):
        assert said in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=bamb", ["bamboohr"]),
        ("search=NAMELY+people", ["namely"]),
        ("product=EAM", ["namely"]),
        ("authentication=Client+credentials", ["entra", "personio"]),
        ("category=HRIS", ["bamboohr", "hibob", "namely", "personio"]),
        ("category=Nothing", []),
        ("search=namely&authentication=API+key", []),
    ],
)
async def test_search_and_filters_choose_connectors_without_a_script(
    web: StartWeb, query: str, found: list[str]
) -> None:
    page = await (await web()).get(f"/settings/catalogue?{query}")
    listed = re.findall(r'<h2><a href="/settings/integrations/([a-z]+)">', page.html)
    assert listed == found
    assert ("No connector fits" in page.text) is (not found)


async def test_a_search_is_never_markup(web: StartWeb) -> None:
    page = await (await web()).get("/settings/catalogue?search=%3Cscript%3E%22")
    assert "&lt;script&gt;&#34;" in page.html
    assert "<script>" not in page.html


async def test_plugins_that_cannot_be_used_are_listed_with_the_reason(web: StartWeb) -> None:
    site = await web(plugins={"namely": PluginSettings(), "nowhere": PluginSettings()})
    page = await site.get("/settings/catalogue")
    assert page.html.count('<article class="pick">') == 1
    assert re.search(r"nowhere failed plugins\.toml allows it, but no installed distribution has it", page.text)
    assert re.search(r"hibob not allowed It is not named in plugins\.toml", page.text)


def test_a_choice_ignores_the_case_and_the_order_of_words() -> None:
    cards = {card.name: card for card in cards_of(REGISTRY)}
    assert Choice.of({"search": "PEOPLE namely"}).fits(cards["namely"])
    assert not Choice.of({"search": "people workday"}).fits(cards["namely"])


# ---- a connector's page


async def test_the_page_of_a_connector_is_found_by_name_and_by_title_in_any_case(web: StartWeb) -> None:
    site = await web()
    for name in ("namely", "Namely", "NAMELY", "bamboohr", "BambooHR"):
        assert (await site.get(f"/settings/integrations/{name}")).status == 200, name


async def test_the_page_of_a_connector_says_what_discover_show_says(web: StartWeb) -> None:
    page = await (await web()).get("/settings/integrations/Namely")
    namely = REGISTRY.connector("namely")
    for one in namely.declarations.values():
        assert {one.description, one.resource, one.permission} <= set(page.parts), one.kind
    assert set(namely.manifest.provider_setup) <= set(page.parts)
    assert "does not use SSO" in page.text
    assert set(setup_here(namely)) <= set(page.parts)
    assert "At most 100 requests of /profiles in any 60 s." in page.text
    assert {one.remedy for one in known_errors(namely)} <= set(page.parts)
    assert set(namely.manifest.rejected.causes) <= set(page.parts)
    assert 'href="/settings/integrations/namely/connect">Add integration' in page.html


async def test_the_page_of_a_connector_says_what_is_not_verified(web: StartWeb) -> None:
    page = await (await web()).get("/settings/integrations/Namely")
    assert "Not verified on a live tenant" in page.text
    assert "Status of the answer to too many requests." in page.text


async def test_an_unknown_connector_is_a_page_that_says_so(web: StartWeb) -> None:
    site = await web(plugins={"namely": PluginSettings()})
    missing = await site.get("/settings/integrations/nothing")
    assert (missing.status, "There is no connector named" in missing.text) == (404, True)
    refused = await site.get("/settings/integrations/hibob")
    assert (refused.status, "is not allowed" in refused.text) == (404, True)


async def test_a_viewer_sees_pages_and_no_way_to_add(web: StartWeb) -> None:
    site = await web(role="viewer", connected=True)
    for path in ("/settings/integrations", "/settings/catalogue", "/settings/integrations/namely"):
        page = await site.get(path)
        assert page.status == 200
        assert "Add integration" not in page.html.replace("Choose Add integration", "")


def test_the_mechanism_of_every_connector_of_ours() -> None:
    assert {name: mechanism(one.manifest) for name, one in REGISTRY.connectors.items()} == {
        "bamboohr": "API key",
        "entra": "Client credentials",
        "hibob": "User and token",
        "namely": "Access token",
        "okta": "Client credentials or API key",
        "personio": "Client credentials",
        "scim": "Access token or User and token or Client credentials",
    }


def test_a_readme_records_a_tier_and_open_facts() -> None:
    found = recorded(REGISTRY.connector("namely"))
    assert found.tier == "platinum"
    names = {one.name for one in found.open_facts}
    assert "throttle_status" in names
    assert "latency" not in names  # A number of the simulator, and no fact about the provider.


# ---- tiles


def test_a_tile_is_always_the_same_and_its_initials_are_readable() -> None:
    for name in ("Namely", "BambooHR", "acme", "Zürich", "", *map(str, range(500))):
        assert tile(name) == tile(name)
        assert contrast_with_white(colour_of(name)) >= 4.5, name


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Namely", "N"), ("BambooHR", "BH"), ("HiBob", "HB"), ("acme-gmbh", "AG"), ("", "?"), ("<b>", "B")],
)
def test_the_initials_of_a_name(name: str, initials: str) -> None:
    assert initials_of(name) == initials
    assert f">{initials}</text>" in tile(name)


def test_a_tile_has_no_style_that_the_content_policy_forbids() -> None:
    assert "style" not in tile("Namely")
