"""Files that several processes use: locked without blocking the event loop, and replaced as a whole."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.02


def try_lock(file: Path) -> FileLock | None:
    """Lock a file, or return None if it is locked. The system frees the lock of a process that dies."""
    lock = FileLock(file, timeout=0, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock


@asynccontextmanager
async def locked(file: Path, *, patience: float) -> AsyncIterator[None]:
    """Hold the lock of a file within this context. TimeoutError if it does not get free within so many seconds."""
    wait = _FIRST_WAIT
    async with asyncio.timeout(patience):
        while (lock := try_lock(file)) is None:
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
    try:
        yield
    finally:
        lock.release()


def replace(file: Path, draft: Path) -> None:
    """Put a draft in a file's place. What is done after that finds it there even if the power fails."""
    draft.replace(file)
    with suppress(OSError):  # Some systems cannot.
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def draft_of(file: Path) -> Path:
    """Return the file that ``write_privately`` writes first. A process that was killed may have left it."""
    return file.with_name(f".{file.name}.draft")


def write_privately(file: Path, content: bytes) -> None:
    """Replace a file that its owner alone may read, all of it or nothing."""
    draft = draft_of(file)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    replace(file, draft)
