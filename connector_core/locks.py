"""File locks: waited for without blocking the event loop, and freed by the system when their process dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_POLL = 0.001


def try_lock(file: Path) -> FileLock | None:
    """Lock a file, or return None if it is locked. The lock of a thread may be released by another one."""
    lock = FileLock(file, timeout=0, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock


@asynccontextmanager
async def locked(file: Path, *, patience: float) -> AsyncIterator[None]:
    """Hold the lock of a file within this context. TimeoutError if it does not get free within so many seconds."""
    async with asyncio.timeout(patience):
        while (lock := try_lock(file)) is None:  # noqa: ASYNC110 - another process tells nothing
            await asyncio.sleep(_POLL)
    try:
        yield
    finally:
        lock.release()
