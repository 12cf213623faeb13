"""Listeners, which follow one request through its attempts."""

from typing import Protocol


class RequestListener(Protocol):
    """Follows one request through its attempts. Times are the event loop's."""

    async def before_sending(self) -> None:
        """Return when the next attempt may be sent, as soon as the quota allows it."""
        ...

    def answered(self, seconds: float, clock: float | None) -> None:
        """Note a good response that took this time, and the provider's time in it. It may still be unreadable."""
        ...

    def failed(self, began: float, now: float) -> None:
        """Note that the provider throttled or failed the attempt that began at ``began``, or did not answer it."""
        ...


class _NoListener:
    """Listens to requests that are no part of a listing."""

    async def before_sending(self) -> None: ...

    def answered(self, seconds: float, clock: float | None) -> None: ...
    def failed(self, began: float, now: float) -> None: ...


NO_LISTENER = _NoListener()
