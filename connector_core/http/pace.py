"""The number of concurrent requests of a listing, and the size of its pages: as much as the provider bears."""

SMALLER = (25, 10, 5)
"""Page sizes to fall back to where the provider's gateway gives up on larger pages."""
_STEADY = 10
"""Pages that must come before a larger size is tried again; twice as many after each trial that failed."""

_INITIAL = 8
"""Requests at once, at first."""
_LEVEL = 2.0
"""A latency this many times the best shows that more requests at once would only wait."""
_NEAR = 0.75
"""Share of the width before a failure up to which it grows fast again …"""
_MANY = 20
"""… or all of it, if this many good responses came since the last failure: then one bad response is bad luck."""
_RECENT = 0.2
"""Weight of the newest response in the smoothed latency."""


class Pace:
    """Number of requests that may be under way at once.

    It grows while latency stays level, and halves when the provider throttles, fails or does not answer.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._width = float(min(_INITIAL, limit))
        self._latency = 0.0
        self._best_latency = float("inf")
        self._halved_at: float | None = None
        self._slow_from = float("inf")
        """From this width on it grows slowly: near it, something went wrong."""
        self._good = 0
        """Good responses since it was last halved."""

    @property
    def width(self) -> int:
        """Number of requests that may be under way now."""
        return int(self._width)

    @property
    def latency(self) -> float:
        """Smoothed seconds that a response takes; 0 before the first."""
        return self._latency

    def answered(self, seconds: float) -> None:
        """Note a good response, and the time it took."""
        self._latency = self._latency + _RECENT * (seconds - self._latency) if self._latency else seconds
        self._best_latency = min(self._best_latency, self._latency)
        self._good += 1
        if self._latency <= _LEVEL * self._best_latency:
            # Doubles with every round; near the width of the last failure it grows by one a round.
            step = 1 / self._width if self._width >= self._slow_from else 1
            self._width = min(self.limit, self._width + step)

    def failed(self, began: float, now: float) -> None:
        """Note a bad response, or none. Requests sent before it was last halved bring no news."""
        if self._halved_at is None or began >= self._halved_at:
            self._slow_from = self._width * (1 if self._good >= _MANY else _NEAR)
            self._width = max(1.0, self._width / 2)
            self._halved_at, self._good = now, 0

    def forget_latency(self) -> None:
        """Measure anew: pages have another size from now on."""
        self._latency, self._best_latency = 0.0, float("inf")


class PageSizes:
    """Size of the pages to request: smaller where the gateway gives up, each a whole part of the usual size."""

    def __init__(self, usual: int) -> None:
        self._sizes = (usual, *(size for size in SMALLER if size < usual and not usual % size))
        self._size = usual
        self._good, self._wanted = 0, _STEADY
        self._trying = False

    def has_smaller(self, size: int) -> bool:
        return size > self._sizes[-1]

    def choose(self) -> int:
        """Return the size for the next page: from time to time, and for one page only, the next larger size."""
        if self._size < self._sizes[0] and self._good >= self._wanted and not self._trying:
            self._trying = True
            return self._sizes[self._sizes.index(self._size) - 1]
        return self._size

    def failed(self, size: int) -> bool:
        """Note that the gateway gave up on this size. Return True if the page can be requested in a smaller one."""
        if size > self._size:
            # Another page has reduced the size meanwhile, or this page was the trial.
            self._good, self._wanted = 0, self._wanted * (2 if self._trying else 1)
            self._trying = False
            return True
        if not self.has_smaller(size):
            return False
        self._size = self._sizes[self._sizes.index(size) + 1]
        self._good, self._trying = 0, False
        return True

    def succeeded(self, size: int) -> bool:
        """Note that a page of this size has come. Return True if pages are larger from now on."""
        self._good += 1
        if self._trying and size > self._size:
            self._size, self._good, self._trying = size, 0, False
            return True
        return False
