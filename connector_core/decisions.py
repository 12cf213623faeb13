"""Decisions on plans: the part of the host by which an operator applies, discards and undoes them."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from connector_core.discovery.guards import too_many_lost
from connector_core.errors import PlanChangedError, SettingsError
from connector_core.messages import counted
from connector_core.outcomes import Change, Operation, State
from connector_core.reasons import Reason
from connector_core.settings import Settings
from connector_core.store import (
    Applied,
    DepartmentEffect,
    Headcount,
    Held,
    Selection,
    Store,
    StoredKind,
    Undoable,
    Undone,
)


class Decisions:
    """Plans that wait, plans that were applied, and an operator's decisions on both."""

    settings: Settings
    store: Store

    # ---- plans that wait

    async def held(self, name: str) -> Held | None:
        """Return the held plan, if there is one."""
        await self.store.integrations.get(name)
        return await self.store.plans.held(name)

    async def held_plan(self, name: str, run_id: str | None = None, fingerprint: str | None = None) -> Held:
        """Return the held plan.

        SettingsError if there is none; PlanChangedError if it is of another run, or has another ``fingerprint``.
        """
        held = await self.held(name)
        if held is None:
            raise SettingsError(f"{name} has no held plan.", hint=f"Make one: discover run {name} --plan")
        if run_id not in {None, held.run_id}:
            raise PlanChangedError(
                f"The plan of {name} has been replaced since it was shown.", hint="Look at the new one."
            )
        if fingerprint not in {None, held.fingerprint}:
            raise PlanChangedError(f"The plan of {name} has changed since it was shown.", hint="Look at it again.")
        return held

    def changes(
        self,
        run_id: str,
        state: State | None = None,
        *,
        limits: Mapping[Operation, int] | None = None,
        only: Selection | None = None,
    ) -> AsyncIterator[Change]:
        """Yield a run's changes; with ``limits``, of each kind at most so many of each operation.

        Those that wait have their old and new values. ``only`` selects some of them.
        """
        return self.store.plans.changes(run_id, state, limits=limits, only=only)

    async def count_changes(
        self, run_id: str, *, only: Selection | None = None
    ) -> dict[tuple[str, Operation, State], int]:
        """Return the number of a run's changes, or of selected ones, by kind, operation and state."""
        return await self.store.plans.counts(run_id, only)

    async def held_because(self, run_id: str) -> dict[str, tuple[Reason, ...]]:
        """Return the reasons why changes of a run were held, by kind. A plan that was only asked for has none."""
        return await self.store.plans.held_because(run_id)

    async def plan_effects(self, name: str, run_id: str) -> list[DepartmentEffect]:
        """Return the departments whose people change if all held changes of a run are applied.

        Those that lose most come first.
        """
        await self.store.integrations.get(name)
        return await self.store.effects.on_departments(name, run_id)

    async def apply(
        self,
        name: str,
        run_id: str | None = None,
        *,
        only: Selection | None = None,
        fingerprint: str | None = None,
    ) -> Applied:
        """Apply the held plan, against the store as it is now.

        Args:
            name: The integration.
            run_id: Apply it only if it is that run's.
            only: Apply these of its changes; the others stay held.
            fingerprint: Apply it only if it is the plan that was shown: that of `held`, when its changes were listed.
        """
        await self.store.integrations.get(name)
        async with self.store.changing(name, self.settings.host):
            held = await self.held_plan(name, run_id, fingerprint)
            return await self.store.plans.apply_held(name, held, undoable=self._undo_days > 0, only=only)

    async def discard(
        self,
        name: str,
        run_id: str | None = None,
        *,
        only: Selection | None = None,
        fingerprint: str | None = None,
    ) -> int:
        """Drop the held plan; return how many changes were dropped. The arguments are those of `apply`."""
        await self.store.integrations.get(name)
        async with self.store.changing(name, self.settings.host):
            held = await self.held_plan(name, run_id, fingerprint)
            return await self.store.plans.discard(name, held, only=only)

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

    async def headcounts(
        self, name: str, kind: str, *, since: datetime | None = None, by_day: bool = False
    ) -> list[Headcount]:
        """Return how many rows of a kind (``Employee``) were stored after each application of a plan, the oldest first.

        Only those since a moment, if one is given; or one for each day on which a row changed, without the rows that
        the first reading stored.
        """
        await self.store.integrations.get(name)
        found = self.store.headcounts.by_day if by_day else self.store.headcounts.since
        return await found(StoredKind(name, kind), since)

    @property
    def _undo_days(self) -> int:
        return self.settings.host.retention.undo
