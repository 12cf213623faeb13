"""Waits for a provider that throttles, as its requests arrive: never without a pause, and by its own clock."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from connector_core import (
    Call,
    ClientCredentials,
    Code,
    ConcurrencyLimit,
    Credentials,
    Employee,
    Page,
    Paging,
    RateHeaders,
    SecretStr,
    SinglePage,
    Streamed,
    ThrottledError,
    Verdict,
)
from connector_core.http.waits import is_used_up, retry_after
from connector_core.sdk.manifest import ResetFormat
from connector_core.testing import Answer, Request, json_answer
from connectors.hibob.connector import HiBob
from planted.example import Example, ExampleCredentials, Owner, People, to_employee
from planted.misreading import PAGING, PATH, declared
from planted.simulator import JSON, ExampleSimulator
from world import Start, first_run, reached

pytestmark = pytest.mark.jumping
MANIFEST = Example.manifest.model_copy(update={"limits": ()})


def gaps(simulator: ExampleSimulator, path: str) -> list[float]:
    """Return the seconds between the requests of a path."""
    return [later.at - one.at for one, later in pairwise([one for one in simulator.requests if one.path == path])]


# ---- headers


NOON = "Wed, 21 Oct 2015 12:00:00 GMT"
NOON_IN_SECONDS = 1445428800
NONE = RateHeaders()
OWN = RateHeaders(reset="X-Own")


def test_retry_after_is_read_in_both_forms_and_never_guessed() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after({"Retry-After": "120"}, NONE) == 120
    assert 85 < (retry_after({"Retry-After": soon}, NONE) or 0) <= 90
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, NONE) == 0
    assert retry_after({"Retry-After": "2.128"}, NONE) == 2.128
    assert retry_after({"Retry-After": "soon"}, NONE) is None
    assert retry_after({"Retry-After": "-5"}, NONE) is None
    assert (
        retry_after({"Retry-After": "9" * 400}, NONE)
        == retry_after({"Retry-After": "999999999999"}, NONE)
        == 365 * 86_400
    )
    assert retry_after({"Retry-After": f"Wed, 21 Oct {'9' * 30} 07:28:00 GMT"}, NONE) is None
    assert retry_after({}, NONE) is None


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-Rate-Limit-Reset": "30"}, 30),
        ({"RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": "1445412480"}, 0),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "9" * 400}, 365 * 86_400),
        ({"Retry-After": "5", "X-RateLimit-Reset": "30"}, 5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "0", "X-RateLimit-Reset": "30"}, 30),
        ({"X-Own": "40"}, 40),
        ({"X-Own": "40", "X-RateLimit-Reset": "30"}, 40),
        ({"X-Other": "40"}, None),
    ],
)
def test_the_time_of_a_reset_is_read_where_there_is_no_retry_after(
    headers: dict[str, str], wanted: float | None
) -> None:
    assert retry_after(headers, OWN) == wanted


def test_a_reset_may_be_a_time_of_the_epoch() -> None:
    assert 39 < (retry_after({"X-RateLimit-Reset": str(int(time.time()) + 40)}, NONE) or 0) <= 41


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"Retry-After": "Wed, 21 Oct 2015 12:00:30 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 12:00:30 -0000"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 11:59:58 GMT"}, 0),
        ({"Retry-After": str(NOON_IN_SECONDS + 30)}, 31),
        ({"X-Own": str(NOON_IN_SECONDS + 30)}, 31),
        ({"X-RateLimit-Reset": str(NOON_IN_SECONDS - 2)}, 0),
    ],
)
def test_a_time_is_compared_with_the_responses_own_date_and_not_with_our_clock(
    headers: dict[str, str], wanted: float
) -> None:
    assert retry_after({**headers, "Date": NOON}, OWN) == wanted


@pytest.mark.parametrize("date", ["", "soon", "Wed, 99 Oct 2015 12:00:00 GMT"])
def test_without_a_valid_date_a_time_is_compared_with_our_clock(date: str) -> None:
    headers = {"X-RateLimit-Reset": str(int(time.time()) + 40), "Date": date}
    assert 39 < (retry_after(headers, NONE) or 0) <= 41


@pytest.mark.parametrize(
    ("form", "value", "wanted"),
    [
        ("seconds", "30", 30),
        ("seconds", "2.5", 2.5),
        ("seconds", str(NOON_IN_SECONDS), 365 * 86_400),
        ("epoch", str(NOON_IN_SECONDS + 30), 31),
        ("epoch", "30", 0),
        ("milliseconds", str(NOON_IN_SECONDS * 1000 + 1500), 1.5),
        ("auto", str(NOON_IN_SECONDS * 1000 + 1500), 1.5),
        ("auto", str(NOON_IN_SECONDS + 30), 31),
        ("auto", "30", 30),
        ("auto", "-30", None),
        ("auto", "1e3", None),
    ],
)
def test_a_reset_is_read_in_the_declared_format(form: ResetFormat, value: str, wanted: float | None) -> None:
    for name in ("X-Own", "X-RateLimit-Reset"):
        rate = RateHeaders(reset=name, format=form)
        assert retry_after({name: value, "Date": NOON}, rate) == wanted


def test_of_a_header_that_comes_twice_the_later_moment_counts() -> None:
    resets = [("X-Own", str(NOON_IN_SECONDS + seconds)) for seconds in (20, 50, 30)]
    assert retry_after(CIMultiDict([*resets, ("X-Own", "soon"), ("Date", NOON)]), OWN) == 51
    assert retry_after(CIMultiDict([("Retry-After", "3"), ("Retry-After", "9")]), NONE) == 9


QUOTA = RateHeaders(reset="X-Reset", remaining="X-Left", limit="X-Limit", format="epoch")


@pytest.mark.parametrize(
    ("headers", "leave_free", "wanted"),
    [
        ({"X-Left": "0", "X-Limit": "100"}, 0, True),
        ({"X-Left": "0"}, 0, True),
        ({"X-Left": "1", "X-Limit": "100"}, 0, False),
        ({"X-Left": "25", "X-Limit": "100"}, 0.25, True),
        ({"X-Left": "26", "X-Limit": "100"}, 0.25, False),
        ({"X-Left": "5"}, 0.25, False),
        ({"X-Left": "0", "X-Limit": "0"}, 0.25, False),
        ({"X-Left": "none", "X-Limit": "100"}, 0.25, False),
        ({"X-Left": "-1", "X-Limit": "100"}, 0.25, False),
        ({"X-Left": "10", "X-Limit": "100;w=60"}, 0.25, False),
        ({"X-Limit": "100"}, 0.25, False),
        ({}, 0.25, False),
    ],
)
def test_a_quota_is_used_up_when_no_more_remains_than_is_to_stay_free(
    headers: dict[str, str], leave_free: float, wanted: bool
) -> None:
    assert is_used_up(headers, QUOTA, leave_free) is wanted
    assert not is_used_up(headers, NONE, leave_free)


def test_the_reset_of_a_limit_of_none_is_no_time_to_wait_for() -> None:
    headers = {"X-Left": "0", "X-Limit": "0", "X-Reset": str(NOON_IN_SECONDS + 50), "Date": NOON}
    assert retry_after(headers, QUOTA) is None
    assert retry_after({**headers, "Retry-After": "2"}, QUOTA) == 2


# ---- a quota that the responses tell of


class Metered(ExampleSimulator):
    """Tells how many of ``most`` requests of a path are left."""

    most = 8

    def quota_headers(self, path: str) -> dict[str, str]:
        used = sum(one.path == path for one in self.requests)
        left = max(0, self.most - used % (self.most + 1))
        return {"X-Limit": str(self.most), "X-Left": str(left), "X-Reset": str(int(time.time()) + 20)}


async def listed(simulator: ExampleSimulator, *, leave_free: float = 0, **http: Any) -> list[float]:
    """Read five pages of people, one by one. Return the seconds between the requests."""
    credentials = ExampleCredentials.parse(simulator.credentials)
    manifest = MANIFEST.model_copy(update={"rate_headers": QUOTA})
    async with reached(simulator, manifest, credentials, leave_free=leave_free, at_once=1, **http) as api:
        async for _ in api.pages("/people", People, paging=PAGING):
            pass
    return gaps(simulator, "/people")


async def test_a_quota_that_is_used_up_is_not_run_into() -> None:
    simulator = Metered(150, 1)
    simulator.most = 4
    found = await listed(simulator)
    # The fourth answer says that nothing is left.
    assert [gap > 19 for gap in found] == [False, False, False, True, False, False]
    assert max(found) < 23


async def test_a_share_of_the_quota_is_left_free_for_others() -> None:
    simulator = Metered(150, 1)
    # The fourth answer says that half of it is left.
    assert [gap > 19 for gap in await listed(simulator, leave_free=0.5)][:4] == [False, False, False, True]


async def test_a_quota_that_is_renewed_too_late_defers_the_reading() -> None:
    simulator = Metered(150, 1)
    simulator.most = 2
    with pytest.raises(ThrottledError) as caught:
        await listed(simulator, leave_free=0.25, longest_wait=10)
    assert len(gaps(simulator, "/people")) == 1
    assert 15 < (caught.value.retry_after or 0) <= 21
    said = "the quota of Example HR is used up, except for the share that is left free"
    assert caught.value.message == f"GET /people: {said}"


class Crammed(ExampleSimulator):
    """Answers the second request as Okta does where there are too many at once."""

    def answer(self, request: web.Request) -> Answer:
        if len(self.requests) != 2:
            return super().answer(request)
        told = (("X-Limit", "0"), ("X-Left", "0"), ("X-Reset", str(int(time.time()) + 3600)))
        return json_answer({"error": "too many at once"}, 429, (*JSON, *told))


async def test_too_many_requests_at_once_cost_a_short_wait_and_not_one_until_a_reset() -> None:
    found = await listed(Crammed(60, 1))
    assert [gap >= 1 for gap in found] == [False, True, False, False]
    assert max(found) < 3


async def test_a_quota_of_rows_by_their_ids_is_one() -> None:
    simulator = Metered(5, 1)
    simulator.most = 1
    manifest = MANIFEST.model_copy(update={"rate_headers": QUOTA})
    async with reached(simulator, manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        for person in simulator.people[:2]:
            assert await api.exists("/people", person["id"])
    first, second = simulator.requests
    assert 19 < second.at - first.at < 23


# ---- requests at once


async def test_a_listing_requests_no_more_pages_at_once_than_the_limit_allows() -> None:
    simulator = ExampleSimulator(500, 1)
    simulator.latency = 1
    manifest = MANIFEST.model_copy(update={"limits": (ConcurrencyLimit("/people", 2),)})
    async with reached(simulator, manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        pages = api.pages("/people", People, paging=PAGING)
        await anext(pages)
        others = [asyncio.create_task(api.get("/me", Owner)) for _ in range(3)]
        assert len([page async for page in pages]) == 20
        await asyncio.gather(*others)
    most = max(sum(one.at <= other.at < (one.until or 0) for one in people(simulator)) for other in people(simulator))
    assert most == 2
    assert len({one.at for one in simulator.requests if one.path == "/me"}) == 1


def people(simulator: ExampleSimulator) -> list[Request]:
    return [one for one in simulator.requests if one.path == "/people"]


async def test_rows_that_are_streamed_may_wait_for_other_requests() -> None:
    simulator = ExampleSimulator(300, 1)
    manifest = MANIFEST.model_copy(update={"limits": (ConcurrencyLimit("", 1),)})
    async with reached(simulator, manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        async for page in api.pages("/people", People, paging=Streamed(rows=5)):
            assert await api.exists("/people", page.rows[0].id)
    assert len(simulator.requests) == 1 + 5


# ---- no time, or one that is past


@pytest.mark.parametrize("fault", ["now", "past"])
@pytest.mark.parametrize("paging", [SinglePage(), Streamed()], ids=["whole", "streamed"])
async def test_a_throttle_of_no_seconds_is_waited_out_for_ever_longer(fault: str, paging: Paging) -> None:
    simulator = ExampleSimulator(3, 1)
    simulator.script(fault)
    credentials = ExampleCredentials.parse(simulator.credentials)
    async with reached(simulator, MANIFEST, credentials, throttle_tries=6, throttle_wait=10) as api:
        with pytest.raises(ThrottledError) as caught:
            await anext(api.pages("/people", People, paging=paging))
    found = gaps(simulator, "/people")
    for gap, least in zip(found, (1, 2, 4, 8, 10), strict=True):
        assert least <= gap <= least + 2
    assert caught.value.retry_after is None


class Issuer(ExampleSimulator):
    """Issues a token, and takes any."""

    def answer(self, request: web.Request) -> Answer:  # noqa: ARG002 - named by the base
        return json_answer({"access_token": "issued", "id": "o1", "company": "Acme"}, 200, JSON)


class Keys(Credentials):
    client_id: str
    client_secret: SecretStr


async def test_the_fetching_of_a_token_is_not_repeated_without_a_pause_either() -> None:
    simulator = Issuer(3, 1)
    simulator.script("now@1x2:/token")
    told = {"base_url": "https://acme.hr.example/v1", "auth": ClientCredentials("/token")}
    keys = Keys(client_id="client", client_secret=SecretStr("canary-secret"))
    async with reached(simulator, MANIFEST.model_copy(update=told), keys) as api:
        assert (await api.get("/me", Owner)).id == "o1"
    first, second = gaps(simulator, "/token")
    assert 1 <= first <= 2 <= second <= 3


async def test_others_of_the_path_are_held_back_meanwhile() -> None:
    simulator = ExampleSimulator(3, 1)
    simulator.script("now@1:/me")
    async with reached(simulator, MANIFEST, ExampleCredentials.parse(simulator.credentials)) as api:
        first = asyncio.create_task(api.get("/me", Owner))
        await asyncio.sleep(0.5)
        assert simulator.faults.fired
        await api.get("/me", Owner)
        await first
    assert gaps(simulator, "/me")[0] >= 0.5


# ---- times by another clock


@pytest.mark.attack(
    "A provider whose clock is an hour off throttles, and says until when", "The run waits for seconds, and is complete"
)
@pytest.mark.parametrize("fault", ["behind", "ahead"])
async def test_the_clock_of_the_provider_may_be_an_hour_off(namely: Start, fault: str) -> None:
    place = await namely(120, connected=True)
    place.simulator.script(f"{fault}@2x2:/profiles")
    began = asyncio.get_running_loop().time()
    report = await place.run("employees")
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled == 2
    assert 6.5 <= asyncio.get_running_loop().time() - began < 60


def test_the_header_of_hibobs_resets_is_named() -> None:
    assert HiBob.manifest.rate_headers.reset == "X-RateLimit-Reset"


# ---- what is said of it


async def test_a_run_that_is_throttled_for_no_seconds_is_deferred_until_no_moment(namely: Start) -> None:
    place = await namely(120, connected=True)
    place.simulator.script("now@2x99:/profiles")
    report = await place.run("employees")
    assert report.verdict is Verdict.DEFERRED
    assert [one.code for one in report["Employee"].certificate.reasons][:1] == [Code.THROTTLED]


class Throttles(Example):
    """Raises an error of its own, behind the first page, that asks for less than a second."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_employee)
            raise ThrottledError("too many", call=Call("GET", PATH), retry_after=0.001)


async def test_the_moment_until_which_a_run_is_deferred_is_ahead(tmp_path: Path) -> None:
    began = datetime.now(UTC)
    report = await first_run(Throttles, ExampleSimulator(3, 1), tmp_path / "people.sqlite")
    reason = report["Employee"].certificate.reasons[0]
    assert reason.code is Code.DEFERRED
    assert datetime.strptime(str(reason["until"]), "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC) >= began
