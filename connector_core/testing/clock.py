"""An event loop whose waits take no time, while its sockets and threads are real."""

import asyncio
import selectors
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_SOCKET_GRACE = 0.0005
"""Seconds left for data in flight on the loopback device before time jumps."""
_THREAD_POLL = 0.05
"""Seconds between two looks at busy threads. A thread that ends wakes the loop at once."""


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that advances the clock to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.busy_threads = 0
        self.iterations = 0
        self.before_iteration: Callable[[int], bool] = lambda _: False
        """Called with the number of the iteration. Returns True if it made a callback ready to run."""

    def select(self, timeout: float | None = None) -> Any:
        self.iterations += 1
        if self.before_iteration(self.iterations):
            # The loop chose this timeout before the callback was ready.
            timeout = 0
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        while not (events := super().select(_THREAD_POLL if self.busy_threads else _SOCKET_GRACE)):
            if not self.busy_threads:
                self.now += timeout
                break
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """Event loop that starts at time 0 and skips waits: an hour passes at once unless data arrives first."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)
        self.on_sleep: Callable[[Any], None] = lambda _: None
        """Called with the frame of each ``asyncio.sleep``."""

    def time(self) -> float:
        return self._clock.now

    @property
    def iterations(self) -> int:
        return self._clock.iterations

    def call_after_iterations(self, number: int, callback: Callable[[], None]) -> None:
        """Call back once, after this many more iterations and before the next wait."""
        target = self._clock.iterations + number

        def before_iteration(iteration: int) -> bool:
            if iteration < target:
                return False
            self._clock.before_iteration = lambda _: False
            callback()
            return True

        self._clock.before_iteration = before_iteration

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        caller = sys._getframe(1)  # noqa: SLF001 - only the stack shows which code sleeps
        if caller.f_code is asyncio.sleep.__code__:
            self.on_sleep(caller.f_back)
        return super().call_later(delay, callback, *args, context=context)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        self._clock.busy_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        # It joins the pool in a thread that run_in_executor did not start, and that wait must be a real one.
        self._clock.busy_threads += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._clock.busy_threads -= 1

    def _thread_ended(self, _: asyncio.Future[Any]) -> None:
        self._clock.busy_threads -= 1


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine as ``asyncio.run`` does, on a loop whose clock jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
