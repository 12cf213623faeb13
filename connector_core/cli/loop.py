"""The event loop of a command."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. SIGTERM cancels it, as Ctrl-C does, so that everything is closed on the way out."""
    return asyncio.run(_until_signalled(coroutine))


async def _until_signalled(coroutine: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(coroutine)
    with suppress(NotImplementedError):  # Windows has no such handlers.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
