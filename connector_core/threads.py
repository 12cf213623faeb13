"""Work in a thread of its own, for code that may hang, as a plugin's: the process goes on, and ends, without it."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def in_thread(name: str, work: Callable[[], T]) -> Future[T | BaseException]:
    """Start work in a thread with the caller's context; return the future of its result, or of what it raised.

    What it raises is a result, so that a SystemExit or a CancelledError of its own is not mistaken for the caller's.
    """
    future = Future[T | BaseException]()
    # A caller that no longer waits must not cancel it.
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result: T | BaseException = work()
        except BaseException as error:  # noqa: BLE001 - see above
            result = error
        future.set_result(result)

    Thread(target=copy_context().run, args=(run,), name=name, daemon=True).start()
    return future
