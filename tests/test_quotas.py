"""Quotas: no window ever holds more requests than a limit allows, and each request waits no longer than it must."""

import asyncio

import pytest

from connector_core import RateLimit
from connector_core.http.quotas import Quotas

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
        await quotas.wait(path)
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
        await quotas.wait("/people")
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
    waiting = [asyncio.create_task(quotas.wait("/people")) for _ in range(20)]
    await asyncio.sleep(1)
    # The first is the one that sleeps; the others are queued behind it.
    for task in waiting[:15]:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert now() == pytest.approx(WINDOW)
    assert [task.cancelled() for task in waiting] == [True] * 15 + [False] * 5


async def test_a_limit_covers_its_path_and_what_lies_below_it_only() -> None:
    quotas = Quotas([RateLimit("/people", requests=1, per=60)])
    await quotas.wait("/people")
    await quotas.wait("/people_of_note")
    assert now() == 0
    await quotas.wait("/people/1")
    assert now() == pytest.approx(WINDOW)


async def test_a_path_that_is_paused_waits_until_the_latest_end_and_other_paths_do_not() -> None:
    quotas = Quotas([PEOPLE])
    quotas.pause("/people", 30)
    quotas.pause("/people", 10)
    await quotas.wait("/groups")
    assert now() == 0
    waiting = asyncio.create_task(quotas.wait("/people"))
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
