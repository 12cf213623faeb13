"""Observers: their hooks are called one by one, each in a thread of its own, so that none can hold or end a run."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import pluggy

from connector_core.threads import in_thread

OBSERVER_SECONDS = 10.0
"""For each call."""
TURN_SECONDS = 60.0
"""To wait for the plugin's calls of other runs."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a plugin, in its thread."""

    result: "Future[BaseException | None]"
    deadline: float
    """By the loop's clock."""


class Observers:
    """Calls the observing hooks of all plugins, each plugin's one at a time."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self._calls: dict[str, _Call] = {}
        """The last call of each plugin."""

    async def tell(self, hook: str, **arguments: Any) -> None:
        """Call a hook of every plugin. Errors are logged: an observer never changes a run."""
        import structlog  # It imports rich, which a list of plugins does not need.

        log = structlog.get_logger()
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            plugin = implementation.plugin_name
            if not await self._has_turn(plugin):
                log.warning("observer_skipped", plugin=plugin, hook=hook)
                continue
            # Copies: frozen data may hold a dict, and the run goes on with what it has found itself. A function stays
            # the same one.
            wanted = [deepcopy(arguments[name]) for name in implementation.argnames]
            if error := await self._call(plugin, partial(implementation.function, *wanted)):
                log.warning("observer_failed", plugin=plugin, hook=hook, error=type(error).__name__)

    async def _has_turn(self, plugin: str) -> bool:
        """Wait for the plugin's calls of other runs; return False if one of them is late, or they are too many."""
        until = asyncio.get_running_loop().time() + TURN_SECONDS
        try:
            while (call := self._calls.get(plugin)) and not call.result.done():
                async with asyncio.timeout_at(min(call.deadline, until)):
                    await asyncio.wrap_future(call.result)
        except TimeoutError:
            return False
        return True

    async def _call(self, plugin: str, function: Callable[[], object]) -> BaseException | None:
        """Call a function of the plugin; return what it raised."""
        deadline = asyncio.get_running_loop().time() + OBSERVER_SECONDS
        call = self._calls[plugin] = _Call(in_thread(f"observer {plugin}", partial(_run, function)), deadline)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.wrap_future(call.result)
        except TimeoutError as error:
            return error


def _run(function: Callable[[], object]) -> None:
    """Call a hook; await what it returns, in a loop of its own."""
    result = function()
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))


async def _awaited(result: Awaitable[object]) -> None:
    await result
