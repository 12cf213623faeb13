"""How many requests are under way at once, and how large a page is: as much as the provider bears, and no more."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from connector_core import Call, Employee, Page, PageNumber, TotalSource, Verdict
from connector_core.beginnings import Began
from connector_core.errors import UnavailableError
from connector_core.host import Host
from connector_core.http.listener import RequestListener
from connector_core.http.pace import Pace, PageSizes
from connector_core.http.pages import PagedListing
from connector_core.http.parsing import ParsedPage
from connector_core.http.request import Request
from connector_core.sdk.position import Position
from connector_core.settings import LimitSettings, PluginSettings
from connector_core.testing import Faults
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from world import Place, Start

pytestmark = pytest.mark.jumping


def now() -> float:
    return asyncio.get_running_loop().time()


class Busy(NamelySimulator):
    """Answers late, each time differently, and counts how many requests wait at once."""

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


# ---- read-ahead


async def test_pages_are_read_at_once_and_staged_in_order(namely: Start) -> None:
    place = await namely(1_000, simulator=Busy, http={"at_once": 6})
    seen: list[int] = []
    report = await first(place, progress=lambda told: seen.append(told.seen))
    assert report.verdict is Verdict.COMPLETE
    assert seen == [*range(50, 1_001, 50), 1_000]
    assert isinstance(place.simulator, Busy)
    assert 2 < place.simulator.most <= 6
    assert [one.source_id async for one in place.host.entities("acme", Employee)] == sorted(
        one.id for one in place.tenant.people
    )


@pytest.mark.parametrize("at_once", [1, 2])
async def test_a_page_that_cannot_be_parsed_is_requested_again_when_a_slot_is_free(namely: Start, at_once: int) -> None:
    place = await namely(1_000, simulator=Busy, http={"at_once": at_once, "first_wait": 0})
    await place.connect()
    place.simulator.script("garbage@3x3:/profiles")
    assert isinstance(place.simulator, Busy)
    place.simulator.most = 0
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.retries >= 3
    assert len(await place.people()) == 1_000
    assert place.simulator.most == at_once


Attempt = Callable[[int, RequestListener], Awaitable[int | None]]
"""Answers the request of a page by its number: the total that it announces."""


def listing(attempt: Attempt, *, rows: int, at_once: int) -> PagedListing[Any]:
    """A listing of so many rows, ten a page, of which the test answers each request."""

    async def fetch(query: Any, *, listener: RequestListener, divisible: bool) -> ParsedPage[Any]:
        assert divisible == (query.params["per_page"] == 10)
        number = int(query.params["page"])
        announced = await attempt(number, listener)
        ids = tuple(str(row) for row in range(rows)[(number - 1) * 10 : number * 10])
        return ParsedPage(ids, ids, announced, TotalSource.LISTING)

    return PagedListing(fetch, Request(Call("GET", "/people")), PageNumber(size=10), Position(), Pace(at_once))


@pytest.mark.parametrize("rows", [100, 120])
async def test_a_total_below_that_of_a_response_that_is_not_parsed_yet_has_fallen(rows: int) -> None:
    """Page 2 announces one row more, and page 3, requested after that had come, one row less again."""
    totals = {1: 100, 2: 101, 3: 100}

    async def attempt(number: int, listener: RequestListener) -> int:
        await listener.before_sending()
        # Responses that are under way together come in turn, and are parsed later.
        await asyncio.sleep(0.01)
        listener.answered(0.01, None)
        await asyncio.sleep(0)
        return totals.get(number, rows)

    pages = listing(attempt, rows=rows, at_once=1)
    fell = {page.place.number: page.place.total_fell async for page in pages.deliver()}
    assert fell[3]
    assert not fell[2]


async def test_a_page_to_be_requested_again_goes_before_the_next_pages() -> None:
    sent: list[int] = []

    async def attempt(number: int, listener: RequestListener) -> int:
        await listener.before_sending()
        sent.append(number)
        await asyncio.sleep(number)
        listener.answered(1.0, None)
        if number == 2 and sent.count(2) == 1:
            # Its response cannot be parsed. Meanwhile, page 4 has taken its slot.
            await asyncio.sleep(0.1)
            await listener.before_sending()
            sent.append(number)
        return 60

    async for _ in listing(attempt, rows=60, at_once=2).deliver():
        pass
    assert sent == [1, 2, 3, 4, 2, 5, 6, 7]


async def test_no_page_behind_one_that_failed_is_requested() -> None:
    sent: list[int] = []

    async def attempt(number: int, listener: RequestListener) -> int:
        await listener.before_sending()
        sent.append(number)
        await asyncio.sleep(0.5 if number == 4 else 1.0)
        if number == 4:
            listener.failed(now() - 0.5, now())
            raise UnavailableError("it is down", call=Call("GET", "/people"))
        listener.answered(1.0, None)
        return 1_000

    pages: list[Page[Any]] = []
    with pytest.raises(UnavailableError):
        async for page in listing(attempt, rows=1_000, at_once=3).deliver():
            pages.append(page)  # noqa: PERF401 - what came before the error counts
    assert [page.place.number for page in pages] == [1, 2, 3]
    assert sent == [1, 2, 3, 4]


async def test_a_caller_that_takes_one_page_costs_one_request() -> None:
    sent: list[int] = []

    async def attempt(number: int, listener: RequestListener) -> int:
        await listener.before_sending()
        sent.append(number)
        listener.answered(1.0, None)
        return 1_000

    pages = listing(attempt, rows=1_000, at_once=8)
    assert (await anext(pages.deliver())).place.number == 1
    await asyncio.sleep(1)
    assert sent == [1]


async def test_no_more_is_requested_than_the_total_needs(namely: Start) -> None:
    place = await namely(500)
    await first(place)
    # Ten pages, and the empty one that ends the listing.
    assert len(listed(place)) == 11


async def test_a_check_costs_one_page(namely: Start) -> None:
    place = await namely(500)
    await place.connect()
    assert len(listed(place)) == 1


async def test_a_row_that_is_appended_meanwhile_is_read_and_the_total_has_not_fallen(namely: Start) -> None:
    place = await namely(600, simulator=Busy, http={"at_once": 3})
    await place.connect()
    place.simulator.script("join@4:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report["Employee"].certificate.complete
    assert report["Employee"].certificate.began is Began.FRESH


async def test_a_row_that_goes_meanwhile_has_the_listing_read_twice(namely: Start) -> None:
    place = await namely(600, simulator=Busy, http={"at_once": 4})
    await place.connect()
    place.simulator.script("delete@6:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report["Employee"].certificate.began is Began.READ_TWICE
    assert report["Employee"].certificate.complete
    assert {one.id for one in place.tenant.people} <= (await place.people()).keys()


class Stuck(NamelySimulator):
    """Answers page 3 when no other request has come for a while."""

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


async def test_while_a_page_is_late_more_is_read_ahead_but_not_without_end(namely: Start) -> None:
    place = await namely(1_500, simulator=Stuck, http={"at_once": 4}, quota=1_000_000)
    await place.connect()
    assert isinstance(place.simulator, Stuck)
    place.simulator.heard = 0
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    # Four times the requests at once: the first two, and fifteen behind the one that is late; five are of the check.
    assert 2 + 15 <= place.simulator.heard_before <= 2 + 15 + 5


class Late(NamelySimulator):
    """Sends the second page late. Meanwhile an employee is hired, whom the later pages do not know yet."""

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
    assert report["Employee"].certificate.complete
    assert len(await place.people()) == 121


async def test_a_page_that_fails_ends_the_kind_there_and_the_next_run_resumes(namely: Start) -> None:
    place = await namely(600, http={"tries": 1})
    await place.connect()
    place.simulator.script("500@6x99:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.INCOMPLETE
    read = report["Employee"].certificate.pages
    assert read >= 1
    place.simulator.faults = Faults()
    report = await place.host.run("acme", kinds=["employees"])
    assert report["Employee"].certificate.began is Began.RESUMED
    assert report["Employee"].certificate.first_page == read
    assert report["Employee"].certificate.complete


async def test_a_listing_resumed_at_its_last_page_costs_two_requests(namely: Start) -> None:
    place = await namely(420, http={"at_once": 1, "tries": 1})
    await place.connect()
    # The ninth page, of 20 rows, has come, and the empty one behind it has not.
    place.simulator.script("500@11:/profiles")
    await place.host.run("acme", kinds=["employees"])
    place.simulator.requests.clear()
    report = await place.host.run("acme", kinds=["employees"])
    assert report["Employee"].certificate.began is Began.RESUMED
    assert report["Employee"].certificate.first_page == 9
    assert len(listed(place)) == 2


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


# ---- smaller pages


async def test_smaller_pages_are_requested_where_the_gateway_gives_up(namely: Start) -> None:
    place = await namely(2_000, http={"at_once": 1}, quota=1_000_000)
    await place.connect()
    place.simulator.requests.clear()
    place.simulator.script("502@4x4:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert len(await place.people()) == 2_000
    sizes = [query.partition("per_page=")[2].partition("&")[0] for query in listed(place)]
    # Twice 50, twice 25, then 10: aligned to the same rows, and larger again after a while.
    assert sizes[2:6] == ["50", "50", "25", "25"]
    assert "page=11&per_page=10" in listed(place)[6]
    assert sizes[-1] == "50"


async def test_a_gateway_that_never_answers_ends_the_kind_with_its_status(namely: Start) -> None:
    place = await namely(200)
    await place.connect()
    place.simulator.script("504@4x9999:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.INCOMPLETE
    reason = report["Employee"].certificate.reasons[0]
    assert (reason["error"], reason["request"]) == ("provider_unavailable", "GET /profiles")


async def test_a_row_that_goes_between_two_parts_of_the_first_page_has_it_read_twice(namely: Start) -> None:
    place = await namely(120, http={"tries": 1})
    await place.connect()
    place.simulator.script("502@2:/profiles,delete@3:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report["Employee"].certificate.began is Began.READ_TWICE
    assert {one.id for one in place.tenant.people} <= (await place.people()).keys()


def test_a_larger_page_is_tried_once_in_a_while_and_ever_less_often() -> None:
    sizes = PageSizes(50)
    assert sizes.failed(50)
    asked = []
    for _ in range(100):
        size = sizes.choose()
        asked.append(size)
        if size > 25:
            assert sizes.failed(size)
        else:
            sizes.succeeded(size)
    assert asked.count(50) == 3
    assert not PageSizes(7).has_smaller(7)


def test_pages_that_fail_together_reduce_the_size_by_one_step() -> None:
    sizes = PageSizes(50)
    assert [sizes.failed(50) for _ in range(4)] == [True] * 4
    assert sizes.choose() == 25


# ---- quotas and throttling


async def test_while_a_path_is_throttled_it_is_not_requested(namely: Start) -> None:
    place = await namely(1_000, simulator=Busy, http={"at_once": 8}, quota=1_000_000)
    await place.connect()
    place.simulator.requests.clear()
    place.simulator.script("wait@8:/profiles")
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled == 1
    moments = [one.at for one in place.simulator.requests if one.path == "/profiles"]
    # Retry-After says seven seconds. Requests that were under way arrive within a few hundredths.
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert 6.9 < max(pauses) < 7.1
    assert sum(moment < moments[0] + 5 for moment in moments) < 40


async def limited(place: Place, requests: int, per: float) -> Host:
    limits = {"/profiles": LimitSettings(requests=requests, per=per)}
    plugins = {"namely": PluginSettings(limits=limits)}
    return Host(place.settings.model_copy(update={"plugins": plugins}))


async def test_the_quota_is_filled_and_never_exceeded(namely: Start) -> None:
    place = await namely(1_000, quota=8, window=60)
    async with await limited(place, 8, 60) as host:
        await host.connect("namely", "acme", place.simulator.credentials)
        began = now()
        report = await host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled == 0
    assert report.traffic.quota == 1
    # Two of the 24 requests are of the check. The third window need not be waited out.
    assert now() - began == pytest.approx(2 * 60.6, abs=1)
    assert report.traffic.waited == pytest.approx(2 * 60.6, abs=1)


async def test_integrations_of_one_account_share_its_quota(namely: Start) -> None:
    place = await namely(200, quota=6, window=60)
    async with await limited(place, 6, 60) as host:
        for name in ("one", "two"):
            await host.connect("namely", name, place.simulator.credentials)
        reports = await asyncio.gather(*(host.run(name, kinds=["employees"]) for name in ("one", "two")))
    assert [one.verdict for one in reports] == [Verdict.COMPLETE] * 2
    assert [one.traffic.throttled for one in reports] == [0, 0]


# ---- the pace


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


def test_the_pace_is_halved_once_for_requests_that_were_under_way_together() -> None:
    pace = at_its_widest()
    for began in (1.0, 1.1, 1.2):
        pace.failed(began, 2.0)
    assert pace.width == 8
    pace.failed(2.5, 3.0)
    assert pace.width == 4
    for later in range(100):
        pace.failed(4.0 + later, 4.0 + later)
    assert pace.width == 1


def test_the_pace_comes_back_at_once_from_one_failure_among_many_responses() -> None:
    pace = at_its_widest()
    pace.failed(1.0, 2.0)
    assert pace.width == 8
    for _ in range(8):
        pace.answered(1.0)
    assert pace.width == 16


def test_the_pace_grows_slowly_where_failures_follow_each_other() -> None:
    pace = at_its_widest()
    pace.failed(1.0, 2.0)
    for _ in range(8):
        pace.answered(1.0)
    pace.failed(2.5, 3.0)
    for _ in range(4):
        pace.answered(1.0)
    assert pace.width == 12
    for _ in range(4):
        pace.answered(1.0)
    assert pace.width == 12
