"""The store: integrations, staged rows, stored entities, plans and history, in SQLite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from connector_core.errors import BusyError, SettingsError, StoreError
from connector_core.settings import HostSettings
from connector_core.store.application import Applied
from connector_core.store.audit import AuditLog
from connector_core.store.comparison import Comparisons
from connector_core.store.effects import DepartmentEffect, PlanEffects
from connector_core.store.entities import Entities
from connector_core.store.erasure import Erasures
from connector_core.store.figures import Figures, Monitoring, RunTotal, StoredCount
from connector_core.store.headcounts import Headcount, Headcounts
from connector_core.store.held import Held
from connector_core.store.integrations import Integration, Integrations
from connector_core.store.last_scans import LastScan, LastScans
from connector_core.store.locks import Locks
from connector_core.store.notices import Event, NewNotice, Notice, NoticeTable
from connector_core.store.plans import Plans
from connector_core.store.provenance import Provenance
from connector_core.store.retention import Retention
from connector_core.store.rows import Reading, StoredKind
from connector_core.store.runs import Runs, RunSummary
from connector_core.store.schedules import LastEnded, Schedule, ScheduleTable
from connector_core.store.selection import Selection
from connector_core.store.snapshots import EntityChange, Snapshots
from connector_core.store.sqlite import Database
from connector_core.store.sqlite_inspection import Inspection
from connector_core.store.staging import Staging
from connector_core.store.statuses import LastReading, Statuses, StoredStatus, Waiting
from connector_core.store.undo import Undo, Undoable, Undone

__all__ = [
    "Applied",
    "AuditLog",
    "DepartmentEffect",
    "EntityChange",
    "Event",
    "Figures",
    "Headcount",
    "Held",
    "Integration",
    "LastEnded",
    "LastReading",
    "LastScan",
    "NewNotice",
    "Notice",
    "Reading",
    "RunSummary",
    "RunTotal",
    "Schedule",
    "Selection",
    "Store",
    "StoredCount",
    "StoredKind",
    "StoredStatus",
    "Undoable",
    "Undone",
    "Waiting",
]


class Store:
    """One database. Every call is one trip to a thread of the store's own; nothing is opened before the first."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self.locks = Locks(self._database.path)
        self.integrations = Integrations(self._database)
        self.runs = Runs(self._database)
        self.staging = Staging(self._database)
        self.comparisons = Comparisons(self._database)
        self.entities = Entities(self._database)
        self.plans = Plans(self._database)
        self.provenance = Provenance(self._database)
        self.effects = PlanEffects(self._database)
        self.headcounts = Headcounts(self._database)
        self.audit = AuditLog(self._database)
        self.undo = Undo(self._database)
        self.last_scans = LastScans(self._database)
        self.retention = Retention(self._database)
        self.erasures = Erasures(self._database)
        self.monitoring = Monitoring(self._database)
        self.snapshots = Snapshots(self._database)
        self.statuses = Statuses(self._database)
        self.inspection = Inspection(self._database)
        self.schedules = ScheduleTable(self._database)
        self.notices = NoticeTable(self._database)

    @property
    def described(self) -> str:
        """The store as messages name it."""
        return self._database.described

    def require_folder(self) -> None:
        """Raise SettingsError if the store cannot be made, since its folder does not exist."""
        self._database.require_folder()

    def require_file(self) -> None:
        """Raise SettingsError if there is no store yet."""
        self.require_folder()
        if not self._database.path.exists():
            raise SettingsError(f"There is nothing in {self.described}.", hint="Name another: --store FILE")

    @asynccontextmanager
    async def changing(self, integration: str, settings: HostSettings) -> AsyncIterator[None]:
        """Within this context an integration is locked. At its end what is too old is deleted, if possible."""
        async with self.locks.hold(integration):
            try:
                yield
            except StoreError:
                # It would fail at that, too.
                raise
            except Exception:
                # Of an integration that fails for months, too, what is too old goes. A cancelled run does not wait.
                await self._prune(integration, settings)
                raise
            await self._prune(integration, settings)

    async def remove(self, integration: str) -> None:
        """Remove an integration, all of its rows, and its traces in the files.

        BusyError if another process prevents the last of these: the traces go with the next run, or when this is
        called again.
        """
        removed = await self.is_removed(integration)
        if not removed:
            await self.integrations.get(integration)
        try:
            async with self.locks.hold(integration):
                if not removed:
                    await self.undo.erase(integration, 0)
                    await self.retention.clear(integration)
                    await self.integrations.remove(integration)
                await self._erase(integration)
        finally:
            await self.locks.forget(integration)

    async def is_removed(self, integration: str) -> bool:
        """Return True if an integration was removed, but traces of it may be left in the files."""
        return await self.integrations.find(integration) is None and await self.erasures.is_due(integration)

    async def _erase(self, integration: str) -> None:
        try:
            await self.erasures.finish(insist=True)
        except BusyError as error:
            raise BusyError(
                f"{integration} has been removed, but traces of it may be left in the store's files. {error.message}",
                hint=f"They go with the next run, or now: discover remove {integration}",
            ) from None

    async def _prune(self, integration: str, settings: HostSettings) -> None:
        """Delete what is too old, and erase what was removed. A failure is logged: it is not the run's."""
        try:
            await self.undo.erase(integration, settings.retention.undo)
            await self.retention.prune(integration, settings.retention, max(settings.losses.days, settings.drift.days))
            await self.erasures.finish()
        except StoreError as error:
            structlog.get_logger().warning("retention_postponed", integration=integration, error=error.message)

    async def aclose(self) -> None:
        await self._database.aclose()
