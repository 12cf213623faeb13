"""The clock that jumps: waits take no time, and what is real still arrives first."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector_core.testing import clock


def test_an_hour_passes_at_once() -> None:
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(60))
        return loop.time() - before

    started = time.monotonic()
    assert clock.run(wait()) == pytest.approx(3600)
    assert time.monotonic() - started < 5


def test_timers_fire_in_order() -> None:
    async def wait() -> list[int]:
        fired: list[int] = []
        loop = asyncio.get_running_loop()
        for seconds in (30, 10, 20):
            loop.call_later(seconds, fired.append, seconds)
        await asyncio.sleep(31)
        return fired

    assert clock.run(wait()) == [10, 20, 30]


def test_a_thread_that_is_at_work_is_waited_for_in_real_time() -> None:
    async def work() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(1):
            await asyncio.to_thread(time.sleep, 0.2)
        return "in time", loop.time()

    assert clock.run(work()) == ("in time", 0.0)


def test_what_comes_through_a_socket_comes_before_any_timer() -> None:
    async def talk() -> tuple[bytes, float]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            async with asyncio.timeout(0.5):
                line = await reader.readline()
            writer.close()
            return line, asyncio.get_running_loop().time()

    assert clock.run(talk()) == (b"HELLO\n", 0.0)


def test_a_callback_comes_after_so_many_turns_and_before_the_next_wait() -> None:
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.JumpingLoop)
        task = asyncio.current_task()
        assert task
        loop.at_turn(1, lambda: (loop.call_soon(task.cancel), None)[1])
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            task.uncancel()
        return loop.time()

    assert clock.run(wait()) == 0.0


def test_the_threads_of_a_loop_that_ends_are_waited_for_in_real_time() -> None:
    ended: list[bool] = []

    def work() -> None:
        # Real work takes real time: nothing but that can tell whether it was waited for.
        time.sleep(0.2)
        ended.append(True)

    async def leave() -> None:
        # The loop is not told of it, as little as of the end of a thread whose work is done.
        threads = ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(threads)
        threads.submit(work)

    clock.run(leave())
    assert ended
