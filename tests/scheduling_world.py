"""A service of a simulated tenant's store, with the time of day by the loop's clock."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from connector_core.host import Host
from connector_core.schedules import Schedules
from connector_core.scheduling import Service
from connector_core.settings import Settings
from world import Place

START = datetime(2126, 3, 4, tzinfo=UTC)
"""A midnight that the clock of this machine has not reached."""


class Serving:
    """A service of the store of a place, and what operators do beside it."""

    def __init__(self, place: Place, settings: Settings, stack: AsyncExitStack) -> None:
        self.place = place
        self.settings = settings
        self.host = Host(settings)
        self.schedules = Schedules(self.host.store, settings.schedule, self.clock)
        self._stack = stack

    def clock(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())

    @property
    def minutes(self) -> int:
        """The minutes that have passed."""
        return round((self.clock() - START).total_seconds() / 60)

    async def start(self) -> Service:
        return await self._stack.enter_async_context(Service(self.host, clock=self.clock))

    async def stop(self) -> None:
        """End the service, as SIGTERM does."""
        await self._stack.aclose()

    async def runs(self) -> list[str]:
        """Return how each run ended, the oldest first."""
        return [one.verdict or str(one.error) for one in reversed(await self.host.history("acme", 1000))]

    async def until(self, holds: Callable[[], Any], *, hours: float = 10) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(hours * 3600):
            while not await holds():  # noqa: ASYNC110 - another process could make it true, too
                await asyncio.sleep(10)

    async def ran(self, count: int) -> bool:
        ended = [one for one in await self.host.history("acme", 1000) if one.finished_at]
        return len(ended) >= count

    async def events(self) -> list[str]:
        return [one.event for one in reversed(await self.host.notices.recent())]
