"""How many requests are under way at once, and how large a page is: what the provider bears, and no more."""

import asyncio
import random
import time
from typing import Any

import pytest
from aiohttp import web

from connector_core import Employee, Page, PageNumber, PlaceInListing, Verdict
from connector_core.host import Host
from connector_core.http.pace import Pace, Sizes
from connector_core.http.pages import Pages
from connector_core.sdk.paging import Position
from connector_core.settings import LimitSettings, PluginSettings
from connector_core.testing import Faults
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from world import Place, Start


class Busy(NamelySimulator):
    """Answers late, each differently so, and counts how many requests wait at once."""

    def __init__(self, tenant: Tenant, behaviour: Behaviour) -> None:
        super().__init__(tenant, behaviour)
        self.under_way = self.most = 0
        self._random = random.Random(5)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/api/v1/profiles":
            return await super().handle(request)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self._random.uniform(0.01, 0.05))
            return await super().handle(request)
        finally:
            self.under_way -= 1


def listed(place: Place) -> list[str]:
    return [one.query for one in place.simulator.requests if one.path == "/profiles"]


async def first(place: Place, **more: Any) -> Any:
    await place.connect()
    place.simulator.requests.clear()
    return await place.host.run("acme", kinds=["employees"], **more)


async def test_pages_are_read_at_once_and_staged_in_order(namely: Start) -> None:
    place = await namely(1_000, simulator=Busy, http={"at_once": 6})
    seen: list[int] = []
    report = await first(place, progress=lambda told: seen.append(told.seen))
    assert report.verdict is Verdict.COMPLETE
    assert seen == [*range(50, 1_001, 50), 1_000]
    assert isinstance(place.simulator, Busy)
    assert 2 < place.simulator.most <= 6
    assert [one.source_id for one in place.host.entities("acme", Employee)] == sorted(
        one.id for one in place.tenant.people
    )


@pytest.mark.parametrize("at_once", [1, 2])
async def test_a_page_that_cannot_be_read_is_asked_for_again_when_there_is_room(namely: Start, at_once: int) -> None:
    place = await namely(1_000, simulator=Busy, http={"at_once": at_once, "first_wait": 0})
    await place.connect()
    place.simulator.script("garbage@3x3:/profiles")
    assert isinstance(place.simulator, Busy)
    place.simulator.most = 0
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.retries >= 3
    assert len(place.people()) == 1_000
    assert place.simulator.most == at_once


@pytest.mark.parametrize("later", [100, 120])
async def test_a_total_that_falls_behind_an_answer_that_is_not_read_yet_is_seen(later: int) -> None:
    """Page 2 tells of one more, and page 3, asked for when that had come, of one less again."""
    totals = {1: 100, 2: 101, 3: 100}

    async def ask(_query: Any, number: int, *, heard: Any, **_more: Any) -> Page[Any]:
        await heard.ready()
        # What is under way together is answered in turn, and read later.
        await asyncio.sleep(0.01)
        heard.answered(0.01)
        await asyncio.sleep(0)
        rows = 0 if number * 10 > later else 10
        ids = tuple(str(number * 10 + row) for row in range(rows))
        return Page(ids, ids, announced=totals.get(number, later), place=PlaceInListing(number=number, last=False))

    pages = Pages(ask, PageNumber(size=10), Position(), Pace(1), "people")
    fell = {page.place.number: page.place.total_fell async for page in pages.deliver()}
    assert fell[3]
    assert not fell[2]


async def test_no_more_is_asked_for_than_the_total_needs(namely: Start) -> None:
    place = await namely(500)
    await first(place)
    # Ten pages, and the empty one that ends the listing.
    assert len(listed(place)) == 11


async def test_a_check_costs_one_page(namely: Start) -> None:
    place = await namely(500)
    await place.connect()
    assert len(listed(place)) == 1


async def test_somebody_who_joins_meanwhile_is_read_and_is_no_fall(namely: Start) -> None:
    place = await namely(600, simulator=Busy, http={"at_once": 3})
    await place.connect()
    place.simulator.script("join@4:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.certificates[0].complete
    assert report.certificates[0].began == ""


async def test_somebody_who_goes_meanwhile_makes_it_read_twice(namely: Start) -> None:
    place = await namely(600, simulator=Busy, http={"at_once": 4})
    await place.connect()
    place.simulator.script("delete@6:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.certificates[0].began.startswith("read twice")
    assert report.certificates[0].complete
    assert {one.id for one in place.tenant.people} <= place.people().keys()


async def test_smaller_pages_are_asked_for_where_the_gateway_gives_up(namely: Start) -> None:
    place = await namely(2_000, http={"at_once": 1}, quota=1_000_000)
    await place.connect()
    place.simulator.requests.clear()
    place.simulator.script("502@4x4:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert len(place.people()) == 2_000
    sizes = [query.partition("per_page=")[2].partition("&")[0] for query in listed(place)]
    # Twice 50, twice 25, then 10: aligned to the same rows, and larger again after a while.
    assert sizes[2:6] == ["50", "50", "25", "25"]
    assert "page=11&per_page=10" in listed(place)[6]
    assert sizes[-1] == "50"


async def test_a_gateway_that_never_answers_ends_it_with_what_it_said(namely: Start) -> None:
    place = await namely(200)
    await place.connect()
    place.simulator.script("504@4x9999:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.INCOMPLETE
    assert "answered 504" in report.certificates[0].reasons[0]


async def test_while_it_is_throttled_nobody_asks_for_that_path(namely: Start) -> None:
    place = await namely(3_000, simulator=Busy, http={"at_once": 8})
    await place.connect()
    place.simulator.requests.clear()
    place.simulator.script("wait@8:/profiles")
    started = time.monotonic()
    # Retry-After says seven seconds; those under way already come in within a few hundredths.
    task = asyncio.create_task(place.host.run("acme", kinds=["employees"]))
    while not place.simulator.faults.fired:  # noqa: ASYNC110 - the simulator tells nobody
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.3)
    asked = len(listed(place))
    await asyncio.sleep(0.7)
    assert len(listed(place)) == asked < 40
    assert time.monotonic() - started < 7
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def limited(place: Place, requests: int, per: float) -> Host:
    limits = {"/profiles": LimitSettings(requests=requests, per=per)}
    plugins = {"namely": PluginSettings(limits=limits)}
    return Host(place.settings.model_copy(update={"plugins": plugins}))


async def test_the_quota_is_filled_and_never_exceeded(namely: Start) -> None:
    # The server's window is shorter by what a busy machine may delay a request.
    place = await namely(1_000, quota=8, window=0.3)
    async with await limited(place, 8, 0.5) as host:
        await host.connect("namely", "acme", place.simulator.credentials)
        place.simulator.requests.clear()
        started = time.monotonic()
        report = await host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled == 0
    assert report.traffic.quota == 1
    assert report.traffic.waited > 0.5
    # Two of the windows hold what the check asked for; the last need not be waited out.
    assert time.monotonic() - started < 0.5 * 1.01 * 4 + 0.7


async def test_integrations_of_one_account_share_its_quota(namely: Start) -> None:
    place = await namely(200, quota=6, window=0.3)
    async with await limited(place, 6, 0.6) as host:
        for name in ("one", "two"):
            await host.connect("namely", name, place.simulator.credentials)
        reports = await asyncio.gather(*(host.run(name, kinds=["employees"]) for name in ("one", "two")))
    assert [one.verdict for one in reports] == [Verdict.COMPLETE] * 2
    assert [one.traffic.throttled for one in reports] == [0, 0]


async def test_a_page_that_fails_ends_the_kind_there_and_the_next_run_goes_on(namely: Start) -> None:
    place = await namely(600, http={"tries": 1})
    await place.connect()
    place.simulator.script("500@6x99:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.INCOMPLETE
    read = report.certificates[0].pages
    assert read >= 1
    place.simulator.faults = Faults()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.certificates[0].began == f"resumed at page {read}"
    assert report.certificates[0].complete


async def test_a_forecast_is_made_when_the_total_is_known(namely: Start) -> None:
    place = await namely(1_000)
    report = await place.host.connect("namely", "acme", place.simulator.credentials)
    assert report.forecast.requests == 20
    assert [one.announced for one in report.probes] == [1_000, 21]
    told: list[Any] = []
    await place.host.run("acme", kinds=["employees"], progress=told.append)
    assert told[0].forecast.requests == 20
    assert told[-1].forecast.requests == 0
    async with await limited(place, 10, 60) as host:
        report = await host.check("acme")
    assert report.forecast.seconds == 60


def test_the_pace_grows_while_latency_stays_level() -> None:
    pace = Pace(16)
    for _ in range(20):
        pace.answered(1.0)
    assert pace.width == 16
    slow = Pace(16)
    slow.answered(1.0)
    for _ in range(20):
        slow.answered(9.0)
    assert slow.width < 12


def at_its_widest() -> Pace:
    pace = Pace(16)
    for _ in range(20):
        pace.answered(1.0)
    return pace


def test_the_pace_is_halved_once_for_what_was_under_way_together() -> None:
    pace = at_its_widest()
    for began in (1.0, 1.1, 1.2):
        pace.refused(began, 2.0)
    assert pace.width == 8
    pace.refused(2.5, 3.0)
    assert pace.width == 4
    for _ in range(100):
        pace.refused(time.monotonic() + 100, time.monotonic() + 100)
    assert pace.width == 1


def test_the_pace_comes_back_at_once_from_one_bad_answer_among_many() -> None:
    pace = at_its_widest()
    pace.refused(1.0, 2.0)
    assert pace.width == 8
    for _ in range(8):
        pace.answered(1.0)
    assert pace.width == 16


def test_the_pace_feels_its_way_where_bad_answers_follow_each_other() -> None:
    pace = at_its_widest()
    pace.refused(1.0, 2.0)
    for _ in range(8):
        pace.answered(1.0)
    pace.refused(2.5, 3.0)
    for _ in range(4):
        pace.answered(1.0)
    assert pace.width == 12
    for _ in range(4):
        pace.answered(1.0)
    assert pace.width == 12


class Stuck(NamelySimulator):
    """Page 3 is answered when others have not been asked for in a while."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("page") != "3":
            self.heard += 1
        elif request.path == "/api/v1/profiles":
            before = -1
            while before != self.heard:
                before = self.heard
                await asyncio.sleep(0.2)
            self.heard_before = before
        return await super().handle(request)

    heard = heard_before = 0


async def test_behind_a_page_that_is_late_more_is_read_ahead_but_not_without_end(namely: Start) -> None:
    place = await namely(3_000, simulator=Stuck, http={"at_once": 4}, quota=1_000_000)
    await place.connect()
    assert isinstance(place.simulator, Stuck)
    place.simulator.heard = 0
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    # Four times the requests at once: the first two, and fifteen behind the one that is late; five are of the check.
    assert 2 + 15 <= place.simulator.heard_before <= 2 + 15 + 5


class Late(NamelySimulator):
    """The second page is late; while it is on its way somebody is hired, and the later pages do not know yet."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("page") == "2" and not self.late:
            self.late = True
            await asyncio.sleep(0.3)
            self.directory.hire()
        return await super().handle(request)

    late = False


async def test_a_hire_that_only_an_earlier_page_knew_of_is_read(namely: Start) -> None:
    place = await namely(120, simulator=Late)
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.certificates[0].complete
    assert len(place.people()) == 121


async def test_somebody_who_goes_between_two_parts_of_the_first_page_makes_it_read_twice(namely: Start) -> None:
    place = await namely(120, http={"tries": 1})
    await place.connect()
    place.simulator.script("502@2:/profiles,delete@3:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.certificates[0].began.startswith("read twice")
    assert {one.id for one in place.tenant.people} <= place.people().keys()


async def test_nothing_is_asked_for_behind_the_end_after_going_on_at_the_last_page(namely: Start) -> None:
    place = await namely(420, http={"at_once": 1, "tries": 1})
    await place.connect()
    # The ninth page of 20 rows has come, and the empty one behind it has not.
    place.simulator.script("500@11:/profiles")
    await place.host.run("acme", kinds=["employees"])
    place.simulator.requests.clear()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.certificates[0].began == "resumed at page 9"
    assert len(listed(place)) == 2


def test_a_larger_page_is_tried_once_in_a_while_and_ever_less_often() -> None:
    sizes = Sizes(50)
    assert sizes.refused(50)
    asked = []
    for _ in range(100):
        size = sizes.next()
        asked.append(size)
        if size > 25:
            assert sizes.refused(size)
        else:
            sizes.borne(size)
    assert asked.count(50) == 3
    assert not Sizes(7).divides(7)


def test_those_who_find_out_together_go_down_one_step() -> None:
    sizes = Sizes(50)
    assert [sizes.refused(50) for _ in range(4)] == [True] * 4
    assert sizes.next() == 25
