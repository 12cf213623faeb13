"""Whole runs against servers that others wrote: every person and department, and what changes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connector_core import Department, DepartmentKind, Employee, RejectedCredentialsError, Report, Status, WorkerType
from connector_core.host import Host
from connector_core.settings import HostSettings, PluginSettings, Settings
from connector_core.testing import Organisation, Person
from connectors.scim.wire import ENTERPRISE
from scim_servers import Directory, scim2_server, scimmy

CORE = "urn:ietf:params:scim:schemas:core:2.0:"
PEOPLE = 230
"""Three pages of a hundred."""
SERVERS = ("scim2-server by index", "scim2-server by cursor", "scimmy-routers")

pytestmark = pytest.mark.timeout(300)


@dataclass
class Company:
    """A directory, and the people that it was filled with."""

    directory: Directory
    people: dict[int, Person] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)

    async def fill(self, count: int) -> None:
        # Managers come first, so that their ids are known.
        for one in Organisation(count, 5).people:
            self.people[one.number] = one
            self.ids[one.number] = await self.directory.create("Users", **user(one, self.ids))

    def expected(self) -> dict[str, dict[str, Any]]:
        """Return what is to be stored of everyone."""
        return {self.ids[number]: described(one, self.ids) for number, one in self.people.items()}


def user(one: Person, ids: Mapping[int, str]) -> dict[str, Any]:
    """Return a person as a server is given them. Some lack a value."""
    extension = {"employeeNumber": str(one.number), "division": "North", "costCenter": f"CC {one.number % 3}"}
    if one.number % 11:
        extension["department"] = one.department
    manager = {"manager": {"value": ids[one.manager]}} if one.manager else {}
    found = {
        "schemas": [f"{CORE}User", ENTERPRISE],
        "userName": one.email,
        "name": {"givenName": one.first, "familyName": one.last},
        "title": one.title,
        "userType": "Contractor" if one.contractor else "Employee",
        "emails": [{"value": f"{one.private(1)}@home.example", "type": "home"}, {"value": one.email, "type": "work"}],
        ENTERPRISE: {**extension, **manager},
    }
    shown = {"displayName": f"{one.first} M. {one.last}"} if one.number % 3 else {}
    return {**found, **shown, **({"active": one.active} if one.number % 7 else {})}


def described(one: Person, ids: Mapping[int, str]) -> dict[str, Any]:
    active = Status.ACTIVE if one.active else Status.INACTIVE
    department = f"department:{one.department.lower()}" if one.number % 11 else None
    return {
        "display_name": f"{one.first} M. {one.last}" if one.number % 3 else f"{one.first} {one.last}",
        "first_name": one.first,
        "last_name": one.last,
        "email": one.email,
        "employee_number": str(one.number),
        "job_title": one.title.strip(),
        "status": active if one.number % 7 else Status.UNKNOWN,
        "worker_type": WorkerType.CONTRACTOR if one.contractor else WorkerType.EMPLOYEE,
        "manager_source_id": ids[one.manager] if one.manager else None,
        "department_source_ids": (department,) if department else (),
        "primary_department_source_id": department,
    }


@asynccontextmanager
async def reached(directory: Directory, folder: Path, **options: str) -> AsyncIterator[Host]:
    """Open a host that reaches a server."""
    settings = Settings(
        host=HostSettings(store=folder / "people.sqlite", resolve=directory.served.resolve),
        plugins={"scim": PluginSettings(options=options)},
    )
    async with Host(settings) as host:
        yield host


async def stored(host: Host, company: Company) -> dict[str, dict[str, Any]]:
    """Return of every stored person the fields that are compared."""
    names = next(iter(company.expected().values()))
    return {
        one.source_id: {name: getattr(one, name) for name in names} async for one in host.entities("acme", Employee)
    }


async def departments(host: Host) -> dict[str, tuple[str, DepartmentKind, bool]]:
    return {one.source_id: (one.name, one.kind, one.id_is_synthetic) async for one in host.entities("acme", Department)}


def named(company: Company) -> dict[str, tuple[str, DepartmentKind, bool]]:
    names = {one.department for one in company.people.values() if one.number % 11}
    return {f"department:{one.lower()}": (one, DepartmentKind.DEPARTMENT, True) for one in names}


def changes(report: Report) -> list[tuple[int, int, int]]:
    return [(one.plan.creates, one.plan.updates, one.plan.removes) for one in report.kinds]


@pytest.fixture(params=SERVERS)
async def directory(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Directory]:
    name: str = request.param
    server: AbstractAsyncContextManager[Directory]
    if name == "scimmy-routers":
        server = scimmy(request.config.cache.mkdir("scimmy-routers"))
    else:
        server = scim2_server(tmp_path, cursors=name.endswith("cursor"))
    async with server as started:
        monkeypatch.setenv("SSL_CERT_FILE", str(started.served.ca_file))
        yield started


async def test_every_person_and_department_is_stored_and_followed(directory: Directory, tmp_path: Path) -> None:
    company = Company(directory)
    await company.fill(PEOPLE)
    async with reached(directory, tmp_path) as host:
        await host.connect("scim", "acme", directory.credentials)
        first = await host.run("acme")
        assert [one.certificate.complete for one in first.kinds] == [True, True]
        assert first.kinds[0].certificate.pages >= 3
        assert await stored(host, company) == company.expected()
        assert await departments(host) == named(company)
        # Nothing has happened since.
        assert changes(await host.run("acme")) == [(0, 0, 0), (0, 0, 0)]
        await _let_time_pass(company)
        second = await host.run("acme")
        assert [one.certificate.complete for one in second.kinds] == [True, True]
        found = await stored(host, company)
        moved = company.ids[13]
        assert found.pop(moved)["manager_source_id"] is None
        wanted = company.expected()
        del wanted[moved]
        assert found == wanted
        # One is created for the new name. The provider denies the person, so they are removed by one scan.
        assert [(creates, removes) for creates, _, removes in changes(second)] == [(0, 1), (1, 0)]
        assert "department:chess" in await departments(host)


async def _let_time_pass(company: Company) -> None:
    """Delete one, let one leave, and give another a title, a department and no manager."""
    from dataclasses import replace  # Beside its only use.

    directory, ids, people = company.directory, company.ids, company.people
    await directory.delete(ids[50])
    await directory.change(ids[51], {"op": "replace", "path": "active", "value": False})
    await directory.change(
        ids[13],
        {"op": "replace", "path": "title", "value": "Chief"},
        {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "Chess"},
        {"op": "remove", "path": f"{ENTERPRISE}:manager"},
    )
    del people[50]
    people[51] = replace(people[51], end=people[51].start)
    people[13] = replace(people[13], title="Chief", department="Chess")


async def test_groups_are_departments_where_the_option_says_so(directory: Directory, tmp_path: Path) -> None:
    company = Company(directory)
    await company.fill(4)
    schemas = [f"{CORE}Group"]
    both = await directory.create(
        "Groups", schemas=schemas, displayName="All", members=[{"value": company.ids[one]} for one in (1, 2)]
    )
    one = await directory.create("Groups", schemas=schemas, displayName="Few", members=[{"value": company.ids[1]}])
    async with reached(directory, tmp_path, departments="groups") as host:
        await host.connect("scim", "acme", directory.credentials)
        report = await host.run("acme")
        assert [kind.certificate.complete for kind in report.kinds] == [True, True]
        people = {one.source_id: one async for one in host.entities("acme", Employee)}
        assert await departments(host) == {
            both: ("All", DepartmentKind.DEPARTMENT, False),
            one: ("Few", DepartmentKind.DEPARTMENT, False),
        }
    found = {number: people[company.ids[number]] for number in (1, 2, 3)}
    assert set(found[1].department_source_ids) == {both, one}
    assert [each.primary_department_source_id for each in found.values()] == [None, both, None]


async def test_a_wrong_token_is_told_as_such(directory: Directory, tmp_path: Path) -> None:
    async with reached(directory, tmp_path) as host:
        with pytest.raises(RejectedCredentialsError, match="refuses these credentials"):
            await host.connect("scim", "acme", {**directory.credentials, "token": "another"})
