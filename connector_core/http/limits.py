"""The provider's quotas, kept on our side: no window ever holds more requests than a limit allows."""

from collections.abc import Iterable

from pyrate_limiter import InMemoryBucket, Limiter, MonotonicClock, Rate, SingleBucketFactory

from connector_core.manifest import RateLimit


class Limits:
    """One strict limiter per declared path prefix."""

    def __init__(self, limits: Iterable[RateLimit]) -> None:
        self._clock = MonotonicClock()
        self._limiters = [(limit.path, *_limiter(limit)) for limit in limits]

    async def wait(self, path: str) -> None:
        """Returns when a request under ``path`` fits every limit that covers it."""
        for prefix, bucket, limiter in self._limiters:
            if path == prefix or path.startswith(f"{prefix}/"):
                await limiter.try_acquire_async(prefix)
                bucket.leak(self._clock.now())


def _limiter(limit: RateLimit) -> tuple[InMemoryBucket, Limiter]:
    bucket = InMemoryBucket([Rate(limit.requests, round(limit.per * 1000))])
    # schedule_leak=False: the library would start a thread to forget old requests; wait() does it instead.
    return bucket, Limiter(SingleBucketFactory(bucket, schedule_leak=False))
