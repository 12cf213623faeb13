"""The store: integrations, staged rows, stored entities, plans and history, in SQLite."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from connector_core.errors import BusyError, StoreError
from connector_core.settings import HostSettings
from connector_core.store.application import Applied
from connector_core.store.comparison import Comparisons
from connector_core.store.entities import Entities
from connector_core.store.integrations import Integration, Integrations
from connector_core.store.last_scans import LastScan, LastScans
from connector_core.store.plans import Held, Plans
from connector_core.store.retention import Retention
from connector_core.store.rows import Reading, StoredKind
from connector_core.store.runs import Runs, RunSummary
from connector_core.store.sqlite import Database
from connector_core.store.staging import Staging

__all__ = ["Applied", "Held", "Integration", "LastScan", "Reading", "RunSummary", "Store", "StoredKind"]


class Store:
    """One database. Every call is one trip to the store's own thread; nothing is opened before the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = Database(path)
        self.integrations = Integrations(self._database)
        self.runs = Runs(self._database)
        self.staging = Staging(self._database)
        self.comparisons = Comparisons(self._database)
        self.entities = Entities(self._database)
        self.plans = Plans(self._database)
        self.last_scans = LastScans(self._database)
        self.retention = Retention(self._database)

    @contextmanager
    def lock(self, integration: str) -> Iterator[None]:
        """Within this context this process alone writes to an integration. The lock of a process that died is free."""
        lock = FileLock(self._lock_file(integration), timeout=0, mode=0o600, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise BusyError(
                f"{integration} is being run or changed by another process.", hint="Wait until it has ended."
            ) from None
        except OSError as error:
            raise StoreError(f"The store {self._path} cannot be locked: {error.strerror}.") from None
        try:
            yield
        finally:
            lock.release()

    @asynccontextmanager
    async def changing(self, integration: str, settings: HostSettings) -> AsyncIterator[None]:
        """Within this context an integration is locked. At its end what is too old is deleted, if that is possible."""
        with self.lock(integration):
            yield
            try:
                await self.retention.prune(integration, settings.retention, settings.losses)
            except StoreError as error:
                structlog.get_logger().warning("retention_postponed", integration=integration, error=error.message)

    def is_locked(self, integration: str) -> bool:
        """Return True if a run, or another writer, is under way."""
        try:
            with self.lock(integration):
                return False
        except BusyError:
            return True

    def forget_lock(self, integration: str) -> None:
        """Remove the lock's file of an integration that was removed."""
        self._lock_file(integration).unlink(missing_ok=True)

    def _lock_file(self, integration: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{integration}.lock")

    async def aclose(self) -> None:
        await self._database.aclose()
