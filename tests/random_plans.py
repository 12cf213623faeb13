"""Random plans at the store, and what must become of stored rows when a part of one is applied."""

import asyncio
import json
import shutil
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st

from builders import PEOPLE, department, person
from connector_core import Account, Entity, Operation, Run, Status
from connector_core.host import Host
from connector_core.outcomes import Change, State
from connector_core.settings import HostSettings, RetentionSettings, Settings
from connector_core.store import Selection, StoredKind
from connector_core.store.planned import Hold
from run_steps import NEW, RunSteps

DEPARTMENTS = StoredKind("acme", "Department")
IDS = [f"p{number}" for number in range(8)]
GROUPS = [f"d{number}" for number in range(4)]
Body = Mapping[str, Any]
Bodies = dict[tuple[str, str], Body]
"""Stored rows without empty values, by kind and id."""

_people = st.builds(
    person,
    st.sampled_from(IDS),
    display_name=st.sampled_from(["Ada", "Bea"]),
    job_title=st.sampled_from([None, "Lead", "Head"]),
    status=st.sampled_from([Status.ACTIVE, Status.ACTIVE, Status.INACTIVE]),
    department_source_ids=st.lists(st.sampled_from(GROUPS), max_size=2).map(tuple),
)
_departments = st.builds(department, st.sampled_from(GROUPS), name=st.sampled_from(["North", "South"]))
listings = st.tuples(
    st.lists(_people, unique_by=lambda one: one.source_id, max_size=8),
    st.lists(_departments, unique_by=lambda one: one.source_id, max_size=4),
)
"""The people and departments that a provider has."""
selections = st.builds(
    Selection,
    st.frozensets(st.tuples(st.sampled_from(["Employee", "Department"]), st.sampled_from(Operation)), max_size=3),
    st.frozensets(
        st.tuples(st.just("Employee"), st.sampled_from([*IDS, "unknown"]))
        | st.tuples(st.just("Department"), st.sampled_from(GROUPS)),
        max_size=5,
    ),
)


@dataclass
class Planning:
    """A host on a store of its own, whose runs are made step by step."""

    host: Host
    steps: RunSteps

    async def run(
        self,
        people: Iterable[Entity] | None,
        departments: Iterable[Entity],
        *,
        hold: Hold = Hold.NOTHING,
    ) -> Run:
        """Do a run that reads these rows, and removes all others; apply what is not held. None: people are not read."""
        read = {"Department": [*departments]} | ({} if people is None else {"Employee": [*people]})
        run = Run(uuid.uuid4().hex, "acme", "example", "", tuple(read), datetime.now(UTC))
        readings = await self.steps.store.runs.start(run)
        for kind, rows in read.items():
            await self.steps.stage(readings[kind], *rows)
            await self.steps.store.staging.index_latest_rows(readings[kind])
            stored = {source_id for of, source_id in await self.bodies() if of == kind}
            gone = stored - {one.source_id for one in rows}
            await self.steps.plan(run, readings[kind], *sorted(gone), hold=hold)
        if hold is Hold.NOTHING:
            await self.steps.store.plans.apply(run, readings.values(), NEW, (), undoable=True)
        await self.steps.finish(run)
        return run

    async def shown(self, run_id: str, only: Selection | None = None) -> list[Change]:
        return [one async for one in self.host.changes(run_id, State.HELD, only=only)]

    async def bodies(self) -> Bodies:
        found: Bodies = {}
        for of in (PEOPLE, DEPARTMENTS):
            async for text in self.steps.store.entities.decoded(of, str):
                body = {name: value for name, value in json.loads(text).items() if value not in (None, [])}
                found[of.kind, body["source_id"]] = body
        return found


def applied_to(bodies: Bodies, changes: Iterable[Change]) -> Bodies:
    """Return what the stored rows must be once exactly these changes, as they were shown, are applied."""
    found = dict(bodies)
    for one in changes:
        key = one.kind, one.source_id
        new = {value.field: value.new for value in one.values}
        match one.operation:
            case Operation.CREATE:
                assert key not in found
                body = {"source_id": one.source_id, **new}
            case Operation.UPDATE:
                old = {value.field: value.old for value in one.values if value.old not in (None, [])}
                assert {name: found[key].get(name) for name in old} == old, "the old values are those that are stored"
                body = {**found[key], **new}
            case Operation.REMOVE:
                del found[key]
                continue
        found[key] = {name: value for name, value in body.items() if value not in (None, [])}
    return found


def in_a_store(work: Callable[[Planning], Awaitable[None]]) -> None:
    """Run a test in a store of its own, which has one integration and the undo window on."""

    async def prepared() -> None:
        settings = HostSettings(store=folder / "people.sqlite", retention=RetentionSettings(undo=7))
        async with aclosing(Host(Settings(host=settings))) as host:
            await host.store.integrations.save("acme", "example", {}, b"", Account("One", "1"))
            await work(Planning(host, RunSteps(host.store, settings.store)))

    folder = Path(tempfile.mkdtemp())
    try:
        asyncio.run(prepared())
    finally:
        shutil.rmtree(folder)
