"""Names that the worked lines of docstrings and how-tos use: the connector of an invented provider."""

from collections.abc import AsyncIterator, Mapping

from aiohttp import web
from pydantic import Field
from structlog.typing import FilteringBoundLogger

from connector_core import (
    UNSET,
    Account,
    Api,
    ArrayListing,
    Bearer,
    Category,
    Certificate,
    Change,
    Connector,
    ConnectorCoreError,
    Credentials,
    Department,
    Employee,
    Entity,
    IdsByName,
    Listing,
    Manifest,
    Maybe,
    Page,
    PageNumber,
    Product,
    Report,
    Row,
    SecretStr,
    Wire,
    discovers,
    field,
)
from connector_core.testing import Answer, Served, Simulator, StaffSimulator, json_answer
from connector_core.testing import Person as SimulatedPerson

MANIFEST = Manifest(
    name="acme",
    title="Acme HR",
    description="Discovers the people of an organisation.",
    category=Category.HRIS,
    authentication="API",
    hosts=("api.acme.example", "login.acme.example"),
    base_url="https://api.acme.example/v1",
    auth=Bearer("api_key"),
)


class AcmeCredentials(Credentials):
    api_key: SecretStr = Field(title="API key", description="From Settings > API.")


class Owner(Wire):
    id: str
    company: str
    company_id: str


class Person(Row):
    name: Maybe[str] = UNSET
    title: Maybe[str] = UNSET
    state: Maybe[str] = UNSET
    department: Maybe[str] = UNSET
    manager: Maybe[str] = UNSET
    created_at: Maybe[str] = UNSET
    deleted: Maybe[bool] = UNSET


class People(Listing[Person]):
    rows: list[Person] = field(name="people")


class Users(ArrayListing[Person]): ...


class Unit(Row):
    name: str


class Departments(Listing[Unit]): ...


class Letter(Wire):
    people: list[Person]
    next: str | None = None


class Count(Wire):
    count: int


class PageInfo(Wire):
    more: bool = field(name="hasNextPage")
    cursor: Maybe[str] = field(name="endCursor", default=UNSET)

    @property
    def next_cursor(self) -> str | None:
        return self.cursor or None if self.more else None


class Job(Wire):
    title: Maybe[str] = UNSET


def to_employee(person: Person) -> Employee:
    return Employee.of(person, display_name=person.name, job_title=person.title, manager_source_id=person.manager)


def with_job(person: Person, jobs: Mapping[str, Job]) -> Employee:
    return Employee.of(person, display_name=person.name, job_title=jobs[person.id].title)


def to_departments(person: Person) -> list[Department]:
    return [Department(source_id=person.department, name=person.department)] if person.department else []


class Acme(Connector[AcmeCredentials]):
    manifest = MANIFEST

    async def check(self) -> Account:
        owner = await self.api.get("/me", Owner)
        return Account(name=owner.company, tenant=owner.company_id, owner=owner.id)

    @discovers(Employee, products={Product.SMP}, resource="People", description="All people.")
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/people", People, paging=PageNumber(size=50)):
            yield page.map(to_employee)


class AcmeSimulator(StaffSimulator):
    host = "api.acme.example"
    credentials: Mapping[str, str] = {"api_key": "simulated-key"}

    def ids(self, kind: type[Entity]) -> set[str]:
        return {str(one.number) for one in self.people} if kind is Employee else set()

    def answer(self, request: web.Request) -> Answer:  # noqa: ARG002 - named by the base
        return json_answer({"people": [{"id": str(one.number)} for one in self.people]})


acme: Acme
api: Api
certificate: Certificate
change: Change
credentials: AcmeCredentials
departments: IdsByName
error: ConnectorCoreError
log: FilteringBoundLogger
one: SimulatedPerson
page: Page[Person]
person: Person
report: Report
served: Served
simulator: Simulator
