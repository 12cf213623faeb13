"""The Microsoft Entra ID connector: reads pages of users, their changes, and the departments that they name."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from connector_core import Account, Connector, Department, Employee, NextUrl, Page, changes_since, fetches
from connectors.entra.credentials import EntraCredentials, EntraOptions
from connectors.entra.departments import to_departments
from connectors.entra.manifest import MANIFEST, discovers_in_users
from connectors.entra.mapping import to_employee
from connectors.entra.wire import People, Person

# Leave dates take a permission of their own.
_SELECTED = ",".join([one for one in (*Person.keys(),) if not one.startswith(("@", "manager", "employeeLeave"))])


class Entra(Connector[EntraCredentials, EntraOptions]):
    manifest = MANIFEST

    async def check(self) -> Account:
        """Read one person in the way that all are read. The tenant's own name takes another permission."""
        await self.api.get("/users", People, params=self._properties() | {"$top": "1"})
        return Account(f"Tenant {self.credentials.tenant}", self.credentials.tenant.lower(), self.credentials.client_id)

    @discovers_in_users(
        Employee,
        description="A complete overview of all employees of the organisation, to enrich each discovered user.",
        provides=(
            *("display_name", "first_name", "last_name", "email", "employee_number", "job_title", "status"),
            *("worker_type", "start_date", "manager_source_id", "department_source_ids", "location_name"),
        ),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        # The token comes first, so that a change between the two is in the next delta, and not in neither.
        params = {"$select": f"{self._properties()['$select']},manager", "$deltatoken": "latest"}
        latest = await self.optional(self.api.get("/users/delta", People, params=params), "delta_unavailable")
        counting = self.api.get("/users/$count", int, headers={"ConsistencyLevel": "eventual"})
        count = await self.optional(counting, "count_unavailable")
        params = self._properties() | {"$top": "100" if self.options.managers else "999"}
        async for page in self.api.pages("/users", People, paging=NextUrl(), params=params):
            yield self._employees(page).with_count(count, exact=False).with_delta_token(latest and latest.delta_token)

    @changes_since(Employee, lifetime=timedelta(days=7))
    async def changed_employees(self, token: str) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/users/delta", People, paging=NextUrl(), url=token):
            yield self._employees(page, listed=False)

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        found = await self.api.find("/users", source_id, Person, params=self._properties())
        return found and self._employees(Page.single((found,)))

    @discovers_in_users(
        Department,
        description="The organisational structure, to tell where in the organisation which software is used.",
        provides=("name",),
        derived=True,
    )
    async def departments(self) -> AsyncIterator[Page[Department]]:
        """Read the departments that users name: Entra has no others."""
        params = {"$select": "id,userType,department,employeeOrgData", "$top": "999"}
        async for page in self.api.pages("/users", People, paging=NextUrl(), params=params):
            yield page.derive(to_departments, self.options)

    def _employees(self, page: Page[Person], *, listed: bool = True) -> Page[Employee]:
        return page.map(to_employee, self.options, datetime.now(UTC).date(), listed)

    def _properties(self) -> dict[str, str]:
        selected = {"$select": _SELECTED + ",employeeLeaveDateTime" * self.options.leave_dates}
        return {**selected, "$expand": "manager($select=id)"} if self.options.managers else selected
