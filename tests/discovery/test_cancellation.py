"""A cancelled run: its end is noted before its lock is free. By the real clock, since a thread is blocked."""

import asyncio
import threading

import pytest

from world import Start


async def test_the_lock_is_kept_until_a_cancelled_run_has_noted_its_end(namely: Start) -> None:
    place = await namely(connected=True)
    place.simulator.script("stall@2x99:/profiles")
    earlier = len(place.simulator.requests)
    running, free = asyncio.ensure_future(place.run()), threading.Event()
    async with asyncio.timeout(10):
        while len(place.simulator.requests) < earlier + 3:  # noqa: ASYNC110 - the server tells nothing
            await asyncio.sleep(0.01)
    place.host.store._database._thread.submit(free.wait, 10)
    try:
        for _ in range(5):
            running.cancel()
            await asyncio.sleep(0.05)
            assert await place.host.is_running("acme")
    finally:
        free.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not await place.host.is_running("acme")
    assert (await place.host.history("acme"))[0].error == "interrupted"
