"""The BambooHR connector: reads pages of employees and departments."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connector_core import (
    UNSET,
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
    IdsByName,
    Listing,
    Manifest,
    NotFoundError,
    Page,
    Product,
    ProtocolError,
    RejectedCredentialsError,
    Streamed,
    Wire,
    day,
    discovers,
    fetches,
    text,
    witnesses,
)
from connectors.bamboohr.credentials import BambooHRCredentials
from connectors.bamboohr.mapping import Ends, names_of, to_department, to_employee
from connectors.bamboohr.wire import Changes, Company, Ending, Endings, MetaList, Option, Owner, Person, Report

_VISIBLE = "BambooHR > Settings > Access Levels: let the key's user view "
_FORBIDDEN = Advice(
    "BambooHR forbids every request of this key.",
    causes=("the key's user is disabled", "its access level lacks the right to view employees and their fields"),
    remedy="Enable the user, or extend the access level in BambooHR > Settings > Access Levels. Then connect again.",
)


class BambooHR(Connector[BambooHRCredentials]):
    manifest = Manifest(
        name="bamboohr",
        title="BambooHR",
        description="Discovers an organisation's people, and the departments they belong to, from BambooHR.",
        category=Category.HRIS,
        authentication="API",
        hosts=("*.bamboohr.com",),
        base_url="https://{company}.bamboohr.com/api/v1",
        # No longer documented, and still in use.
        addresses={"gateway": "https://api.bamboohr.com/api/gateway.php/{company}/v1"},
        auth=Basic("api_key"),
        throttled_by=frozenset({429, 503}),
        reason_header="x-bamboohr-error-message",
        rejected=Advice(
            "BambooHR does not know this API key.",
            causes=("the key was mistyped or has been deleted", "its user is disabled"),
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
        """Return the company's account, with the key's own employee as its owner."""
        company = self.credentials.company
        name = await self._company_name() or f"{company}.bamboohr.com"
        return Account(name, tenant=company.lower(), owner=await self._owner())

    async def _company_name(self) -> str | None:
        """Return the company's name; None if the key may not know it, but another right of it proves the key."""
        try:
            return (await self.api.get("/company_information", Company)).display_name or None
        except (ForbiddenError, NotFoundError) as error:
            self.log.info("company_unnamed", error=error.code)
        try:
            # Nothing of it is read: that it comes is enough.
            await self.api.get("/meta/lists", list[Wire])
        except NotFoundError:
            raise RejectedCredentialsError(
                f"No BambooHR company answers at {self.credentials.company}.bamboohr.com.",
                hint="Check the company: it is the first part of the address of your BambooHR.",
                field="company",
            ) from None
        except ForbiddenError:
            raise RejectedCredentialsError(_FORBIDDEN.message, hint=_FORBIDDEN.hint, field="api_key") from None
        return None

    async def _owner(self) -> str:
        """Return the id of the key's own employee, or 0 for a key whose user has no employee record."""
        try:
            owner = text((await self.api.get("/employees/0", Owner)).id)
        except (NotFoundError, ForbiddenError) as error:
            self.log.info("owner_unknown", error=error.code)
            return "0"
        return owner or "0"

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
        today = _today()
        pages = self._report(Report, Person.keys()[1:], only_current=True)
        # The report announces no total, so every employee in the history of changes must be in it.
        expected, departments, ends = await asyncio.gather(
            self.optional(self._expected_ids(), "expected_ids_unavailable"),
            self.optional(self._names(), "departments_unresolved"),
            self.optional(self._ends(today), "end_dates_unavailable"),
        )
        async for page in pages:
            yield page.map(to_employee, departments, ends, today).with_expected_ids(expected)

    def _report(
        self, listing: type[Listing[Any]], fields: Sequence[str], *, only_current: bool
    ) -> AsyncIterator[Page[Any]]:
        """Return the pages of a report. It has all employees, with today's values or with those that are to come."""
        return self.api.pages(
            "/reports/custom",
            listing,
            paging=Streamed(),
            params={"format": "json", "onlyCurrent": "true" if only_current else "false"},
            body={"title": "Employees", "fields": fields},
        )

    async def _ends(self, today: date) -> Ends:
        """Return who is known to leave after today, which no report with today's values tells."""
        listed, ahead = ExpectedIds(), dict[str, date]()
        async for page in self._report(Endings, Ending.keys()[1:], only_current=False):
            _note_ends(page.rows, today, listed, ahead)
        return Ends(listed, ahead)

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        today, params = _today(), {"fields": ",".join(Person.keys()[1:]), "onlyCurrent": "true"}
        person = await self.api.find("/employees", source_id, Person, params=params)
        if person is None:
            return None
        departments, ends = await asyncio.gather(
            self.optional(self._names(), "departments_unresolved"),
            self.optional(self._end_of(source_id, today), "end_dates_unavailable"),
        )
        return Page.single((person,)).map(to_employee, departments, ends, today)

    async def _end_of(self, source_id: str, today: date) -> Ends:
        params = {"fields": ",".join(Ending.keys()[1:]), "onlyCurrent": "false"}
        found = await self.api.find("/employees", source_id, Ending, params=params)
        listed, ahead = ExpectedIds(), dict[str, date]()
        _note_ends((found,) if found else (), today, listed, ahead)
        return Ends(listed, ahead)

    @witnesses(Employee)
    async def has_employee(self, source_id: str) -> bool:
        # Of the values nothing is read, and a future employee must not seem to be gone.
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
        return found.options or ()

    async def _names(self) -> IdsByName:
        return names_of(await self._options())

    async def _expected_ids(self) -> ExpectedIds:
        """Return all who ever changed and were not deleted. A few who have not changed since 2011 may be missing."""
        changes = await self.api.get("/employees/changed", Changes, params={"since": "1970-01-01T00:00:00Z"})
        found = changes.employees if isinstance(changes.employees, dict) else {}
        return ExpectedIds(one for one, change in found.items() if change.action != "Deleted")


def _note_ends(rows: Iterable[Ending], today: date, listed: ExpectedIds, ahead: dict[str, date]) -> None:
    for row in rows:
        end = day(row.termination_date)
        if end is not UNSET:
            listed.add((row.id,))
        if isinstance(end, date) and end > today:
            ahead[row.id] = end


def _today() -> date:
    """Return the day that has begun in every time zone: the company's own is not known."""
    return (datetime.now(UTC) - timedelta(hours=12)).date()
