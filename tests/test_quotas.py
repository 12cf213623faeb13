"""Quotas: no window, and no moment, holds more requests than a limit allows, and none waits longer than it must."""

import asyncio

import pytest

from connector_core import ConcurrencyLimit, RateLimit
from connector_core.http.quotas import PausedError, Quotas
from connector_core.operator_pages import limit_in_words, limits_in_words
from connector_core.plugins import Entry, Standing
from connector_core.settings import LimitSettings, PluginSettings, limits_of
from connector_core.testing.kit import run_job
from connector_core.web.api.connectors import Quota
from planted.crowded import AT_ONCE, Crowded
from planted.example import Example

pytestmark = pytest.mark.jumping

PEOPLE = RateLimit("/people", requests=5, per=60)
WINDOW = 60.6
"""Seconds: a hundredth longer than declared."""


def now() -> float:
    return asyncio.get_running_loop().time()


async def let_through(quotas: Quotas, count: int, path: str = "/people") -> list[tuple[int, float]]:
    """Send so many requests at once: which came through, in order, and when."""
    passed: list[tuple[int, float]] = []

    async def request(number: int) -> None:
        await quotas.enter(path)
        passed.append((number, now()))

    await asyncio.gather(*(request(number) for number in range(count)))
    return passed


async def test_no_window_holds_more_requests_than_the_limit_and_none_holds_fewer_while_others_wait() -> None:
    moments = [moment for _, moment in await let_through(Quotas([PEOPLE]), 18)]
    assert moments == pytest.approx([0.0] * 5 + [WINDOW] * 5 + [2 * WINDOW] * 5 + [3 * WINDOW] * 3)


async def test_the_window_slides_with_each_request() -> None:
    quotas = Quotas([RateLimit("/people", requests=2, per=60)])
    moments = []
    for pause in (0, 20, 0, 0):
        await asyncio.sleep(pause)
        await quotas.enter("/people")
        moments.append(now())
    assert moments == pytest.approx([0, 20, WINDOW, 20 + WINDOW])


async def test_a_short_window_is_longer_by_fifty_milliseconds() -> None:
    quotas = Quotas([RateLimit("/people", requests=1, per=1)])
    assert [moment for _, moment in await let_through(quotas, 2)] == pytest.approx([0, 1.05])


async def test_requests_come_through_in_the_order_in_which_they_came() -> None:
    assert [number for number, _ in await let_through(Quotas([PEOPLE]), 18)] == list(range(18))


async def test_requests_that_are_cancelled_while_they_wait_use_no_place() -> None:
    quotas = Quotas([PEOPLE])
    await let_through(quotas, 5)
    waiting = [asyncio.create_task(quotas.enter("/people")) for _ in range(20)]
    await asyncio.sleep(1)
    # The first is the one that sleeps; the others are queued behind it.
    for task in waiting[:15]:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert now() == pytest.approx(WINDOW)
    assert [task.cancelled() for task in waiting] == [True] * 15 + [False] * 5


async def test_a_limit_covers_its_path_and_what_lies_below_it_only() -> None:
    quotas = Quotas([RateLimit("/people", requests=1, per=60)])
    await quotas.enter("/people")
    await quotas.enter("/people_of_note")
    assert now() == 0
    await quotas.enter("/people/1")
    assert now() == pytest.approx(WINDOW)


async def test_a_path_that_is_paused_waits_until_the_latest_end_and_other_paths_do_not() -> None:
    quotas = Quotas([PEOPLE])
    quotas.pause("/people", 30)
    quotas.pause("/people", 10)
    await quotas.enter("/groups")
    assert now() == 0
    waiting = asyncio.create_task(quotas.enter("/people"))
    await asyncio.sleep(20)
    quotas.pause("/people", 40)
    await waiting
    assert now() == pytest.approx(60)


async def test_a_path_that_is_paused_while_requests_wait_for_the_quota_holds_them_back() -> None:
    quotas = Quotas([PEOPLE])
    await let_through(quotas, 5)
    waiting = asyncio.create_task(let_through(quotas, 5))
    await asyncio.sleep(WINDOW - 1)
    quotas.pause("/people", 100)
    assert [moment for _, moment in await waiting] == pytest.approx([WINDOW + 99] * 5)


async def test_the_busiest_window_and_the_time_waited_are_counted() -> None:
    quotas = Quotas([PEOPLE])
    assert (quotas.share, quotas.waited) == (0, 0)
    await let_through(quotas, 2)
    assert quotas.share == pytest.approx(2 / 5)
    assert quotas.waited == 0
    await asyncio.sleep(2 * WINDOW)
    await let_through(quotas, 1)
    assert quotas.share == pytest.approx(2 / 5)
    await let_through(quotas, 8)
    assert quotas.share == 1
    # Requests that wait together count once.
    assert quotas.waited == pytest.approx(WINDOW)
    assert Quotas(()).share == 0


def test_the_least_time_of_many_requests_is_known() -> None:
    quotas = Quotas([PEOPLE, RateLimit("/people/photos", requests=1, per=10)])
    assert [quotas.seconds("/people", count) for count in (1, 5, 6, 11)] == [0, 0, 60, 120]
    assert quotas.seconds("/people/photos", 9) == 80
    assert quotas.seconds("/groups", 1_000) == 0


# ---- requests at once

TWO = ConcurrencyLimit("/people", at_once=2)


async def answered(quotas: Quotas, count: int, path: str = "/people", *, seconds: float = 10) -> list[float]:
    """Send so many requests at once, each of which takes some seconds. Return when each was let in."""
    moments: list[float] = []

    async def request() -> None:
        with await quotas.enter(path):
            moments.append(now())
            await asyncio.sleep(seconds)

    await asyncio.gather(*(request() for _ in range(count)))
    return moments


async def test_no_more_requests_are_under_way_than_the_limit_allows_and_no_fewer_while_others_wait() -> None:
    quotas = Quotas([TWO])
    assert await answered(quotas, 5) == [0, 0, 10, 10, 20]
    assert (quotas.at_once("/people"), quotas.at_once("/people/7"), quotas.at_once("/groups")) == (2, 2, float("inf"))


async def test_the_empty_path_covers_all_paths() -> None:
    quotas = Quotas([ConcurrencyLimit("", at_once=1), RateLimit("", requests=2, per=60)])
    found = [*await answered(quotas, 1, "/people"), *await answered(quotas, 2, "/groups")]
    assert found == pytest.approx([0, 10, WINDOW])


async def test_requests_that_fail_or_are_cancelled_give_back_their_places() -> None:
    quotas = Quotas([TWO])
    with pytest.raises(ZeroDivisionError), await quotas.enter("/people"):
        raise ZeroDivisionError
    under_way = [asyncio.create_task(answered(quotas, 1)) for _ in range(2)]
    await asyncio.sleep(1)
    waiting = asyncio.create_task(answered(quotas, 1))
    await asyncio.sleep(1)
    for task in (waiting, *under_way):
        task.cancel()
    await asyncio.gather(waiting, *under_way, return_exceptions=True)
    assert await answered(quotas, 3) == [2, 2, 12]


async def test_a_request_that_is_let_in_and_cancelled_at_the_same_moment_gives_back_its_place() -> None:
    quotas = Quotas([ConcurrencyLimit("", at_once=1)])
    place = await quotas.enter("/people")
    waiting = asyncio.create_task(quotas.enter("/people"))
    await asyncio.sleep(1)
    place.leave()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    await quotas.enter("/people")
    assert now() == 1


async def test_a_place_is_given_back_once() -> None:
    quotas = Quotas([TWO])
    with await quotas.enter("/people") as place:
        place.leave()
        place.leave()
    assert await answered(quotas, 3) == [0, 0, 10]


async def test_requests_that_wait_for_a_window_take_no_place_from_those_of_other_paths() -> None:
    quotas = Quotas([RateLimit("/people", requests=1, per=60), ConcurrencyLimit("", at_once=2)])
    people = asyncio.create_task(answered(quotas, 6, "/people", seconds=1))
    await asyncio.sleep(2)
    assert await answered(quotas, 4, "/groups", seconds=1) == [2, 2, 3, 3]
    people.cancel()
    await asyncio.gather(people, return_exceptions=True)


async def test_a_request_that_waits_for_a_place_uses_up_no_window() -> None:
    quotas = Quotas([RateLimit("/people", requests=1, per=60), ConcurrencyLimit("", at_once=1)])
    long = asyncio.create_task(answered(quotas, 1, "/groups", seconds=100))
    await asyncio.sleep(1)
    people = asyncio.create_task(answered(quotas, 2, "/people", seconds=1))
    await long
    # The window begins when the request is sent, and not when it began to wait.
    assert await people == pytest.approx([100, 100 + WINDOW])


async def test_a_request_is_overtaken_by_none_that_needs_the_same_place() -> None:
    quotas = Quotas([ConcurrencyLimit("", at_once=1)])
    order: list[str] = []

    async def request(path: str) -> None:
        with await quotas.enter(path):
            order.append(path)
            await asyncio.sleep(1)

    await asyncio.gather(*(request(path) for path in ["/people"] * 5 + ["/me"] + ["/people"] * 5))
    assert order.index("/me") == 5


# ---- pauses


async def test_requests_that_share_a_quota_share_its_pauses() -> None:
    quotas = Quotas([PEOPLE])
    quotas.pause("/people/7", 30)
    await quotas.enter("/groups")
    assert now() == 0
    await quotas.enter("/people/8")
    assert now() == pytest.approx(30)


async def test_a_request_does_not_wait_for_a_pause_that_is_too_long_for_it() -> None:
    quotas = Quotas([])
    quotas.pause("/people", 30)
    waiting = asyncio.create_task(quotas.enter("/people", 300))
    await asyncio.sleep(10)
    quotas.pause("/people", 3600)
    with pytest.raises(PausedError) as caught:
        await waiting
    assert (caught.value.seconds, now()) == (3600, 10)
    with pytest.raises(PausedError):
        await quotas.enter("/people", 300)


# ---- quotas in force


def test_a_share_of_each_limit_stays_free_and_at_least_one_request_is_left() -> None:
    limits = (RateLimit("/people", 50, 60), RateLimit("/me", 1, 60), ConcurrencyLimit("", 5))
    manifest = Example.manifest.model_copy(update={"limits": limits})
    assert limits_of(manifest) == limits
    found = limits_of(manifest, PluginSettings(leave_free=0.9))
    assert found == (RateLimit("/people", 5, 60), RateLimit("/me", 1, 60), ConcurrencyLimit("", 1))
    own = PluginSettings(leave_free=0.25, limits={"/people": LimitSettings(requests=8, per=1)})
    assert RateLimit("/people", 6, 1) in limits_of(manifest, own)


def test_a_path_may_have_two_windows_and_the_settings_replace_both() -> None:
    limits = (RateLimit("/people", 5, 1), RateLimit("/people", 100, 60), ConcurrencyLimit("/people", 3))
    manifest = Example.manifest.model_copy(update={"limits": limits})
    assert limits_of(manifest) == limits
    own = PluginSettings(limits={"/people": LimitSettings(requests=8, per=1)})
    assert set(limits_of(manifest, own)) == {RateLimit("/people", 8, 1), ConcurrencyLimit("/people", 3)}


def test_limits_are_told_in_words_and_in_the_api() -> None:
    limits = (RateLimit("/people", 1500, 60), RateLimit("", 1, 0.5), ConcurrencyLimit("/people", 4))

    class Limited(Example):
        manifest = Example.manifest.model_copy(update={"limits": limits})

    settings = PluginSettings(leave_free=0.5)
    entry = Entry("example", "example", "1", Standing.READY, connector=Limited, settings=settings)
    assert limits_in_words(entry) == [
        "At most 750 requests of /people in any 60 s",
        "At most 1 request in any 0.5 s",
        "At most 2 requests of /people at once",
        "50% of the quota stays free for other tools (leave_free)",
    ]
    assert [limit_in_words(one, "`") for one in limits][::2] == [
        "1,500 requests of `/people` in any 60 s",
        "4 requests of `/people` at once",
    ]
    assert [(one.requests, one.seconds) for one in [Quota.of(limit) for limit in limits]] == [
        (1500, 60),
        (1, 0.5),
        (4, None),
    ]


# ---- the kit


def test_the_kit_accepts_a_connector_that_declares_how_many_requests_may_be_under_way() -> None:
    findings = run_job(Crowded, "manners")
    assert findings.problems == {}
    assert findings.measures["most requests of /people at once"] == f"{AT_ONCE} of {AT_ONCE}"
