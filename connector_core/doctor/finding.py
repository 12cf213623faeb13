"""One finding, and the limit within which it has to be made."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from connector_core.errors import ConnectorCoreError
from connector_core.threads import in_thread

T = TypeVar("T")

SECONDS = 10.0
"""For each part of the examination: a file system may hang, and so may a plugin."""


class Health(StrEnum):
    """The state of what was examined."""

    OK = "ok"
    WARNING = "warning"
    """Worth knowing. Nothing has to be done before the next run."""
    PROBLEM = "problem"
    """The operator's to fix."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the installation, and the state it is in."""

    subject: str
    state: Health
    message: str
    remedy: str = ""
    """The action to take; empty where there is none."""


async def in_time(work: Callable[[], T]) -> T:
    """Return the result of work that may block: in a thread of its own, which is given up with a TimeoutError."""
    async with asyncio.timeout(SECONDS):
        result = await asyncio.wrap_future(in_thread("doctor", work))
    if isinstance(result, BaseException):
        raise result
    return result


async def found_by(subject: str, probe: Callable[[], Finding]) -> Finding:
    """Return the finding of a probe that may block or fail."""
    try:
        return await in_time(probe)
    except Exception as error:  # noqa: BLE001 - one part fails alone, whatever it is
        return failure(subject, error)


def failure(subject: str, error: Exception) -> Finding:
    """Return the finding that an error stands for."""
    if isinstance(error, ConnectorCoreError):
        return Finding(subject, Health.PROBLEM, error.message, error.hint)
    if isinstance(error, TimeoutError):
        return Finding(subject, Health.PROBLEM, f"It did not answer within {SECONDS:g} s.")
    said = error.strerror if isinstance(error, OSError) else type(error).__name__
    return Finding(subject, Health.PROBLEM, f"It could not be examined: {said}.")
