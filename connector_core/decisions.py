"""Decisions on plans: the part of the host by which an operator applies, discards and undoes them."""

from collections.abc import AsyncIterator, Mapping

from connector_core.discovery.guards import too_many_lost
from connector_core.errors import SettingsError
from connector_core.messages import counted
from connector_core.outcomes import Change, Operation, State
from connector_core.settings import Settings
from connector_core.store import Applied, Held, Store, Undoable, Undone


class Decisions:
    """Plans that wait, plans that were applied, and an operator's decisions on both."""

    settings: Settings
    store: Store

    # ---- plans that wait

    async def held(self, name: str) -> Held | None:
        """Return the held plan, if there is one."""
        await self.store.integrations.get(name)
        return await self.store.plans.held(name)

    async def held_plan(self, name: str, run_id: str | None = None) -> Held:
        """Return the held plan. SettingsError if there is none, or if it is not that of ``run_id``."""
        held = await self.held(name)
        if held is None:
            raise SettingsError(f"{name} has no held plan.", hint=f"Make one: discover run {name} --plan")
        if run_id not in {None, held.run_id}:
            raise SettingsError(
                f"The plan of {name} has been replaced since it was shown.", hint="Look at the new one."
            )
        return held

    def changes(
        self, run_id: str, state: State | None = None, *, limits: Mapping[Operation, int] | None = None
    ) -> AsyncIterator[Change]:
        """Yield a run's changes; with ``limits``, of each kind at most so many of each operation.

        Those that wait have their old and new values.
        """
        return self.store.plans.changes(run_id, state, limits=limits)

    async def count_changes(self, run_id: str) -> dict[tuple[str, Operation, State], int]:
        """Return the number of a run's changes by kind, operation and state."""
        return await self.store.plans.counts(run_id)

    async def apply(self, name: str, run_id: str | None = None) -> Applied:
        """Apply the held plan, against the store as it is now; with ``run_id``, only if it is that run's."""
        await self.store.integrations.get(name)
        async with self.store.changing(name, self.settings.host):
            held = await self.held_plan(name, run_id)
            return await self.store.plans.apply_held(name, held, undoable=self._undo_days > 0)

    async def discard(self, name: str, run_id: str | None = None) -> int:
        """Drop the held plan; return how many changes it had. With ``run_id``, only if it is that run's."""
        await self.store.integrations.get(name)
        async with self.store.changing(name, self.settings.host):
            return await self.store.plans.discard(name, await self.held_plan(name, run_id))

    # ---- plans that were applied

    async def undoable(self, name: str, number: int | None = None) -> Undoable:
        """Return the plan that `undo` puts back: the last one that was applied, within the undo window.

        SettingsError if there is none, if the window is off, or if the plan is not the one of that ``number``.
        """
        await self.store.integrations.get(name)
        if not self._undo_days:
            raise SettingsError(
                "Nothing can be put back: no old values are kept, since the undo window is off.",
                hint="To keep those of later plans, put undo = 7 below [host.retention] in plugins.toml.",
            )
        found = await self.store.undo.last(name, self._undo_days)
        if found is None:
            raise SettingsError(
                f"{name} has no applied plan that can be put back.",
                hint=f"Plans that are applied from now on can be, for {counted(self._undo_days, 'day')}.",
            )
        if number not in {None, found.number}:
            raise SettingsError(
                f"Another plan of {name} has been applied or undone since this one was shown.",
                hint=f"Look at the last one: discover undo {name}",
            )
        return found

    def undo_changes(
        self, undoable: Undoable, *, limits: Mapping[Operation, int] | None = None
    ) -> AsyncIterator[Change]:
        """Yield what putting a plan back changes, with old and new values; ``limits`` as for `changes`."""
        return self.store.undo.changes(undoable, limits=limits)

    async def undo_removes_many(self, name: str, undoable: Undoable) -> bool:
        """Return True if putting a plan back removes more rows of a kind than `run` would remove unasked."""
        stored = await self.store.entities.counts(name)
        return any(
            too_many_lost(rows, stored.get(kind, 0), self.settings.host.losses)
            for (kind, operation), rows in undoable.totals.items()
            if operation is Operation.REMOVE
        )

    async def undo(self, name: str, number: int | None = None) -> Undone:
        """Put back the rows that the last applied plan has changed; with ``number``, only if it is that plan.

        Rows that have changed since stay as they are. The next run reads the same values again. Called again without a
        number, it goes on to the plan before: a program passes the number of the plan that it showed.
        """
        await self.store.integrations.get(name)
        async with self.store.changing(name, self.settings.host):
            return await self.store.undo.put_back(name, await self.undoable(name, number))

    @property
    def _undo_days(self) -> int:
        return self.settings.host.retention.undo
