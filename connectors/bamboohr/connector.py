"""The BambooHR connector: reads pages of employees and departments."""

import asyncio
from collections.abc import AsyncIterator

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
    IdsByName,
    Manifest,
    NotFoundError,
    Page,
    Product,
    ProtocolError,
    RejectedCredentialsError,
    Streamed,
    discovers,
    witnesses,
)
from connectors.bamboohr.credentials import BambooHRCredentials
from connectors.bamboohr.mapping import names_of, to_department, to_employee
from connectors.bamboohr.wire import Changes, MetaList, Option, Owner, Person, Report

_VISIBLE = "BambooHR > Settings > Access Levels: let the key's user view "


class BambooHR(Connector[BambooHRCredentials]):
    manifest = Manifest(
        name="bamboohr",
        title="BambooHR",
        description="Discovers an organisation's people, and the departments they belong to, from BambooHR.",
        category=Category.HRIS,
        authentication="API",
        hosts=("api.bamboohr.com",),
        base_url="https://api.bamboohr.com/api/gateway.php/{company}/v1",
        auth=Basic("api_key"),
        throttled_by=frozenset({429, 503}),
        reason_header="x-bamboohr-error-message",
        rejected=Advice(
            "BambooHR does not know this API key.",
            causes=("the key was mistyped or has been deleted", "its user is no longer active"),
            remedy="Create a new key as a user who may see every employee, then connect again.",
        ),
        provider_setup=(
            "Sign in to BambooHR as a user who may see every employee, including former ones.",
            "Open the menu under your name, then API Keys, then Add New Key.",
            "Give it a name that says what it is for, and generate it.",
            "Copy it now: BambooHR shows it only once. It has the permissions of its user.",
        ),
        simulator="connectors.bamboohr.simulator",
        exemptions={
            "declaration.witness": "BambooHR has no request for a single department. The list that lacks one is no "
            "witness of its own completeness, so a department is removed when a later scan lacks it, too."
        },
    )

    async def check(self) -> Account:
        """Return the account of the key's own user, who is ``/employees/0``."""
        company = self.credentials.company
        try:
            owner = await self.api.get("/employees/0", Owner)
        except NotFoundError:
            raise RejectedCredentialsError(
                f"No BambooHR company answers at {company}.bamboohr.com.",
                hint="Check the company: it is the first part of the address of your BambooHR.",
                field="company",
            ) from None
        return Account(name=f"{company}.bamboohr.com", tenant=company.lower(), owner=str(owner.id))

    @discovers(
        Employee,
        products={Product.SMP},
        resource="Employees",
        description="A complete overview of all employees of the organisation, to enrich each discovered user.",
        permission=_VISIBLE + "all employees, active and inactive, with their job and status",
        provides=(
            *("display_name", "first_name", "last_name", "email", "employee_number", "job_title", "status"),
            *("worker_type", "start_date", "end_date", "manager_source_id", "department_source_ids"),
            *("location_name", "updated_at"),
        ),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        pages = self.api.pages(
            "/reports/custom",
            Report,
            paging=Streamed(),
            # Former and future employees too.
            params={"format": "json", "onlyCurrent": "false"},
            body={"title": "Employees", "fields": Person.keys()[1:]},
        )
        # The report announces no total, so every employee in the history of changes must be in it.
        expected, departments = await asyncio.gather(
            self.optional(self._expected_ids(), "expected_ids_unavailable"),
            self.optional(self._names(), "departments_unresolved"),
        )
        async for page in pages:
            yield page.map(to_employee, departments).with_expected_ids(expected)

    @witnesses(Employee)
    async def has_employee(self, source_id: str) -> bool:
        return await self.api.exists("/employees", source_id, params={"onlyCurrent": "false"})

    @discovers(
        Department,
        products={Product.SMP},
        resource="Department list",
        description="The organisational structure, to tell where in the organisation which software is used.",
        permission=_VISIBLE + "the Department field",
        provides=("name", "active"),
        lists_inactive=True,
    )
    async def departments(self) -> AsyncIterator[Page[Department]]:
        yield Page.single(await self._options()).map(to_department)

    async def _options(self) -> tuple[Option, ...]:
        lists = await self.api.get("/meta/lists", list[MetaList])
        found = next((one for one in lists if one.alias == "department"), None)
        if found is None:
            raise ProtocolError("there is no list of departments", call=Call("GET", "/meta/lists"))
        return found.options

    async def _names(self) -> IdsByName:
        return names_of(await self._options())

    async def _expected_ids(self) -> ExpectedIds:
        """Return all who ever changed and were not deleted. A few who have not changed since 2011 may be missing."""
        changes = await self.api.get("/employees/changed", Changes, params={"since": "1970-01-01T00:00:00Z"})
        found = changes.employees.values() if isinstance(changes.employees, dict) else changes.employees
        return ExpectedIds(one.id for one in found if one.action != "Deleted")
