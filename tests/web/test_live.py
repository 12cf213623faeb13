"""A page's news over real connections: progress, changes of state, pulses, and clients that have gone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from connector_core.host import Host
from connector_core.outcomes import Forecast, Progress, Step
from connector_core.scheduling import LiveRun, LocalEngine
from connector_core.web.live import TASK, Changed, News, look, news, pace_of, send
from connector_core.web.pages.live import event
from web_host import client, served_web, web_settings
from world import Start, StartWeb, Web

HERE = "/integrations/acme"


@dataclass(frozen=True)
class Event:
    name: str
    key: str
    html: str


@asynccontextmanager
async def listening(site: Web, *, last_seen: str = "") -> AsyncIterator[AsyncIterator[Event]]:
    """Open the stream of events, as a browser does."""
    headers = {"Last-Event-ID": last_seen} if last_seen else {}
    async with site.client.get(f"{site.address}{HERE}/live", headers=headers) as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"

        async def events() -> AsyncIterator[Event]:
            found: dict[str, list[str]] = {}
            async for raw in response.content:
                line = raw.decode().rstrip("\n")
                if line and not line.startswith(":"):
                    field, _, value = line.partition(": ")
                    found.setdefault(field, []).append(value)
                elif found:
                    yield Event("".join(found["event"]), "".join(found.get("id", [])), "\n".join(found["data"]))
                    found = {}

        yield events()


async def key(site: Web) -> str:
    """Return the state that a page which is opened now shows."""
    return (await site.get(HERE)).html.partition("live?shown=")[2].partition('"')[0]


async def until(events: AsyncIterator[Event], text: str) -> list[Event]:
    """Return the events up to the first one with this text."""
    found = []
    async with asyncio.timeout(15):
        async for one in events:
            found.append(one)
            if text in one.html:
                return found
    raise AssertionError(f"The stream ended without {text!r}.")


async def test_a_run_is_seen_from_its_start_to_its_end(web: StartWeb) -> None:
    site = await web(people=400, connected=True)
    site.place.simulator.latency = 0.2
    async with listening(site, last_seen=await key(site)) as events:
        await site.post(f"{HERE}/run")
        found = await until(events, "Run now")
    progress = [one.html for one in found if one.name == "live"]
    assert any("50 of 400 (12 %)" in one for one in progress)
    assert any("about" in one and "requests" in one for one in progress)
    assert any("in the busiest window" in one for one in progress)
    last = found[-1]
    assert last.name == "overview"
    assert 'data-announce="acme: complete"' in last.html
    assert "400 of 400" in last.html
    assert last.key == await key(site)


async def test_several_browsers_see_the_same_run(web: StartWeb) -> None:
    site = await web(people=400, connected=True)
    site.place.simulator.latency = 0.1
    shown = await key(site)
    async with listening(site, last_seen=shown) as one, listening(site, last_seen=shown) as other:
        await site.post(f"{HERE}/run")
        first, second = await asyncio.gather(until(one, "Run now"), until(other, "Run now"))
    assert first[-1] == second[-1]


async def test_a_browser_that_comes_back_is_told_what_it_has_missed(web: StartWeb) -> None:
    site = await web(connected=True)
    shown = await key(site)
    await site.host.run("acme")
    async with listening(site, last_seen=shown) as events:
        (found,) = await until(events, "60 of 60")
    assert (found.name, found.key) == ("overview", await key(site))


async def test_a_run_of_another_process_is_shown_and_its_end_too(web: StartWeb) -> None:
    site = await web(people=400, connected=True)
    site.place.simulator.latency = 0.3
    run = asyncio.create_task(site.place.run())
    async with asyncio.timeout(5):
        while not await site.host.history("acme", 1):  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.02)
    page = await site.get(HERE)
    assert "running" in page.parts
    assert "Another process runs acme" in page.text
    assert not {"Run now", "Cancel"} & set(page.parts)
    async with listening(site, last_seen=await key(site)) as events:
        (found,) = await until(events, "Run now")
    assert found.name == "overview"
    await run


async def test_when_the_browser_has_gone_nothing_of_its_stream_goes_on_and_the_run_does(web: StartWeb) -> None:
    site = await web(people=400, connected=True)
    site.place.simulator.latency = 0.2
    shown = await key(site)
    before = streams()
    assert before == 0
    async with listening(site, last_seen=shown) as events:
        await site.post(f"{HERE}/run")
        await until(events, "of 400")
        async with asyncio.timeout(5):
            while not streams():  # noqa: ASYNC110 - between two events there is a pause
                await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        while streams():  # noqa: ASYNC110 - tasks of the server
            await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        while "complete, just now" not in (await site.get(HERE)).parts:  # noqa: ASYNC110 - a page has no event
            await asyncio.sleep(0.05)


def streams() -> int:
    """Return how many tasks wait for the next news of a client."""
    return sum(one.get_name() == TASK for one in asyncio.all_tasks())


async def test_the_stream_of_an_integration_that_is_removed_ends(web: StartWeb) -> None:
    site = await web(scanned=True)
    async with listening(site, last_seen=await key(site)) as events:
        await site.host.remove("acme")
        async with asyncio.timeout(10):
            assert [one async for one in events] == []
    assert (await site.get(f"{HERE}/live")).status == 404


async def test_an_open_stream_does_not_prolong_its_session_and_ends_with_it(web: StartWeb) -> None:
    site = await web(scanned=True)
    async with listening(site, last_seen=await key(site)) as events:
        await site.post("/sign-out")
        await site.host.schedules.pause("acme")
        async with asyncio.timeout(10):
            assert [one.name async for one in events] == []
    assert (await site.get(f"{HERE}/live")).location.startswith("/sign-in")


async def test_an_open_stream_does_not_hold_up_the_stop_of_the_server(namely: Start) -> None:
    place = await namely(connected=True)
    settings = place.settings.model_copy(update={"web": web_settings()})
    async with Host(settings) as host, client() as session, AsyncExitStack() as stack:
        served = await stack.enter_async_context(served_web(host))
        async with session.get(f"{served.address}{HERE}/live", headers=served.bearer) as response:
            assert (await response.content.readline()).startswith(b"event: overview")
            began = asyncio.get_running_loop().time()
            await stack.aclose()
            assert asyncio.get_running_loop().time() - began < 1.5


# ---- the parts


async def endless(*first: News) -> AsyncGenerator[News, None]:
    for one in first:
        yield one
    await asyncio.Event().wait()


async def test_without_news_a_pulse_is_written() -> None:
    written: list[News | None] = []

    async def write(one: News | None) -> None:
        written.append(one)

    await send(endless(), write, pulse=0.01, pause=0, may_go_on=lambda: len(written) < 3)
    assert written == [None, None, None]


async def test_a_stream_that_is_cancelled_leaves_nothing_behind() -> None:
    ended = asyncio.Event()

    async def events() -> AsyncGenerator[News, None]:
        try:
            async with aclosing(endless()) as inner:
                async for one in inner:
                    yield one
        finally:
            ended.set()

    async def write(_: News | None) -> None: ...

    task = asyncio.create_task(send(events(), write, pulse=10, pause=0, may_go_on=lambda: True))
    await asyncio.sleep(0.01)
    others = asyncio.all_tasks()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert len(asyncio.all_tasks()) == len(others) - 2


async def test_a_write_that_fails_ends_the_stream() -> None:
    async def write(_: News | None) -> None:
        raise ConnectionResetError

    events = endless(LiveRun("acme", datetime.now(UTC)))
    with pytest.raises(ConnectionResetError):
        await send(events, write, pulse=10, pause=0, may_go_on=lambda: True)


async def test_a_change_by_a_colleague_is_news(web: StartWeb) -> None:
    site = await web(scanned=True)

    engine = LocalEngine(site.host)
    shown = (await look(site.host, engine, "acme")).key
    await site.place.host.schedules.pause("acme")
    async with aclosing(news(site.host, engine, "acme", shown)) as found:
        one = await anext(found)
    assert isinstance(one, Changed)
    assert one.seen.schedule.paused_at
    assert one.seen.key != shown


def test_an_event_of_several_lines_is_one_event() -> None:
    assert event("live", "<p>\n\n</p>") == b"event: live\ndata: <p>\ndata: </p>\n\n"
    assert event("overview", "", "k") == b"event: overview\nid: k\ndata: \n\n"


def test_the_pace_leaves_out_what_an_interrupted_run_had_read() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    progress = Progress("acme", "Employee", 3100, 9000, Forecast(59, 30))
    live = LiveRun("acme", began, kinds={"Employee": progress}, before={"Employee": 3000}, forecast=progress.forecast)
    pace = pace_of(live, began + timedelta(seconds=10))
    assert (pace.rate, pace.left) == ("10 rows a second", "about 59 requests, under a minute")
    asking = replace(live, kinds={"Employee": replace(progress, step=Step.ASKING)})
    assert pace_of(asking, began + timedelta(seconds=10)).rate == "not known yet"
    assert pace_of(LiveRun("acme", began), began).left == "not known yet"


@pytest.mark.parametrize(
    ("shown", "location"),
    [
        ("http://127.0.0.1{path}?span=30", "/sign-in?next={path}"),
        ("", "/sign-in"),
        ("http://[", "/sign-in"),
    ],
)
async def test_after_the_session_has_ended_signing_in_leads_back_to_the_page(
    web: StartWeb, shown: str, location: str
) -> None:
    site = await web(connected=True)
    await site.post("/sign-out")
    answer = await site.get(HERE, {"HX-Request": "true", "HX-Current-URL": shown.format(path=HERE)})
    assert (answer.status, answer.headers["HX-Redirect"]) == (204, location.format(path=HERE))
