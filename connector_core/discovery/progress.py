"""The progress of a reading, told after each page and logged from time to time."""

import asyncio
from collections.abc import Callable

import structlog

from connector_core.discovery.context import RunContext
from connector_core.discovery.tally import Tally
from connector_core.outcomes import Progress

LOG_SECONDS = 10.0
"""Interval at which a long run logs its progress."""


def progress_teller(context: RunContext, kind: str, tally: Tally) -> Callable[[], None]:
    """Return a function that tells the progress of a reading, and logs it once in a while."""
    loop = asyncio.get_running_loop()
    logged_at = loop.time()

    def tell() -> None:
        nonlocal logged_at
        forecast = context.api.forecast()
        context.progress(Progress(context.run.integration, kind, tally.seen, tally.announced, forecast))
        # The first page tells the total, so that is when a forecast can be made.
        if tally.pages > 1 and loop.time() - logged_at < LOG_SECONDS:
            return
        logged_at = loop.time()
        structlog.get_logger().info(
            "reading",
            kind=kind,
            seen=tally.seen,
            announced=tally.announced,
            requests_left=forecast.requests,
            seconds_left=round(forecast.seconds),
        )

    return tell
