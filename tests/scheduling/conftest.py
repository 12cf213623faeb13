"""Fixtures: services of a simulated tenant's store."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from connector_core.settings import NoticeSettings, ScheduleSettings
from scheduling_world import Serving
from world import Place


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Serving]]:
    async with AsyncExitStack() as stack:

        def make(place: Place, *, notices: NoticeSettings | None = None, **schedule: Any) -> Serving:
            settings = place.settings.model_copy(
                update={"schedule": ScheduleSettings(**schedule), "notices": notices or NoticeSettings()}
            )
            made = Serving(place, settings, stack)
            stack.push_async_callback(made.host.aclose)
            return made

        yield make
