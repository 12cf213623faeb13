"""The service: engine, scheduler and notifier of one store, for `discover serve` and for programs that embed it."""

import asyncio
from contextlib import AsyncExitStack
from typing import Self

from connector_core.host import Host
from connector_core.scheduling.local import LocalEngine
from connector_core.scheduling.notices import Notifier
from connector_core.scheduling.records import Clock, wall_clock
from connector_core.scheduling.scheduler import Scheduler


class Service:
    """``async with Service(host) as service``: scheduled runs go, and notices are delivered, within this context.

    There is one for each store: BusyError names another one. At the end runs are cancelled; the next service of the
    store starts them again, and they resume.

    Args:
        host: Its host, which stays open.
        address: The address by which people reach this service, for the message of a second one.
        clock: The time of day, in UTC.
    """

    def __init__(self, host: Host, *, address: str = "", clock: Clock = wall_clock) -> None:
        self.host = host
        self.engine = LocalEngine(host, clock=clock)
        self.scheduler = Scheduler(host, self.engine, clock=clock)
        # Made here, so that settings that cannot be used are told before anything starts.
        self.notifier = Notifier(host, clock=clock)
        self._address = address
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.host.store.locks.serve(self._address))
            # Left in the opposite order: what starts and delivers ends first, then the runs, then the lock is free.
            stack.push_async_callback(self.engine.aclose)
            for work in (self.notifier.run(), self.scheduler.run()):
                stack.push_async_callback(_end, asyncio.create_task(work))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
