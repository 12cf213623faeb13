"""The provider's quotas, kept on our side: no window, and no moment, holds more requests than a limit allows."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, inf
from types import TracebackType
from typing import Self

from connector_core.sdk.manifest import ConcurrencyLimit, RateLimit

_SLACK = 0.01
"""Windows are kept longer by this share: latency varies, so a request can arrive sooner than the one before it …"""
_LEAST_SLACK = 0.05
"""… and by at least this many seconds: the one before it may have had to open a connection."""


class PausedError(Exception):
    """The path is paused for longer than the request can wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"paused for {seconds:.0f} s")
        self.seconds = seconds


class _Window:
    """Strict sliding window over the requests of a rate limit."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.busiest = 0
        """The most requests that a window has held."""
        self._window = limit.per + max(limit.per * _SLACK, _LEAST_SLACK)
        self._sent: deque[float] = deque()
        """The times at which the requests of the last window were let through, by the event loop's clock."""

    def seconds_until_free(self, now: float) -> float:
        """Forget the requests that are a window old, and return how long the next one has to wait."""
        while self._sent and self._sent[0] + self._window <= now:
            self._sent.popleft()
        return self._sent[0] + self._window - now if len(self._sent) >= self.limit.requests else 0.0

    def enter(self, now: float) -> None:
        self._sent.append(now)
        self.busiest = max(self.busiest, len(self._sent))

    def leave(self) -> None:
        """Do nothing: only time frees a window."""

    def seconds(self, requests: int) -> float:
        """Return the least time in which the quota lets this many requests through."""
        return (ceil(requests / self.limit.requests) - 1) * self.limit.per


class _Places:
    """The requests under way of a concurrency limit."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.limit = limit
        self._taken = 0

    def seconds_until_free(self, now: float) -> float:  # noqa: ARG002 - as for windows
        """Return 0 if a place is free. Time alone frees none."""
        return inf if self._taken >= self.limit.at_once else 0.0

    def enter(self, now: float) -> None:  # noqa: ARG002 - as for windows
        self._taken += 1

    def leave(self) -> None:
        self._taken -= 1


class Place:
    """Admission of one request, from before it is sent until its response has come."""

    def __init__(self, quotas: "Quotas", path: str) -> None:
        self._quotas = quotas
        self._path = path
        self._left = False

    def leave(self) -> None:
        """Let others in. Further calls do nothing."""
        if not self._left:
            self._left = True
            self._quotas.leave(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request that waits to be let in."""

    path: str
    longest: float
    admitted: "asyncio.Future[None]"


class Quotas:
    """The quotas of one provider account, shared by all of its runs.

    Requests are let in as they came, each as soon as every limit that covers it has room. One that has to wait for a
    limit takes no place of another meanwhile, so it holds up no request of other paths.

    Args:
        limits: What the provider allows, less what is to stay free.
        leave_free: The share of the quota that stays free where the provider's responses tell how much remains.
    """

    def __init__(self, limits: Iterable[RateLimit | ConcurrencyLimit], leave_free: float = 0.0) -> None:
        limits = tuple(limits)
        self.leave_free = leave_free
        self._windows = tuple(_Window(one) for one in limits if isinstance(one, RateLimit))
        self._places = tuple(_Places(one) for one in limits if isinstance(one, ConcurrencyLimit))
        self.waited = 0.0
        """Seconds during which at least one request waited."""
        self._timed = 0
        self._waiting_since = 0.0
        self._queue: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._paused_until: dict[str, float] = {}

    async def enter(self, path: str, longest: float = inf) -> Place:
        """Wait until a request of ``path`` fits into every quota that covers it, and the path is not paused.

        Raises PausedError as soon as the path is paused for more than ``longest`` seconds.
        """
        waiting = _Waiting(path, longest, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._admit()
        try:
            with self._waiting_timed():
                await waiting.admitted
        except asyncio.CancelledError:
            if waiting.admitted.cancelled() or waiting.admitted.exception():
                self._admit()
            else:
                self.leave(path)
            raise
        return Place(self, path)

    def leave(self, path: str) -> None:
        """Note that a request has been answered, or was given up."""
        for quota in self._covering(path):
            quota.leave()
        self._admit()

    def pause(self, path: str, seconds: float) -> None:
        """Hold back the requests that share a quota with this path: the provider has no room for more."""
        until = asyncio.get_running_loop().time() + seconds
        shared = self._shared(path)
        self._paused_until[shared] = max(self._paused_until.get(shared, 0.0), until)
        self._admit()

    def at_once(self, path: str) -> float:
        """Return the most requests of a path that may be under way; infinite without a limit."""
        return min((one.limit.at_once for one in self._places if covers(one.limit.path, path)), default=inf)

    def seconds(self, path: str, requests: int) -> float:
        """Return the least time in which the quotas let this many requests of ``path`` through."""
        return max((one.seconds(requests) for one in self._windows if covers(one.limit.path, path)), default=0.0)

    @property
    def share(self) -> float:
        """Share of a rate limit that its busiest window has used: 1 if it was full, 0 without such limits."""
        return max((one.busiest / one.limit.requests for one in self._windows), default=0.0)

    def _admit(self) -> None:
        """Let in every request that fits, in order, and come back when time may have made room for the next."""
        loop = asyncio.get_running_loop()
        now, soonest, queued = loop.time(), inf, self._queue
        self._queue = deque()
        for waiting in queued:
            if left := self._seconds_left(waiting, now):
                self._queue.append(waiting)
                soonest = min(soonest, left)
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_later(soonest, self._admit) if soonest < inf else None

    def _seconds_left(self, waiting: _Waiting, now: float) -> float:
        """Return the seconds until a request may be let in; 0 for one that is let in, is refused or was cancelled."""
        if waiting.admitted.done():
            return 0.0
        paused = self._paused_until.get(self._shared(waiting.path), 0.0) - now
        if paused > waiting.longest:
            waiting.admitted.set_exception(PausedError(paused))
            return 0.0
        covering = self._covering(waiting.path)
        left = max(0.0, paused, *(quota.seconds_until_free(now) for quota in covering))
        if not left:
            for quota in covering:
                quota.enter(now)
            waiting.admitted.set_result(None)
        return left

    def _covering(self, path: str) -> list[_Window | _Places]:
        quotas: list[_Window | _Places] = [*self._windows, *self._places]
        return [one for one in quotas if covers(one.limit.path, path)]

    def _shared(self, path: str) -> str:
        """Return the path whose requests are paused together with those of ``path``: that of the narrowest limit."""
        paths = [one.limit.path for one in self._windows if covers(one.limit.path, path)]
        return max(paths, key=len, default=path)

    @contextmanager
    def _waiting_timed(self) -> Iterator[None]:
        """Add to ``waited``; overlapping waits count once."""
        loop = asyncio.get_running_loop()
        if not self._timed:
            self._waiting_since = loop.time()
        self._timed += 1
        try:
            yield
        finally:
            self._timed -= 1
            if not self._timed:
                self.waited += loop.time() - self._waiting_since


def covers(limit: str, path: str) -> bool:
    """Return True if a limit's path is this one, or above it. The empty one is above all."""
    return not limit or path == limit or path.startswith(f"{limit}/")
