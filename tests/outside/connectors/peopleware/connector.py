"""The Peopleware connector: employees by cursors and by changes, and departments in one response."""

from collections.abc import AsyncIterator
from datetime import timedelta

from connector_core import (
    Account,
    Advice,
    AuthorizationCode,
    Category,
    ClientSecret,
    Connector,
    Cursor,
    Department,
    Employee,
    Manifest,
    Page,
    Product,
    SinglePage,
    changes_since,
    discovers,
    fetches,
)
from connectors.peopleware.credentials import PeoplewareCredentials
from connectors.peopleware.mapping import to_department, to_employee
from connectors.peopleware.wire import Me, People, Person, Unit, Units

_SCOPE = "people.read offline_access"
_ALLOW = "Sign in as a user with the role People reader, and allow the scope people.read"
_LOGIN = "https://login.peopleware.example/oauth2"
_PAGING = Cursor(size=25, cursor="after", limit="limit", expired_by=frozenset({410}))


class Peopleware(Connector[PeoplewareCredentials]):
    manifest = Manifest(
        name="peopleware",
        title="Peopleware",
        description="An organisation's employees and departments, from Peopleware.",
        category=Category.HRIS,
        authentication="OAuth 2.0",
        hosts=("api.peopleware.example", "login.peopleware.example"),
        base_url="https://api.peopleware.example/v2",
        auth=AuthorizationCode(
            f"{_LOGIN}/authorize", f"{_LOGIN}/token", client=ClientSecret(sent_in="basic"), scope=_SCOPE
        ),
        rejected=Advice(
            "Peopleware does not accept this application, or the sign-in of its user.",
            remedy="Compare the client ID and secret with Admin > Applications, then connect again and sign in.",
        ),
        provider_setup=(
            "Open Admin > Applications, and register an application with the redirect URI `http://127.0.0.1/callback`.",
            "Allow it the scopes `people.read` and `offline_access`. Copy the client ID and the client secret.",
        ),
        simulator="connectors.peopleware.simulator",
    )

    async def check(self) -> Account:
        me = await self.api.get("/me", Me)
        return Account(name=me.company_name, tenant=me.company.id, owner=me.id)

    @discovers(
        Employee,
        products={Product.SMP},
        resource="Employees",
        description="All employees, active and inactive, to enrich each discovered user.",
        permission=_ALLOW,
        provides=(
            *("display_name", "first_name", "last_name", "email", "employee_number", "job_title", "status"),
            *("worker_type", "start_date", "end_date", "manager_source_id", "location_name", "updated_at"),
            *("department_source_ids", "primary_department_source_id"),
        ),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/employees", People, paging=_PAGING):
            yield page.map(to_employee)

    @changes_since(Employee, lifetime=timedelta(days=30))
    async def changed_employees(self, token: str) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/employees/changes", People, paging=_PAGING, params={"since": token}):
            yield page.map(to_employee)

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        person = await self.api.find("/employees", source_id, Person)
        return None if person is None else Page.single([person]).map(to_employee)

    @discovers(
        Department,
        products={Product.SMP},
        resource="Departments",
        description="The organisational structure, to tell where in the organisation which software is used.",
        permission=_ALLOW,
        provides=("name", "parent_source_id"),
    )
    async def departments(self) -> AsyncIterator[Page[Department]]:
        async for page in self.api.pages("/departments", Units, paging=SinglePage()):
            yield page.map(to_department)

    @fetches(Department)
    async def department(self, source_id: str) -> Page[Department] | None:
        unit = await self.api.find("/departments", source_id, Unit)
        return None if unit is None else Page.single([unit]).map(to_department)
