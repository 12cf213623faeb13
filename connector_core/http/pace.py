"""How many requests of a listing are under way at once, and how large its pages are: what the provider bears."""

SMALLER = (25, 10, 5)
"""Rows of a page, where the provider's gateway gives up on larger ones."""
_STEADY = 10
"""Pages that must come before a larger one is tried again; twice as many each time that it was not borne."""

_BEGIN = 8
"""Requests at once, to begin with."""
_LEVEL = 2.0
"""Answers that take so many times longer than the best did show that more at once would only wait."""
_NEAR = 0.75
"""Most of what was borne before a bad answer is tried again soon …"""
_MANY = 20
"""… and all of it where so many good ones came since the last: one bad answer among many is bad luck."""
_RECENT = 0.2
"""The weight of the newest answer in the smoothed latency."""


class Pace:
    """Grows while latency and errors stay level; halves when the provider throttles, fails or is silent."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._width = float(min(_BEGIN, most))
        self._latency = 0.0
        self._best = float("inf")
        self._halved_at: float | None = None
        self._near = float("inf")
        """From this width on it grows slowly: something went wrong thereabouts."""
        self._good = 0
        """Good answers since it was last halved."""

    @property
    def width(self) -> int:
        """How many may be under way now."""
        return int(self._width)

    @property
    def latency(self) -> float:
        """Seconds that an answer takes, smoothed; 0 before the first."""
        return self._latency

    def answered(self, seconds: float) -> None:
        """A good answer, after so many seconds."""
        self._latency = self._latency + _RECENT * (seconds - self._latency) if self._latency else seconds
        self._best = min(self._best, self._latency)
        self._good += 1
        if self._latency <= _LEVEL * self._best:
            # Doubles with every round up to where it went wrong, nearly, and feels its way by ones from there on.
            self._width = min(self.most, self._width + (1 / self._width if self._width >= self._near else 1))

    def refused(self, began: float, now: float) -> None:
        """A bad answer, or none. Those that were under way already when it was last halved say nothing new."""
        if self._halved_at is None or began >= self._halved_at:
            self._near = self._width * (1 if self._good >= _MANY else _NEAR)
            self._width = max(1.0, self._width / 2)
            self._halved_at, self._good = now, 0

    def resized(self) -> None:
        """Pages have another size from here on, so latency has another level."""
        self._latency, self._best = 0.0, float("inf")


class Sizes:
    """The page's size: smaller where the gateway gives up, so that each is a part of a whole page."""

    def __init__(self, whole: int) -> None:
        self._sizes = (whole, *(size for size in SMALLER if size < whole and not whole % size))
        self._size = whole
        self._steady, self._wanted = 0, _STEADY
        self._trying = False

    def divides(self, size: int) -> bool:
        """Whether there is a smaller one."""
        return size > self._sizes[-1]

    def next(self) -> int:
        """What to ask for now: once in a while, and by one page only, the next larger one."""
        if self._size < self._sizes[0] and self._steady >= self._wanted and not self._trying:
            self._trying = True
            return self._sizes[self._sizes.index(self._size) - 1]
        return self._size

    def refused(self, size: int) -> bool:
        """The gateway gave up on this size; whether there is a smaller one to ask for."""
        if size > self._size:
            # Another page has found out before, or this was the one that tried.
            self._steady, self._wanted = 0, self._wanted * (2 if self._trying else 1)
            self._trying = False
            return True
        if not self.divides(size):
            return False
        self._size = self._sizes[self._sizes.index(size) + 1]
        self._steady, self._trying = 0, False
        return True

    def borne(self, size: int) -> bool:
        """A page of this size has come; whether pages are larger from now on."""
        self._steady += 1
        if self._trying and size > self._size:
            self._size, self._steady, self._trying = size, 0, False
            return True
        return False
