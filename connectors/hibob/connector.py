"""The HiBob connector: reads pages of employees and departments."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

from connector_core import (
    Account,
    Advice,
    Basic,
    Call,
    Category,
    Connector,
    Department,
    Employee,
    ExpectedIds,
    ForbiddenError,
    Listing,
    Manifest,
    Page,
    Product,
    ProtocolError,
    RateHeaders,
    RateLimit,
    RejectedCredentialsError,
    Streamed,
    discovers,
    fetches,
)
from connectors.hibob.credentials import HiBobCredentials
from connectors.hibob.mapping import departments_of, to_department, to_employee, units_in
from connectors.hibob.wire import FIELDS, Named, NamedList, People, Unit

_GRANT = "HiBob > System Settings > Permission groups, the service user's group > People's data: view "
_PEOPLE = _GRANT + "Basic info, Work and Lifecycle of all people, with no condition on the lifecycle status"


class HiBob(Connector[HiBobCredentials]):
    manifest = Manifest(
        name="hibob",
        title="HiBob",
        description="Discovers an organisation's people, and the departments they belong to, from HiBob.",
        category=Category.HRIS,
        authentication="API",
        hosts=("api.hibob.com",),
        base_url="https://api.hibob.com/v1",
        auth=Basic("service_user_id", "token"),
        limits=(RateLimit("/people/search", requests=50, per=60), RateLimit("/company/named-lists", 50, 60)),
        rate_headers=RateHeaders(reset="X-RateLimit-Reset"),
        rejected=Advice(
            "HiBob refuses this service user.",
            causes=("its ID or its token was mistyped", "it was deleted", "it is in no permission group"),
            remedy="Check the ID and the token, and the service user's permission group, then connect again.",
        ),
        provider_setup=(
            "Open System Settings, then Integrations, then Service users, and create a service user.",
            "Copy its ID and its token now: HiBob shows the token only once.",
            "Create a permission group for it: Settings, Permission groups, with this service user as its only member.",
            "Under People's data, select by condition, and delete the condition that Lifecycle status is Employed.",
            "Do not tick statuses there instead: people in a status that is added later would be missing.",
            "Let the group view the categories Basic info, Work and Lifecycle, and no others.",
        ),
        simulator="connectors.hibob.simulator",
        exemptions={
            "declaration.witness": "HiBob answers the same for an employee whom the service user may not see and for "
            "one who does not exist, so no response about one employee proves that they are gone; and it has no "
            "request for a single department."
        },
    )

    async def check(self) -> Account:
        """Search for people: a list may be read without the right to see any. Only the service user is known."""
        rejected = self.manifest.rejected
        try:
            async with aclosing(self._search(Named, ("root.id",))) as pages:
                first = await anext(pages)
        except ForbiddenError:
            raise RejectedCredentialsError(rejected.message, hint=rejected.hint, field="token") from None
        if not (first.rows or first.rejected):
            raise RejectedCredentialsError(
                "HiBob shows this service user no people.",
                hint=f"Let its permission group see them: {_PEOPLE}.",
            )
        user = self.credentials.service_user_id
        return Account(name=f"HiBob, as {user}", tenant=None, owner=user)

    @discovers(
        Employee,
        products={Product.SMP},
        resource="People",
        description="A complete overview of all employees of the organisation, to enrich each discovered user.",
        permission=_PEOPLE,
        provides=(
            *("display_name", "first_name", "last_name", "email", "employee_number", "job_title", "status"),
            *("start_date", "end_date", "manager_source_id", "department_source_ids", "location_name"),
        ),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        people = self._search(People, FIELDS)
        # The search announces no total, so every employee whom a second search finds must be in it.
        expected, units = await asyncio.gather(
            self.optional(self._expected_ids(), "expected_ids_unavailable"),
            self.optional(self._departments(), "departments_unresolved"),
        )
        departments = None if units is None else departments_of(units)
        async for page in people:
            yield page.map(to_employee, departments).with_expected_ids(expected)

    @fetches(Employee, is_witness=False)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        async with aclosing(self._search(People, FIELDS, source_id)) as pages:
            found = await anext(pages)
        if not (found.rows or found.rejected):
            return None
        units = await self.optional(self._departments(), "departments_unresolved")
        return found.map(to_employee, None if units is None else departments_of(units))

    @discovers(
        Department,
        products={Product.SMP},
        resource="Department list",
        description="The organisational structure, to tell where in the organisation which software is used.",
        permission=_GRANT + "Work",
        provides=("name", "active"),
        lists_inactive=True,
    )
    async def departments(self) -> AsyncIterator[Page[Department]]:
        yield Page.single(await self._departments()).map(to_department)

    def _search(
        self, listing: type[Listing[Any]], fields: Iterable[str], source_id: str | None = None
    ) -> AsyncGenerator[Page[Any], None]:
        """Search for all people, or for one. Former employees too. There are no pages: they come in one response."""
        body: dict[str, Any] = {"fields": [*fields], "showInactive": True, "humanReadable": "APPEND"}
        if source_id is not None:
            body["filters"] = [{"fieldPath": "root.id", "operator": "equals", "values": [source_id]}]
        return self.api.pages("/people/search", listing, paging=Streamed(), body=body)

    async def _expected_ids(self) -> ExpectedIds:
        expected = ExpectedIds()
        async for page in self._search(Named, ("root.id",)):
            expected.add(page.ids)
        return expected

    async def _departments(self) -> tuple[Unit, ...]:
        path = "/company/named-lists/department"
        found = await self.api.get(path, NamedList, params={"includeArchived": "true"})
        if found.items is None and found.values is None:
            raise ProtocolError("the list has no items", call=Call("GET", path))
        return tuple(units_in(found.items or found.values or ()))
