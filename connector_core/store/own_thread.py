"""A thread of the store's own: the event loop's default executor belongs to the whole program, which may block it."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any, TypeVar

T = TypeVar("T")


class EndedError(Exception):
    """The thread has ended."""


class OwnThread(ThreadPoolExecutor):
    """One thread, which makes one call at a time. Any event loop of the program may call."""

    def __init__(self, name: str) -> None:
        super().__init__(1, thread_name_prefix=name)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function on the thread. EndedError if the thread has ended.

        A cancelled caller waits for the end of its call: it releases the integration's lock next, and not before a
        transaction has ended, however often it is cancelled.
        """
        try:
            call = asyncio.get_running_loop().run_in_executor(self, function, *args)
        except RuntimeError:
            raise EndedError from None
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            while not call.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([call])
            if not call.cancelled():
                call.exception()
            raise

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within this context, which another thread is in, no call is under way: the next ones wait."""
        idle, go_on = Event(), Event()

        def pause() -> None:
            idle.set()
            go_on.wait()

        try:
            # Behind the calls that wait already, so that more and more of them cannot keep it from its turn.
            with suppress(RuntimeError):  # It has ended.
                self.submit(pause)
                idle.wait()
            yield
        finally:
            go_on.set()
