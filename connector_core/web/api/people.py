"""People and departments: searched, by department, by manager, and counted over time.

Searches come in bodies, and so do the places at which they go on, since both hold names: no address does.
"""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from connector_core.directory import PersonRow, Slice
from connector_core.errors import SettingsError
from connector_core.sdk.entities import DepartmentKind, Status, WorkerType
from connector_core.web.api.entities import OfKind, kind_of
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import MOST, OfIntegration, Page, Shape, Shown, SourceId
from connector_core.web.errors import MissingError
from connector_core.web.site import Site

operations = Operations("People")

Place = Annotated[str, Field(min_length=1, max_length=2000, description="The `next` of the page before.")]
Rows = Annotated[int, Field(ge=1, le=MOST)]


class Named(Shape):
    """A person or a department; one that is not stored has its id for a name."""

    source_id: str
    name: str


class PersonShape(Shape):
    """A person, as lists show one."""

    source_id: str
    name: str
    email: str | None
    job_title: str | None
    status: Status
    worker_type: WorkerType
    departments: Annotated[list[Named], Field(description="The primary one first.")]
    manager: Named | None

    @classmethod
    def of(cls, one: PersonRow) -> "PersonShape":
        return cls(
            source_id=one.source_id,
            name=one.name,
            email=one.email,
            job_title=one.job_title,
            status=one.status,
            worker_type=one.worker_type,
            departments=[Named(source_id=source_id, name=name) for source_id, name in one.departments],
            manager=Named(source_id=one.manager[0], name=one.manager[1]) if one.manager else None,
        )


class People(Page[PersonShape]):
    """People, by name."""

    total: Annotated[int, Field(description="The length of the whole list.")]

    @classmethod
    def of(cls, found: Slice) -> "People":
        return cls(items=[PersonShape.of(one) for one in found.rows], total=found.total, next=found.next)


class Search(Shape):
    """The conditions that people have to meet: all of them."""

    search: Annotated[
        str, Field(max_length=200, description="Words that are in the name, e-mail, number or title.")
    ] = ""
    status: Status | None = None
    worker_type: WorkerType | None = None
    department: Annotated[SourceId | None, Field(description="Only those in this department.")] = None
    below: Annotated[bool, Field(description="Those in the departments below it, too.")] = False
    after: Place | None = None
    limit: Rows = 50


class Following(Shape):
    after: Place | None = None
    limit: Rows = 50


class OfPerson(OfIntegration):
    source_id: Annotated[SourceId, Field(description="The provider's id.")]


class PersonDetails(Shape):
    person: PersonShape
    managers: Annotated[list[PersonShape], Field(description="The manager, that one's manager, and so on.")]
    reports: Annotated[int, Field(description="How many people have this one as their manager.")]


class BranchShape(Shown):
    """A department in the tree."""

    source_id: str
    name: str
    kind: DepartmentKind
    people: int
    people_below: Annotated[int, Field(description="People in departments below it, and not in it as well.")]
    branches: Annotated[int, Field(description="The departments right below it.")]


class DepartmentsQuery(Shape):
    parent: Annotated[SourceId | None, Field(description="Those right below this one; without it, the top.")] = None


class Departments(Shape):
    """Departments, by name."""

    items: list[BranchShape]
    without: Annotated[int, Field(description="People who are in no department.")]


class HeadcountShape(Shown):
    """The rows of a kind after a plan was applied or put back."""

    at: datetime
    run_id: str
    stored: int
    active: int
    created: int
    updated: int
    removed: int
    losses: Annotated[int, Field(description="Those that were active and are no longer.")]


class HeadcountsQuery(Shape):
    since: AwareDatetime | None = None


class Headcounts(Shape):
    """Head-counts, the oldest first."""

    items: list[HeadcountShape]


@operations.add("POST", "/integrations/{name}/people/search", errors=(SettingsError,))
async def search_people(site: Site, path: OfIntegration, body: Search) -> People:
    """Find stored people, by name. It changes nothing: the conditions are a body since they may name a person."""
    directory = await site.host.directory(path.name)
    return People.of(directory.people(**body.model_dump()))


@operations.add("GET", "/integrations/{name}/people/{source_id}")
async def get_person(site: Site, path: OfPerson) -> PersonDetails:
    """Return one stored person, and the managers above."""
    directory = await site.host.directory(path.name)
    found = directory.person(path.source_id)
    if found is None:
        raise MissingError("No such person is stored.")
    return PersonDetails(
        person=PersonShape.of(found),
        managers=[PersonShape.of(one) for one in directory.chain(path.source_id)],
        reports=directory.reports(path.source_id, limit=1).total,
    )


@operations.add("POST", "/integrations/{name}/people/{source_id}/reports", errors=(SettingsError,))
async def list_reports(site: Site, path: OfPerson, body: Following) -> People:
    """List the people whose manager is this person, by name. It changes nothing."""
    directory = await site.host.directory(path.name)
    if directory.person(path.source_id) is None:
        raise MissingError("No such person is stored.")
    return People.of(directory.reports(path.source_id, after=body.after, limit=body.limit))


@operations.add("GET", "/integrations/{name}/departments")
async def list_departments(site: Site, path: OfIntegration, query: DepartmentsQuery) -> Departments:
    """List the departments right below one, with head-counts, or those at the top."""
    directory = await site.host.directory(path.name)
    if query.parent is not None and directory.department(query.parent) is None:
        raise MissingError("No such department is stored.")
    return Departments(
        items=[BranchShape.of(one) for one in directory.branches(query.parent)], without=directory.without_department
    )


@operations.add("GET", "/integrations/{name}/headcounts/{kind}")
async def list_headcounts(site: Site, path: OfKind, query: HeadcountsQuery) -> Headcounts:
    """List the number of stored rows of a kind after each change, the oldest first."""
    kind = await kind_of(site, path)
    found = await site.host.headcounts(path.name, kind.__name__, since=query.since)
    return Headcounts(items=[HeadcountShape.of(one) for one in found])
