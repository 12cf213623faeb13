"""Observers: their hooks are called one by one, each in a thread of its own, so that none can hold or end a run."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import pluggy

from connector_core.threads import in_thread

OBSERVER_SECONDS = 10.0


class Observers:
    """Calls the observing hooks of all plugins, each plugin's one at a time."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self._calls: dict[str, Future[BaseException | None]] = {}
        """The last call of each plugin."""
        self._late: set[str] = set()
        """Plugins whose last call has taken longer than it may."""

    async def tell(self, hook: str, **arguments: Any) -> None:
        """Call a hook of every plugin. Errors are logged: an observer never changes a run."""
        import structlog  # It imports rich, which a list of plugins does not need.

        log = structlog.get_logger()
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            plugin = implementation.plugin_name
            if self._hangs(plugin):
                log.warning("observer_skipped", plugin=plugin, hook=hook)
                continue
            wanted = [arguments[name] for name in implementation.argnames]
            if error := await self._call(plugin, partial(implementation.function, *wanted)):
                log.warning("observer_failed", plugin=plugin, hook=hook, error=type(error).__name__)

    async def _call(self, plugin: str, function: Callable[[], object]) -> BaseException | None:
        """Call a function of the plugin, after its calls for other runs; return what it raised."""
        try:
            async with asyncio.timeout(OBSERVER_SECONDS):
                while self._is_busy(plugin):
                    await asyncio.wrap_future(self._calls[plugin])
                self._calls[plugin] = in_thread(f"observer {plugin}", partial(_run, function))
                self._late.discard(plugin)
                return await asyncio.wrap_future(self._calls[plugin])
        except TimeoutError as error:
            self._late.add(plugin)
            return error

    def _is_busy(self, plugin: str) -> bool:
        return plugin in self._calls and not self._calls[plugin].done()

    def _hangs(self, plugin: str) -> bool:
        return plugin in self._late and self._is_busy(plugin)


def _run(function: Callable[[], object]) -> None:
    """Call a hook; await what it returns, in a loop of its own."""
    result = function()
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))


async def _awaited(result: Awaitable[object]) -> None:
    await result
