"""The hooks. One registers connectors; four observe a run. None is called per record.

An observer may be a plain or an async function. It is called in a thread of its own and given ten seconds; what it
raises is logged and changes nothing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import pluggy

from connector_core.outcomes import Certificate, Change, KindPlan, Report, Run
from connector_core.sdk.connector import Connector

PROJECT = "connector_core"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Mark a function as the implementation of a hook: of the one that registers connectors, or of those that observe runs.

Example::

    @hookimpl
    def discovery_connectors() -> list[type[Acme]]:
        return [Acme]
"""


@hookspec
def discovery_connectors() -> Iterable[type[Connector[Any, Any]]]:
    """The connectors that this plugin brings. Never async."""
    return ()


@hookspec
def discovery_run_started(run: Run) -> Awaitable[None] | None:
    """A run has begun, after its check."""


@hookspec
def discovery_kind_certified(run: Run, certificate: Certificate) -> Awaitable[None] | None:
    """A kind was read, wholly or not."""


@hookspec
def discovery_plan_made(run: Run, plans: tuple[KindPlan, ...]) -> Awaitable[None] | None:
    """The changes are known and guarded, and nothing is applied yet."""


@hookspec
def discovery_run_finished(report: Report, changes: Callable[[], AsyncIterator[Change]]) -> Awaitable[None] | None:
    """A run has ended, and what was safe is applied unless it was asked to stop at the plan.

    ``changes()`` reads the run's changes from the store, page by page: those applied, and those held.
    """
