"""The steps of runs at the store, without a host and a provider."""

import sqlite3
import uuid
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builders import PEOPLE, certificate, kind_plan
from connector_core import Code, Department, Employee, Entity, KindReport, Reason, Report, Run, Status, Verdict
from connector_core.discovery.changes import plan_updates
from connector_core.discovery.stage import staged_rows
from connector_core.outcomes import Traffic
from connector_core.store import LastScan, Reading, Store, StoredKind
from connector_core.store.comparison import Loss
from connector_core.store.planned import GuardedPlan, Hold, Removal
from connector_core.store.staging import Checkpoint

NEW = Reason(Code.NEW, provider="Example HR")
KINDS: dict[str, type[Entity]] = {"Employee": Employee, "Department": Department}
GONE = Reason(Code.NOT_FOUND, provider="Example HR")


def turned(one: Employee, status: Status) -> Employee:
    return one.model_copy(update={"status": status})


@dataclass
class RunSteps:
    """One integration in one store, and the steps of its runs."""

    store: Store
    path: Path
    undoable: bool = False
    """The undo window is on."""

    async def start(self, kind: str = "Employee") -> tuple[Run, Reading]:
        run = Run(uuid.uuid4().hex, "acme", "example", "", (kind,), datetime.now(UTC))
        return run, (await self.store.runs.start(run))[kind]

    async def stage(self, reading: Reading, *entities: Entity, skipped: Iterable[str] = ()) -> None:
        rows = staged_rows(entities, skipped)
        moment = datetime.now(UTC).isoformat()
        point = Checkpoint("/people", 1, 0, None, b"", True, len(rows), "key", moment)  # noqa: FBT003 - as it is stored
        await self.store.staging.add(reading, rows, point)

    async def read(self, *entities: Entity, skipped: Iterable[str] = ()) -> tuple[Run, Reading]:
        """Start a run that has staged these rows."""
        run, reading = await self.start(type(entities[0]).__name__ if entities else "Employee")
        await self.stage(reading, *entities, skipped=skipped)
        await self.store.staging.index_latest_rows(reading)
        return run, reading

    async def plan(
        self,
        run: Run,
        reading: Reading,
        *removed: str,
        hold: Hold = Hold.NOTHING,
        loss: Loss = Loss.ACTIVE,
        **more: Any,
    ) -> None:
        """Plan the updates of a reading, and the removal of these rows."""
        base = {
            one.source_id: one.base_digest
            for one in await self.store.comparisons.missing(reading, "key", datetime.now(UTC))
        }
        removals = tuple(Removal(one, GONE, loss, base.get(one, b"")) for one in removed)
        async for batch in self.store.comparisons.differences(reading):
            updates = plan_updates(batch, KINDS[reading.of.kind], (), "Example HR")
            await self.store.plans.add_updates(run, reading.of, updates, hold)
        given = certificate(kind=reading.of.kind, **more)
        await self.store.plans.save(run, [GuardedPlan(reading, given, "key", removals, NEW, hold)])

    async def apply(self, run: Run, reading: Reading) -> int:
        return await self.store.plans.apply(run, [reading], NEW, (), undoable=self.undoable)

    async def finish(self, run: Run, missed: dict[str, tuple[str, ...]] | None = None, **scans: LastScan) -> Report:
        kinds = tuple(KindReport(certificate(kind=one), kind_plan(one)) for one in run.kinds)
        end, traffic = datetime.now(UTC), Traffic(3, 0, 0)
        report = Report(run, Verdict.COMPLETE, kinds, applied=True, removed={}, traffic=traffic, finished_at=end)
        await self.store.staging.discard(run, ())
        await self.store.runs.finish(report, missed or {}, scans)
        return report

    async def applied(self, *entities: Entity, removed: tuple[str, ...] = (), **more: Any) -> Run:
        """Do a whole run that reads these rows."""
        run, reading = await self.read(*entities)
        await self.plan(run, reading, *removed, **more)
        await self.apply(run, reading)
        await self.finish(run)
        return run

    async def bodies(self, of: StoredKind = PEOPLE) -> list[str]:
        return [one async for one in self.store.entities.decoded(of, str)]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(sql).fetchall()
