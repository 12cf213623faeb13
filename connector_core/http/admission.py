"""Admission of requests: what one client does about the quotas of its account."""

from collections.abc import Mapping

from connector_core.errors import ThrottledError
from connector_core.http.quotas import PausedError, Place, Quotas
from connector_core.http.request import Request
from connector_core.http.waits import is_used_up, retry_after
from connector_core.sdk.manifest import Manifest

_SHORT_PAUSE = 1.0
"""Seconds for which a path is held back after a response that does not say for how long."""


class Admission:
    """Lets the requests of one client out, and takes note of what the responses say about the quota.

    Args:
        manifest: Names the headers that tell of the quota.
        quotas: Those of the account.
        longest_wait: Seconds. A request that would wait longer fails, so that its kind is deferred.
    """

    def __init__(self, manifest: Manifest, quotas: Quotas, longest_wait: float) -> None:
        self._manifest = manifest
        self._quotas = quotas
        self._longest_wait = longest_wait

    async def enter(self, request: Request) -> Place:
        """Wait until the request may be sent. ThrottledError if that takes longer than a throttle may."""
        try:
            return await self._quotas.enter(_counted_as(request), self._longest_wait)
        except PausedError as paused:
            share = ", except for the share that is left free" if self._quotas.leave_free else ""
            message = f"the quota of {self._manifest.title} is used up{share}"
            raise ThrottledError(message, call=request.call, retry_after=paused.seconds) from None

    def note_response(self, request: Request, headers: Mapping[str, str]) -> None:
        """Hold back all requests of the path until the quota is renewed, if the rest of it is to stay free."""
        rate = self._manifest.rate_headers
        if is_used_up(headers, rate, self._quotas.leave_free):
            wait = retry_after(headers, rate)
            self._quotas.pause(_counted_as(request), _SHORT_PAUSE if wait is None else wait)

    def note_throttle(self, request: Request, error: ThrottledError) -> None:
        """Hold back all requests of the path: others would be throttled too."""
        wait = _SHORT_PAUSE if error.retry_after is None else error.retry_after
        if wait <= self._longest_wait:
            self._quotas.pause(_counted_as(request), wait)


def _counted_as(request: Request) -> str:
    """Return the path whose quota a request uses: one for all rows that are requested by their ids."""
    return request.logged_path or request.call.path
