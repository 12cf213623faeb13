"""Retries: the failed requests that are sent again, and the waits before them."""

from dataclasses import dataclass, replace
from random import uniform

from connector_core.errors import ProviderError, ThrottledError, UnavailableError
from connector_core.settings import HttpSettings

_LONGEST_WAIT = 10.0
"""Seconds between two attempts at most, unless the provider throttles."""
_GATEWAY_ATTEMPTS = 2
"""Attempts at a request that can be divided into smaller ones, where it is a gateway that gives up."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Counts of one request's failures."""

    attempts: int = 0
    """Failed attempts since it was last throttled: being throttled uses up no attempts."""
    throttled: int = 0
    gateway: int = 0

    def plus(self, error: ProviderError) -> "Failures":
        """Return the failures with this one counted."""
        if isinstance(error, ThrottledError):
            return replace(self, attempts=0, throttled=self.throttled + 1)
        gateway = isinstance(error, UnavailableError) and error.gateway
        return replace(self, attempts=self.attempts + 1, gateway=self.gateway + gateway)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Decides by the last error, and by how many there were. It neither waits nor counts."""

    settings: HttpSettings
    divisible: bool = False
    """True if smaller requests can take this one's place."""

    def wait(self, error: ProviderError, failures: Failures) -> float | None:
        """Return the seconds before the next attempt, or None to give up. ``failures`` include this error."""
        if isinstance(error, ThrottledError):
            return self._wait_throttled(error, failures.throttled)
        divide = self.divisible and failures.gateway >= _GATEWAY_ATTEMPTS
        if divide or not error.retryable or failures.attempts >= self.settings.tries:
            return None
        first = self.settings.first_wait
        return _backoff(failures.attempts, first=first, jitter=first, longest=_LONGEST_WAIT)

    def _wait_throttled(self, error: ThrottledError, failures: int) -> float | None:
        if failures >= self.settings.throttle_tries:
            return None
        if error.retry_after is None:
            return _backoff(failures, first=1.0, jitter=1.0, longest=self.settings.throttle_wait)
        return error.retry_after if error.retry_after <= self.settings.longest_wait else None


def _backoff(failures: int, *, first: float, jitter: float, longest: float) -> float:
    """Return a wait that doubles with each failure."""
    return min(longest, first * 2.0 ** (failures - 1) + uniform(0, jitter))  # noqa: S311 - jitter needs no secrecy
