"""The provider's quotas, kept on our side: no window ever holds more requests than a limit allows."""

import asyncio
from collections.abc import Iterable

from pyrate_limiter import AbstractClock, InMemoryBucket, Limiter, Rate, SingleBucketFactory

from connector_core.manifest import RateLimit


class _LoopClock(AbstractClock):
    """The event loop's time, by which all else waits too."""

    def now(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)


_CLOCK = _LoopClock()


class _Bucket(InMemoryBucket):
    _clock = _CLOCK


class Limits:
    """One strict limiter per declared path prefix."""

    def __init__(self, limits: Iterable[RateLimit]) -> None:
        self._limiters = [(limit.path, *_limiter(limit)) for limit in limits]

    async def wait(self, path: str) -> None:
        """Returns when a request under ``path`` fits every limit that covers it."""
        for prefix, bucket, limiter in self._limiters:
            if path == prefix or path.startswith(f"{prefix}/"):
                await limiter.try_acquire_async(prefix)
                bucket.leak(_CLOCK.now())


def _limiter(limit: RateLimit) -> tuple[InMemoryBucket, Limiter]:
    bucket = _Bucket([Rate(limit.requests, round(limit.per * 1000))])
    # schedule_leak=False: the library would start a thread to forget old requests; wait() does it instead.
    return bucket, Limiter(SingleBucketFactory(bucket, schedule_leak=False))
