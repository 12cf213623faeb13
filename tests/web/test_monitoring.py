"""/health and /metrics."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from connector_core.host import Host
from connector_core.settings import Settings
from connector_core.store.figures import LAST_COUNTS
from connector_core.store.notices import Event, NewNotice
from connector_core.testing import Faults
from web_host import NotedRuns, WebHost, client, served_web, web_settings
from world import Place, Start


@pytest.fixture
async def place(namely: Start) -> Place:
    return await namely(60, scanned=True)


@pytest.fixture
async def web(place: Place) -> AsyncIterator[WebHost]:
    settings = place.settings.model_copy(update={"web": web_settings()})
    async with Host(settings) as host, served_web(host, engine=NotedRuns()) as served:
        yield served


@pytest.fixture
async def stranger() -> AsyncIterator[aiohttp.ClientSession]:
    async with client() as session:
        yield session


def figures_in(text: str) -> dict[tuple[str, ...], float]:
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


async def figures(web: WebHost, session: aiohttp.ClientSession) -> dict[tuple[str, ...], float]:
    async with session.get(f"{web.address}/metrics", headers=web.bearer) as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        return figures_in(await response.text())


async def test_health_tells_a_stranger_that_all_is_well_and_nothing_else(
    web: WebHost, stranger: aiohttp.ClientSession
) -> None:
    async with stranger.get(f"{web.address}/health") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    wrong = {"Authorization": "Bearer something-else"}
    async with stranger.get(f"{web.address}/health", headers=wrong) as response:
        assert response.status == 200


async def test_health_says_so_when_the_store_cannot_be_read(place: Place, stranger: aiohttp.ClientSession) -> None:
    store = place.settings.host.store.with_name("damaged.sqlite")
    store.write_bytes(b"no database" * 1000)
    store.chmod(0o600)
    host = place.settings.host.model_copy(update={"store": store})
    settings = Settings(host=host, plugins=place.settings.plugins, web=web_settings())
    async with (
        Host(settings) as damaged,
        served_web(damaged, engine=NotedRuns()) as web,
        stranger.get(f"{web.address}/health") as response,
    ):
        assert (response.status, await response.json()) == (503, {"status": "unavailable"})


async def test_the_figures_are_those_of_the_store(web: WebHost, stranger: aiohttp.ClientSession) -> None:
    before = await figures(web, stranger)
    await web.host.run("acme", apply=False)
    found = await figures(web, stranger)
    stored = await web.host.count_entities("acme")
    assert found["discover_entities", "acme", "Employee"] == stored["Employee"] == 60
    assert found["discover_entities", "acme", "Department"] == stored["Department"]
    assert 0 < found["discover_active", "acme", "Employee"] < 60
    assert ("discover_active", "acme", "Department") not in found
    assert found["discover_runs_total", "namely", "complete"] >= before["discover_runs_total", "namely", "complete"]
    runs = sum(value for key, value in found.items() if key[0] == "discover_runs_total")
    assert runs == len(await web.host.history("acme")) == 2
    (last, first) = await web.host.history("acme")
    assert found["discover_requests_total", "namely"] == (last.requests or 0) + (first.requests or 0)
    assert found["discover_throttles_total", "namely"] == 0
    assert 0 <= found["discover_last_complete_age_seconds", "acme", "Employee"] < 60
    assert (
        found["discover_last_complete_age_seconds", "acme", "Employee"]
        < before["discover_last_complete_age_seconds", "acme", "Employee"] + 60
    )
    assert found["process_resident_memory_bytes",] > 0


async def test_throttled_requests_and_failed_runs_are_counted(namely: Start, stranger: aiohttp.ClientSession) -> None:
    place = await namely(60, connected=True)
    place.simulator.script("429@2:/profiles")
    await place.run()
    place.tenant.token = "revoked"
    with pytest.raises(Exception, match="token"):
        await place.run()
    settings = place.settings.model_copy(update={"web": web_settings()})
    async with Host(settings) as host, served_web(host, engine=NotedRuns()) as web:
        found = await figures(web, stranger)
    assert found["discover_throttles_total", "namely"] >= 1
    assert found["discover_runs_total", "namely", "failed"] == 1


async def test_counters_do_not_fall_when_old_runs_are_deleted(
    place: Place, web: WebHost, stranger: aiohttp.ClientSession
) -> None:
    before = await figures(web, stranger)
    place.execute("DELETE FROM runs")
    after = await figures(web, stranger)
    for key in before:
        if key[0].endswith("_total") and key[0].startswith("discover_"):
            assert after[key] == before[key]


async def test_a_run_under_way_is_shown(web: WebHost, stranger: aiohttp.ClientSession) -> None:
    assert ("discover_run_running", "acme") not in await figures(web, stranger)
    started = f"{web.address}/api/v1/integrations/acme/runs"
    async with stranger.post(started, json={}, headers=web.bearer) as response:
        assert response.status == 202
    assert (await figures(web, stranger))["discover_run_running", "acme"] == 1


async def test_a_late_run_and_failures_in_a_row_are_shown(web: WebHost, stranger: aiohttp.ClientSession) -> None:
    late, failures = ("discover_schedule_late_seconds", "acme"), ("discover_schedule_failures", "acme")
    assert late not in await figures(web, stranger)
    await web.host.schedules.set("acme", "0 6 * * *")
    found = await figures(web, stranger)
    assert (found[late], found[failures]) == (0, 0)
    due = datetime.now(UTC) - timedelta(minutes=5)
    await web.host.store.schedules.edit("acme", lambda before: (replace(before, due_at=due, failures=2), ()))
    found = await figures(web, stranger)
    assert 300 <= found[late] < 330
    assert found[failures] == 2
    await web.host.schedules.pause("acme")
    assert late not in await figures(web, stranger)


async def test_notices_that_wait_or_were_given_up_are_counted(web: WebHost, stranger: aiohttp.ClientSession) -> None:
    now = datetime.now(UTC)
    new = [NewNotice(now, "acme", Event.TEST, channel, "{}") for channel in ("webhook", "email", "")]
    await web.host.store.schedules.edit("acme", lambda before: (before, new))
    found = await figures(web, stranger)
    assert (found["discover_notices", "waiting"], found["discover_notices", "given_up"]) == (2, 0)
    one, two = await web.host.notices.due(now, 2)
    await web.host.notices.tried(one, problem="refused")
    await web.host.notices.tried(two, delivered_at=now)
    found = await figures(web, stranger)
    assert (found["discover_notices", "waiting"], found["discover_notices", "given_up"]) == (0, 1)


async def test_an_incomplete_reading_does_not_make_the_last_complete_one_younger(
    place: Place, web: WebHost, stranger: aiohttp.ClientSession
) -> None:
    age = ("discover_last_complete_age_seconds", "acme", "Employee")
    before = await web.host.status("acme")
    place.simulator.faults = Faults("500@2x99:/profiles")
    await web.host.run("acme")
    (people,) = [one for one in (await web.host.status("acme")).kinds if one.kind == "Employee"]
    (then,) = [one for one in before.kinds if one.kind == "Employee"]
    assert people.last_complete_at == then.last_complete_at != people.read_at
    assert then.last_complete_at
    found, now = await figures(web, stranger), datetime.now(UTC)
    assert found[age] == pytest.approx((now - then.last_complete_at).total_seconds(), abs=5)


async def test_head_counts_are_looked_up_and_no_people_are_counted(place: Place) -> None:
    with closing(sqlite3.connect(place.settings.host.store)) as connection:
        steps = [str(row[-1]) for row in connection.execute(f"EXPLAIN QUERY PLAN {LAST_COUNTS}")]
    assert [one for one in steps if one.startswith("SCAN")] == ["SCAN l"]
    assert [one for one in steps if one.startswith("SEARCH e ")]


async def test_figures_need_a_user_and_come_as_the_scraper_asks(web: WebHost, stranger: aiohttp.ClientSession) -> None:
    async with stranger.get(f"{web.address}/metrics", allow_redirects=False) as response:
        assert response.status == 303
        assert "discover_" not in await response.text()
    wanted = {**web.bearer, "Accept": "application/openmetrics-text; version=1.0.0"}
    async with stranger.get(f"{web.address}/metrics", headers=wanted) as response:
        assert response.content_type == "application/openmetrics-text"
        families = open_metrics(await response.text())  # type: ignore[no-untyped-call] # As it comes.
        assert "discover_runs" in {one.name for one in families}
    await web.signed_in(stranger)
    async with stranger.get(f"{web.address}/metrics") as response:
        assert response.status == 200


async def test_nothing_is_registered_for_the_whole_process(web: WebHost, stranger: aiohttp.ClientSession) -> None:
    assert (await figures(web, stranger))["process_resident_memory_bytes",] > 0
    assert not [one.name for one in REGISTRY.collect() if one.name.startswith("discover_")]
