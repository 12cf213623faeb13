"""The provider's quotas, kept on our side: no window ever holds more requests than a limit allows."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil

from connector_core.sdk.manifest import ConcurrencyLimit, RateLimit

_SLACK = 0.01
"""Windows are kept longer by this share: latency varies, so a request can arrive sooner than the one before it …"""
_LEAST_SLACK = 0.05
"""… and by at least this many seconds: the one before it may have had to open a connection."""


class Quota:
    """Strict sliding window over the requests of one path and of what lies below it."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.busiest = 0
        """The most requests that a window has held."""
        self._window = limit.per + max(limit.per * _SLACK, _LEAST_SLACK)
        self._sent: deque[float] = deque()
        """The times at which the requests of the last window were let through, by the event loop's clock."""
        self._turn = asyncio.Lock()

    def covers(self, path: str) -> bool:
        return path == self.limit.path or path.startswith(f"{self.limit.path}/")

    async def wait(self) -> None:
        """Wait until the window has room for one more request. First come, first served."""
        async with self._turn:
            while (left := self._seconds_until_free()) > 0:  # noqa: ASYNC110 - no event: only time frees the window
                await asyncio.sleep(left)
            self._sent.append(asyncio.get_running_loop().time())
            self.busiest = max(self.busiest, len(self._sent))

    def _seconds_until_free(self) -> float:
        """Forget the requests that are a window old, and return how long the next one has to wait."""
        now = asyncio.get_running_loop().time()
        while self._sent and self._sent[0] + self._window <= now:
            self._sent.popleft()
        return self._sent[0] + self._window - now if len(self._sent) >= self.limit.requests else 0.0

    def seconds(self, requests: int) -> float:
        """Return the least time in which the quota lets this many requests through."""
        return (ceil(requests / self.limit.requests) - 1) * self.limit.per


class Quotas:
    """The quotas of one provider account, shared by all of its runs."""

    def __init__(self, limits: Iterable[RateLimit | ConcurrencyLimit]) -> None:
        self.quotas = tuple(Quota(limit) for limit in limits if isinstance(limit, RateLimit))
        self.waited = 0.0
        """Seconds during which at least one request waited."""
        self._waiting = 0
        self._waiting_since = 0.0
        self._paused_until: dict[str, float] = {}

    async def wait(self, path: str) -> None:
        """Wait until a request of ``path`` fits into every quota that covers it and the path is not paused."""
        with self._timed():
            while True:
                await self._until_resumed(path)
                for quota in self.quotas:
                    if quota.covers(path):
                        await quota.wait()
                # The path may have been paused meanwhile; after the pause, the place in the quota is out of date.
                if self._pause_left(path) <= 0:
                    return

    def pause(self, path: str, seconds: float) -> None:
        """Hold back all requests of this path: the provider has said that there were too many."""
        until = asyncio.get_running_loop().time() + seconds
        self._paused_until[path] = max(self._paused_until.get(path, 0.0), until)

    def _pause_left(self, path: str) -> float:
        return self._paused_until.get(path, 0.0) - asyncio.get_running_loop().time()

    async def _until_resumed(self, path: str) -> None:
        while (left := self._pause_left(path)) > 0:  # noqa: ASYNC110 - a pause may be prolonged meanwhile
            await asyncio.sleep(left)

    def seconds(self, path: str, requests: int) -> float:
        """Return the least time in which the quotas let this many requests of ``path`` through."""
        return max((quota.seconds(requests) for quota in self.quotas if quota.covers(path)), default=0.0)

    @property
    def share(self) -> float:
        """Share of a quota that its busiest window has used: 1 if it was full, 0 without quotas."""
        return max((quota.busiest / quota.limit.requests for quota in self.quotas), default=0.0)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Add to ``waited``; overlapping waits count once."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._waiting_since = loop.time()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.waited += loop.time() - self._waiting_since
