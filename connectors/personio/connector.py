"""The Personio connector: reads pages of employees and departments."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal

from pydantic import Field

from connector_core import (
    Account,
    Advice,
    Category,
    ClientCredentials,
    Connector,
    Cursor,
    Department,
    Employee,
    Manifest,
    Offset,
    Options,
    Page,
    Product,
    RateLimit,
    discovers,
    fetches,
    witnesses,
)
from connectors.personio.credentials import PersonioCredentials
from connectors.personio.mapping import DepartmentIds, ids_of, to_department, to_departments, to_employee
from connectors.personio.wire import Attributes, Found, OrgUnit, OrgUnits, People

_EMPLOYEES = "/v1/company/employees"
_PAGING = Offset(size=100)
_ATTRIBUTES = (
    "First name, Last name, Preferred name, Email, Status, Position, Department, Office (or Workplace), Supervisor, "
    "Employment type, Hire date, Termination date, Created at and Last modified"
)
_READABLE = "Personio > your integration > Readable employee attributes: choose "


class PersonioOptions(Options):
    departments: Literal["named", "org_units"] = Field(
        "named",
        description="Source of departments: `named`, those that employees name; or `org_units`, all of them and their "
        "parents, from an endpoint that Personio calls beta.",
    )


class Personio(Connector[PersonioCredentials, PersonioOptions]):
    manifest = Manifest(
        name="personio",
        title="Personio",
        description="Discovers an organisation's people, and the departments they belong to, from Personio.",
        category=Category.HRIS,
        authentication="API",
        hosts=("api.personio.de",),
        base_url="https://api.personio.de",
        # Sent in the body: a query would appear in logs, and Personio refuses it from 2027-01-04 on.
        auth=ClientCredentials("/v1/auth", encoding="json", token="data.token", lifetime="data.expires_in"),  # noqa: S106 - a key
        # Allowed are 300 a minute and 15 a second. Fifteen in three seconds keep both. So do six runs at once the limit
        # of 2000 a minute from one IP address.
        limits=(RateLimit(_EMPLOYEES, requests=15, per=3), RateLimit("/v1/auth", requests=60, per=60)),
        rejected=Advice(
            "Personio does not know these API credentials.",
            causes=("the client ID or the secret was mistyped", "the integration has been deleted in Personio"),
            remedy="Create new API credentials in Personio, then connect again.",
        ),
        provider_setup=(
            "Sign in to Personio as a user with the access right to API credentials.",
            "Open Marketplace, then Connected integrations (earlier: Settings, Integrations, API credentials).",
            "Choose Create custom integration, and give it a name that says what it is for.",
            "Under Employees, allow only Read.",
            f"Under Readable employee attributes, choose {_ATTRIBUTES}.",
            "Create the integration, and copy the client ID and the secret now: the secret is shown only once.",
        ),
        simulator="connectors.personio.simulator",
    )

    async def check(self) -> Account:
        """Fetch a token: Personio has no other way to prove credentials, and does not tell whose they are."""
        await self.api.sign_in()
        return Account(name=self.credentials.client_id, tenant=None, owner=self.credentials.client_id)

    @discovers(
        Employee,
        products={Product.SMP},
        resource="Employees",
        description="A complete overview of all employees of the organisation, to enrich each discovered user.",
        permission=_READABLE + _ATTRIBUTES,
        provides=(
            *("display_name", "first_name", "last_name", "email", "job_title", "status", "worker_type"),
            *("start_date", "end_date", "manager_source_id", "department_source_ids", "location_name", "updated_at"),
        ),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        params = {"attributes[]": Attributes.keys()}
        people = self.api.pages(_EMPLOYEES, People, paging=_PAGING, params=params)
        departments = await self._department_ids() if self._reads_org_units else None
        async for page in people:
            yield page.map(to_employee, departments)

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        found = await self.api.find(_EMPLOYEES, source_id, Found)
        if found is None:
            return None
        departments = await self._department_ids() if self._reads_org_units else None
        return Page.single((found.data,)).map(to_employee, departments)

    @witnesses(Employee)
    async def has_employee(self, source_id: str) -> bool:
        # One request, whatever the source of departments is.
        return await self.api.exists(_EMPLOYEES, source_id)

    @discovers(
        Department,
        products={Product.SMP},
        resource="Employees",
        description="The organisational structure, to tell where in the organisation which software is used.",
        permission=_READABLE + "Department and Created at; or, with the option departments, allow org units to be read",
        provides=("name",),
        derived=True,
    )
    async def departments(self) -> AsyncIterator[Page[Department]]:
        """Read the departments that employees name: v1 does not list them. Or read the org units of v2."""
        if self._reads_org_units:
            async for units in self._org_units():
                yield units.map(to_department)
            return
        params = {"attributes[]": ("id", "department", "created_at")}
        async for page in self.api.pages(_EMPLOYEES, People, paging=_PAGING, params=params):
            yield page.derive(to_departments)

    @property
    def _reads_org_units(self) -> bool:
        return self.options.departments == "org_units"

    def _org_units(self) -> AsyncGenerator[Page[OrgUnit], None]:
        params, headers = {"type": "department"}, {"Beta": "true"}
        return self.api.pages("/v2/org-units", OrgUnits, paging=Cursor(size=100), params=params, headers=headers)

    async def _department_ids(self) -> DepartmentIds:
        """Return the org units to which the departments of employees are compared; none if they cannot be read."""

        async def read() -> list[OrgUnit]:
            return [unit async for page in self._org_units() for unit in page.rows]

        return ids_of(await self.optional(read(), "org_units_unavailable") or ())
