"""The Microsoft Entra ID connector: reads pages of users, their changes, and the departments that they name."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, date, datetime, timedelta

from connector_core import (
    Account,
    Advice,
    Category,
    ClientCredentials,
    Connector,
    Department,
    Employee,
    Manifest,
    NextUrl,
    Page,
    Product,
    RateLimit,
    changes_since,
    discovers,
    fetches,
)
from connectors.entra.credentials import EntraCredentials
from connectors.entra.mapping import EntraOptions, to_departments, to_employee
from connectors.entra.wire import People, Person

_USERS, _DELTA, _COUNT = "/users", "/users/delta", "/users/$count"
_GRANT = (
    "Microsoft Entra admin center > App registrations > your app > API permissions > Microsoft Graph > "
    "Application permissions: add User.Read.All, and grant admin consent"
)
_NOT_SELECTED = ("employeeLeaveDateTime", "employeeOrgData", "manager")
"""Properties that are requested by an option, or otherwise."""
_SELECTED = tuple([one for one in (*Person.keys(),) if "@" not in one and one not in _NOT_SELECTED])


class Entra(Connector[EntraCredentials, EntraOptions]):
    manifest = Manifest(
        name="entra",
        title="Microsoft Entra ID",
        description="Discovers an organisation's people, and the departments they belong to, from Microsoft Entra ID.",
        category=Category.SSO,
        authentication="API",
        # Those of the tenant's cloud: tokens do not cross from one to another.
        hosts=("{graph}", "{login}"),
        base_url="{graph}/v1.0",
        auth=ClientCredentials("{login}/{tenant}/oauth2/v2.0/token", scope="{graph}/.default"),
        # The smallest tenants have 3500 units in 10 seconds, and a page with managers costs two.
        limits=(RateLimit(_USERS, requests=1500, per=10),),
        throttled_by=frozenset({429, 503, 509}),
        rejected=Advice(
            "Microsoft Entra ID refuses this app.",
            causes=(
                "the secret's ID was copied instead of its value, or the secret has expired",
                "the tenant or client ID was mistyped",
                "the tenant is in another cloud",
            ),
            remedy="Check the IDs on the app's overview, create a new client secret, and connect again.",
        ),
        provider_setup=(
            "Open the Microsoft Entra admin center, then App registrations, and choose New registration.",
            "Copy the Directory (tenant) ID and the Application (client) ID from its overview.",
            "Open API permissions, then Add a permission, Microsoft Graph, Application permissions: User.Read.All.",
            "Choose Grant admin consent, and do so again whenever you change the permissions.",
            "Open Certificates & secrets, then New client secret. Note the day on which it expires.",
            "Copy its value now, not its ID: it is shown only once.",
        ),
        simulator="connectors.entra.simulator",
    )

    async def check(self) -> Account:
        """Read one person in the way that all are read. The tenant's own name takes another permission."""
        await self.api.get(_USERS, People, params={**self._properties(), "$top": "1"})
        tenant = self.credentials.tenant
        return Account(name=f"Tenant {tenant}", tenant=tenant, owner=self.credentials.client_id)

    @discovers(
        Employee,
        products={Product.SMP},
        resource="users",
        description="A complete overview of all employees of the organisation, to enrich each discovered user.",
        permission=_GRANT,
        provides=(
            *("display_name", "first_name", "last_name", "email", "employee_number", "job_title", "status"),
            *("worker_type", "start_date", "manager_source_id", "department_source_ids", "location_name"),
        ),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        # The token comes first, so that a change between the two is in the next delta, and not in neither.
        token, count = await asyncio.gather(self._first_token(), self._count())
        async for page in self._users(self._properties()):
            yield self._employees(page).with_count(count, exact=False).with_delta_token(token)

    @changes_since(Employee, lifetime=timedelta(days=7))
    async def changed_employees(self, token: str) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(_DELTA, People, paging=NextUrl(), url=token):
            yield page.map(to_employee, self.options, _today(), False)  # noqa: FBT003 - a delta expands nothing

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        found = await self.api.find(_USERS, source_id, Person, params=self._properties())
        return None if found is None else self._employees(Page.single((found,)))

    @discovers(
        Department,
        products={Product.SMP},
        resource="users",
        description="The organisational structure, to tell where in the organisation which software is used.",
        permission=_GRANT,
        provides=("name",),
        derived=True,
    )
    async def departments(self) -> AsyncIterator[Page[Department]]:
        """Read the departments that users name: Entra has no others."""
        count = await self._count()
        async for page in self._users({"$select": self._selected("id", "userType", "userPrincipalName", "department")}):
            yield page.derive(to_departments, self.options).with_count(count, exact=False)

    def _users(self, params: dict[str, str]) -> AsyncGenerator[Page[Person], None]:
        params["$top"] = "100" if "$expand" in params else "999"
        return self.api.pages(_USERS, People, paging=NextUrl(), params=params)

    def _employees(self, page: Page[Person]) -> Page[Employee]:
        return page.map(to_employee, self.options, _today(), self._expanded)

    @property
    def _expanded(self) -> bool:
        return self.options.managers == "expanded"

    def _properties(self) -> dict[str, str]:
        leave_dates = ("employeeLeaveDateTime",) if self.options.leave_dates else ()
        found = {"$select": self._selected(*_SELECTED, *leave_dates)}
        return {**found, "$expand": "manager($select=id)"} if self._expanded else found

    def _selected(self, *names: str) -> str:
        return ",".join((*names, *(["employeeOrgData"] if self.options.units else [])))

    async def _first_token(self) -> str | None:
        """Return the address of the changes from now on; None where the tenant has no deltas."""
        params = {"$select": f"{self._properties()['$select']},manager", "$deltatoken": "latest"}
        found = await self.optional(self.api.get(_DELTA, People, params=params), "delta_unavailable")
        return found and found.delta_token

    async def _count(self) -> int | None:
        """Return the number of users by an index that lags behind the listing; None where the tenant has none."""
        headers = {"ConsistencyLevel": "eventual"}
        return await self.optional(self.api.get(_COUNT, int, headers=headers), "count_unavailable")


def _today() -> date:
    return datetime.now(UTC).date()
