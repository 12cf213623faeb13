"""The jumping clock: waits take no time, but data and threads still come before timers."""

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


def test_a_busy_thread_is_awaited_in_real_time() -> None:
    async def work() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(1):
            await asyncio.to_thread(time.sleep, 0.2)
        return "in time", loop.time()

    assert clock.run(work()) == ("in time", 0.0)


def test_data_from_a_socket_arrives_before_a_timer_fires() -> None:
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


def test_a_callback_after_iterations_runs_before_the_next_wait() -> None:
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.JumpingLoop)
        task = asyncio.current_task()
        assert task
        loop.call_after_iterations(1, lambda: (loop.call_soon(task.cancel), None)[1])
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            task.uncancel()
        return loop.time()

    assert clock.run(wait()) == 0.0


def test_a_closing_loop_awaits_its_threads_in_real_time() -> None:
    ended: list[bool] = []

    def work() -> None:
        # Only a real sleep shows that the loop has waited for it.
        time.sleep(0.2)
        ended.append(True)

    async def leave() -> None:
        # Submitted to the pool itself, so that the loop does not know of it.
        threads = ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(threads)
        threads.submit(work)

    clock.run(leave())
    assert ended
