"""The second witness of a removal: the provider's answers about rows that it is asked for by their ids."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from connector_core.discovery.changes import Testimony
from connector_core.errors import ConnectorCoreError

AT_ONCE = 4
LIMIT = 500
"""Ids asked for in a run. The others wait for the next one."""


async def ask(
    exists: Callable[[str], Awaitable[bool]],
    source_ids: Sequence[str],
    *,
    controls: Sequence[str],
    deadline: float,
    enough: Callable[[Mapping[str, Testimony]], bool] = lambda _: False,
    tell: Callable[[int], None] = lambda _: None,
) -> dict[str, Testimony]:
    """Ask the provider for missing rows, and return its answers by id. Of a row that was not asked for nothing is said.

    Args:
        exists: Returns True if the provider has a row, and False if it denies it.
        source_ids: The missing rows.
        controls: Rows that were just read. Where the provider does not know all of them, it answers the same for any
            id, and is not believed: then nothing is said. One is asked for after every few rows, so that a route which
            dies meanwhile is noticed: what it said since the last control does not count.
        deadline: When to stop, by the event loop's clock. What was answered and controlled until then counts.
        enough: Tells from the answers so far if the other rows may wait for the next run.
        tell: Called with the number of answers so far.
    """
    found: dict[str, Testimony] = {}
    try:
        async with asyncio.timeout_at(deadline):
            fit = bool(controls) and await _knows(exists, controls)
            for number, start in enumerate(range(0, min(len(source_ids), LIMIT), AT_ONCE)) if fit else ():
                said = await _ask_at_once(exists, source_ids[start : start + AT_ONCE])
                fit = await _knows(exists, [controls[number % len(controls)]])
                if not fit:
                    break
                found |= said
                tell(len(found))
                if enough(found):
                    break
            if not fit:
                structlog.get_logger().warning("witness_unfit", asked=len(found))
    except TimeoutError:
        structlog.get_logger().warning("witness_stopped", asked=len(found), missing=len(source_ids))
    return found


async def _knows(exists: Callable[[str], Awaitable[bool]], controls: Sequence[str]) -> bool:
    return set((await _ask_at_once(exists, controls)).values()) == {Testimony.PRESENT}


async def _ask_at_once(exists: Callable[[str], Awaitable[bool]], source_ids: Sequence[str]) -> dict[str, Testimony]:
    async def ask_one(source_id: str) -> Testimony:
        try:
            return Testimony.PRESENT if await exists(source_id) else Testimony.GONE
        except ConnectorCoreError as error:
            structlog.get_logger().warning("witness_silent", error=error.code)
            return Testimony.SILENT

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask_one(source_id)) for source_id in source_ids]
    return {source_id: task.result() for source_id, task in zip(source_ids, tasks, strict=True)}
