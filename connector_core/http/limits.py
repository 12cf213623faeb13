"""The provider's quotas, kept on our side: no window ever holds more requests than a limit allows."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil

from pyrate_limiter import AbstractClock, InMemoryBucket, Limiter, Rate, SingleBucketFactory

from connector_core.sdk.manifest import RateLimit

_SLACK = 0.01
"""Windows are kept longer by this share: a request may take less time to the provider than one a window before it …"""
_LEAST_SLACK = 0.05
"""… and by so many seconds at least: the one before it may have had to open a connection."""


class _LoopClock(AbstractClock):
    """The event loop's time, by which all else waits too."""

    def now(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)


_CLOCK = _LoopClock()


class _Bucket(InMemoryBucket):
    _clock = _CLOCK


class Quota:
    """One strict limiter, for a path and what lies below it."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.busiest = 0
        """The most requests that a window has held."""
        window = limit.per + max(limit.per * _SLACK, _LEAST_SLACK)
        self._bucket = _Bucket([Rate(limit.requests, round(window * 1000))])
        # schedule_leak=False: the library would start a thread to forget old requests; wait() does it instead.
        # buffer_ms: it would make each wait 50 ms longer, and the slack is there for that.
        self._limiter = Limiter(SingleBucketFactory(self._bucket, schedule_leak=False), buffer_ms=1)

    def covers(self, path: str) -> bool:
        return path == self.limit.path or path.startswith(f"{self.limit.path}/")

    async def wait(self) -> None:
        await self._limiter.try_acquire_async(self.limit.path)
        self._bucket.leak(_CLOCK.now())
        self.busiest = max(self.busiest, self._bucket.count())

    def seconds(self, requests: int) -> float:
        """How long so many requests take at least, as the quota allows them."""
        return (ceil(requests / self.limit.requests) - 1) * self.limit.per


class Limits:
    """The quotas of one provider account, which all its runs share."""

    def __init__(self, limits: Iterable[RateLimit]) -> None:
        self.quotas = tuple(Quota(limit) for limit in limits)
        self.waited = 0.0
        """Seconds in which somebody waited for a quota."""
        self._waiting = 0
        self._since = 0.0
        self._paused: dict[str, float] = {}

    async def wait(self, path: str) -> None:
        """Returns when a request of ``path`` fits every quota that covers it, and the path is not paused."""
        with self._clocked():
            while True:
                await self._unpaused(path)
                for quota in self.quotas:
                    if quota.covers(path):
                        await quota.wait()
                # It may have been paused meanwhile, and the place in the quota is too old after that.
                if self._left(path) <= 0:
                    return

    def _left(self, path: str) -> float:
        """Seconds for which this path is still paused."""
        return self._paused.get(path, 0.0) - asyncio.get_running_loop().time()

    async def _unpaused(self, path: str) -> None:
        while (left := self._left(path)) > 0:  # noqa: ASYNC110 - that is a deadline, and may be put off
            await asyncio.sleep(left)

    def pause(self, path: str, seconds: float) -> None:
        """Nobody asks for this path for so long: the provider has said that there were too many."""
        self._paused[path] = max(self._paused.get(path, 0.0), asyncio.get_running_loop().time() + seconds)

    def seconds(self, path: str, requests: int) -> float:
        """How long so many requests of ``path`` take at least."""
        return max((quota.seconds(requests) for quota in self.quotas if quota.covers(path)), default=0.0)

    @property
    def share(self) -> float:
        """The share of a quota that its busiest window has used: 1 when it was full; 0 without quotas."""
        return max((quota.busiest / quota.limit.requests for quota in self.quotas), default=0.0)

    @contextmanager
    def _clocked(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._since = loop.time()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.waited += loop.time() - self._since
