"""The locks of a store's integrations: one process at a time writes to an integration."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from filelock import FileLock

from connector_core.errors import BusyError, StoreError
from connector_core.files import locked, try_lock

_PATIENCE = 5.0
"""Seconds to wait for the gate, which is held for an instant."""
_PATIENCE_TO_RENEW = 120.0
"""Seconds to wait while another process renews tokens: its request may be throttled, or sent again."""


class Locks:
    """Lock files, in a folder of their own beside the store: the name of an integration is no part of another's."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._folder = store.with_name(f"{store.name}.locks")

    @asynccontextmanager
    async def hold(self, integration: str) -> AsyncIterator[None]:
        """Within this context this caller alone writes to an integration. BusyError if another one does."""
        async with self._gate():
            lock = self._try(integration)
        if lock is None:
            raise BusyError(
                f"{integration} is being run or changed by another process.", hint="Wait until it has ended."
            )
        try:
            yield
        finally:
            lock.release()

    async def is_held(self, integration: str) -> bool:
        """Return True if a run, or another writer, is under way."""
        if not self._file(integration).exists():
            return False
        async with self._gate():
            lock = self._try(integration)
            if lock:
                lock.release()
        return lock is None

    @asynccontextmanager
    async def renewing(self, integration: str) -> AsyncIterator[None]:
        """Within this context this caller alone renews the tokens of an integration, which may be run meanwhile."""
        async with AsyncExitStack() as stack:
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                await stack.enter_async_context(locked(self._renewal(integration), patience=_PATIENCE_TO_RENEW))
            except TimeoutError:
                raise BusyError(
                    f"Another process is renewing the tokens of {integration}.", hint="Try again when it has ended."
                ) from None
            except OSError as error:
                raise self._unlockable(error) from None
            yield

    async def forget(self, integration: str) -> None:
        """Remove the files of an integration that was removed, unless it is in use again."""
        async with self._gate():
            if lock := self._try(integration):
                self._renewal(integration).unlink(missing_ok=True)
                self._file(integration).unlink(missing_ok=True)
                lock.release()

    @asynccontextmanager
    async def serve(self, address: str) -> AsyncIterator[None]:
        """Within this context this process alone serves the store. BusyError names the one that does."""
        async with self._gate():
            # No integration's name begins with a dot.
            lock = try_lock(self._folder / ".service")
        if lock is None:
            raise BusyError(
                f"The store {self._store} is served already, by {self._served_by()}.",
                hint="Stop that one first, or name another store: --store FILE",
            )
        try:
            with suppress(OSError):  # It is said to people only.
                self._owner.write_text(f"process {os.getpid()}{f' at {address}' if address else ''}", encoding="utf-8")
            yield
        finally:
            with suppress(OSError):
                self._owner.unlink(missing_ok=True)
            lock.release()

    def _served_by(self) -> str:
        try:
            return self._owner.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return "another process"

    @property
    def _owner(self) -> Path:
        return self._folder / ".served-by"

    @asynccontextmanager
    async def _gate(self) -> AsyncIterator[None]:
        """Within this context no other caller tries a lock.

        To look at a lock is to take it for an instant: without the gate, a run that starts then would find it taken.
        """
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            async with locked(self._folder / ".gate", patience=_PATIENCE):
                yield
        except TimeoutError:
            raise BusyError(f"The locks in {self._folder} are in use.", hint="Try again.") from None
        except OSError as error:
            raise self._unlockable(error) from None

    def _unlockable(self, error: OSError) -> StoreError:
        return StoreError(f"The store {self._store} cannot be locked: {error.strerror}.")

    def _try(self, integration: str) -> FileLock | None:
        return try_lock(self._file(integration))

    def _file(self, integration: str) -> Path:
        return self._folder / f"{integration}.lock"

    def _renewal(self, integration: str) -> Path:
        return self._folder / f".{integration}.tokens"
