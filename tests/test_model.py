"""Any interleaving of people who come and go, faults, runs, plans and cancellations, held against a model."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import hypothesis.strategies as st
import structlog
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from connector_core import ConnectorCoreError, Department, Employee
from connector_core.host import Host
from connector_core.settings import HostSettings, HttpSettings, LossSettings, Settings
from connector_core.testing import serve
from connector_core.testing.clock import JumpingLoop
from connector_core.testing.listing_faults import LISTING_FAULTS
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from kills import silence

FAULTS = [
    *LISTING_FAULTS,
    "500",
    "502",
    "403",
    "401",
    "404",
    "reset",
    "truncate",
    "cutzip",
    "html",
    "garbage",
    "empty",
    "later",
]
T = TypeVar("T")
HTTP = HttpSettings(first_wait=0.001, tries=2, page_timeout=5, throttle_tries=2, throttle_wait=0.01)


class Organisation(RuleBasedStateMachine):
    """The tenant is the truth; the store must follow it without ever losing or inventing anybody."""

    @initialize()
    def begin(self) -> None:
        silence()
        self.loop = JumpingLoop()
        self.folder = Path(tempfile.mkdtemp())
        self.stack = AsyncExitStack()
        behaviour = Behaviour(quota=1_000_000)
        self.tenant = Tenant(57, 3, behaviour)
        self.simulator = NamelySimulator(self.tenant, behaviour)
        self.existed: set[str] = set()
        self.stored_once: set[str] = set()
        self.filled: set[tuple[str, str]] = set()
        self.await_(self._open())

    async def _open(self) -> None:
        served = await self.stack.enter_async_context(serve(self.simulator))
        os.environ["SSL_CERT_FILE"] = str(served.ca_file)
        os.environ["DISCOVER_SECRET_KEY"] = Fernet.generate_key().decode()
        host = HostSettings(
            store=self.folder / "people.sqlite", resolve=served.resolve, http=HTTP, losses=LossSettings(at_least=4)
        )
        self.host = await self.stack.enter_async_context(Host(Settings(host=host)))
        await self.host.connect("namely", "acme", self.simulator.credentials)

    def await_(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _stored(self) -> dict[str, Employee]:
        return {one.source_id: one async for one in self.host.entities("acme", Employee)}

    async def _departments(self) -> dict[str, str]:
        return {one.source_id: one.name async for one in self.host.entities("acme", Department)}

    # ---- what may happen

    @rule()
    def somebody_joins(self) -> None:
        self.tenant.hire()

    @rule(place=st.integers(1, 40))
    def somebody_leaves(self, place: int) -> None:
        self.tenant.leave(self.tenant.people[place % len(self.tenant.people)])

    @rule(place=st.integers(1, 40))
    @precondition(lambda self: len(self.tenant.people) > 45)
    def somebody_is_erased(self, place: int) -> None:
        self.tenant.delete(self.tenant.people[1 + place % (len(self.tenant.people) - 1)])

    @rule(place=st.integers(1, 40), department=st.integers(0, 11))
    def somebody_moves(self, place: int, department: int) -> None:
        self.tenant.move(self.tenant.people[place % len(self.tenant.people)], self.tenant.departments()[department])

    @rule(department=st.integers(0, 11), title=st.sampled_from(["North", "South"]))
    def a_department_is_renamed(self, department: int, title: str) -> None:
        self.tenant.rename(self.tenant.departments()[department], f"{title} {department}")

    @rule(kind=st.sampled_from(FAULTS), at=st.integers(1, 6), times=st.sampled_from([1, 2, 99]))
    def the_provider_fails(self, kind: str, at: int, times: int) -> None:
        self.simulator.script(f"{kind}@{at}x{times}:/profiles")

    @rule(at=st.integers(1, 3), kind=st.sampled_from(["403", "401", "500", "empty"]))
    def groups_fail(self, at: int, kind: str) -> None:
        self.simulator.script(f"{kind}@{at}x99:/group")

    @rule()
    def the_provider_recovers(self) -> None:
        self.simulator.script("")

    @rule(kinds=st.sampled_from([[], ["employees"], ["departments"]]), apply=st.booleans(), delta=st.booleans())
    def a_run(self, kinds: list[str], *, apply: bool, delta: bool) -> None:
        before = {one.id for one in self.tenant.people}
        with suppress(ConnectorCoreError):
            report = self.await_(self.host.run("acme", kinds=kinds, apply=apply, delta=delta))
            throughout = before & {one.id for one in self.tenant.people}
            complete = any(one.kind == "Employee" and one.certificate.complete for one in report.kinds)
            if complete and apply:
                unread = throughout - self.await_(self._stored()).keys()
                assert not unread, "a complete reading lacks somebody who was there throughout"

    @rule(pages=st.integers(1, 3))
    def a_run_is_cancelled(self, pages: int) -> None:
        async def cancelled() -> None:
            def count(*_: object) -> None:
                nonlocal pages
                pages -= 1
                if pages == 0:
                    task.cancel()

            task = asyncio.ensure_future(self.host.run("acme", progress=count))
            with suppress(asyncio.CancelledError, ConnectorCoreError):
                await task

        self.await_(cancelled())

    @rule(discard=st.booleans())
    def a_held_plan_is_decided(self, discard: bool) -> None:
        with suppress(ConnectorCoreError):
            self.await_(self.host.discard("acme") if discard else self.host.apply("acme"))

    # ---- what must hold

    @invariant()
    def nobody_is_lost_or_invented(self) -> None:
        if not hasattr(self, "host"):
            return
        present = {one.id for one in self.tenant.people}
        self.existed |= present
        stored = self.await_(self._stored())
        assert stored.keys() <= self.existed
        assert not (self.stored_once & present) - stored.keys(), "somebody was removed who is still there"
        self.stored_once |= stored.keys()

    @invariant()
    def no_field_is_emptied(self) -> None:
        if not hasattr(self, "host"):
            return
        stored = self.await_(self._stored())
        for person in self.tenant.people:
            if found := stored.get(person.id):
                truth = {
                    "job_title": person.title,
                    "display_name": person.last_name,
                    "email": person.email,
                    "manager_source_id": person.manager,
                    "department_source_ids": person.groups,
                }
                for name, value in truth.items():
                    if getattr(found, name):
                        self.filled.add((person.id, name))
                    elif value and (person.id, name) in self.filled:
                        raise AssertionError(f"{name} was emptied")

    def teardown(self) -> None:
        if not hasattr(self, "host"):
            return
        try:
            self.simulator.script("")
            # Joiners are read, leavers confirmed, and what is held is agreed to: then the two are the same.
            for _ in range(2):
                self.await_(self.host.run("acme"))
                with suppress(ConnectorCoreError):
                    self.await_(self.host.apply("acme"))
            stored = self.await_(self._stored())
            assert stored.keys() == {one.id for one in self.tenant.people}
            for person in self.tenant.people:
                assert stored[person.id].status == person.status
                departments = {one.id for one in self.tenant.departments()}
                assert set(stored[person.id].department_source_ids) == departments.intersection(person.groups)
            named = self.await_(self._departments())
            assert named == {one.id: one.title for one in self.tenant.departments()}
        finally:
            self.await_(self.stack.aclose())
            self.loop.close()
            shutil.rmtree(self.folder)
            structlog.reset_defaults()


TestOrganisation = Organisation.TestCase
TestOrganisation.settings = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "12")),
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
