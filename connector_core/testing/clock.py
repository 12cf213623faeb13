"""A clock that jumps: an event loop whose waits take no time, while sockets and threads are real."""

import asyncio
import selectors
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_SETTLE = 0.0005
"""Seconds for what is on its way through the loopback device."""
_THREAD = 0.05
"""Seconds between two looks at threads that are at work; a thread that ends wakes the loop at once."""


class _Selector(selectors.DefaultSelector):
    """Where the loop would wait for a timer, the clock is put forward to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0
        self.turns = 0
        self.on_turn: Callable[[int], bool] = lambda _: False

    def select(self, timeout: float | None = None) -> Any:
        self.turns += 1
        if self.on_turn(self.turns):
            # Something is ready now that was not when the loop chose to wait.
            timeout = 0
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        while not (events := super().select(_THREAD if self.threads else _SETTLE)):
            if not self.threads:
                self.now += timeout
                break
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """``loop.time()`` starts at 0. An hour's wait passes at once, unless something arrives before."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)
        self.on_sleep: Callable[[Any], None] = lambda _: None
        """Told the frame that sleeps."""
        self.on_resolve: Callable[[str], None] = lambda _: None
        """Told each host name that is looked up."""

    def time(self) -> float:
        return self._clock.now

    def at_turn(self, number: int, callback: Callable[[], None]) -> None:
        """Calls back before so many more turns of the loop, once."""
        goal = self._clock.turns + number

        def look(turns: int) -> bool:
            if turns < goal:
                return False
            self._clock.on_turn = lambda _: False
            callback()
            return True

        self._clock.on_turn = look

    @property
    def turns(self) -> int:
        return self._clock.turns

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        caller = sys._getframe(1)  # noqa: SLF001 - who sleeps is seen nowhere else
        if caller.f_code is asyncio.sleep.__code__:
            self.on_sleep(caller.f_back)
        return super().call_later(delay, callback, *args, context=context)

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        self.on_resolve(str(host))
        return await super().getaddrinfo(host, port, **more)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        self._clock.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, *more: Any) -> None:
        # It waits for its threads by one that is not started above, for a time that must not pass at once.
        self._clock.threads += 1
        try:
            await super().shutdown_default_executor(*more)
        finally:
            self._clock.threads -= 1

    def _thread_ended(self, _: asyncio.Future[Any]) -> None:
        self._clock.threads -= 1


def run(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` by the clock that jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
