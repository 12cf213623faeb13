"""A small connector that keeps every rule. Each planted connector differs from it by one mistake."""

from collections.abc import AsyncIterator
from typing import Annotated

from pydantic import Field

from connector_core import (
    UNSET,
    Account,
    Advice,
    Bearer,
    Category,
    Connector,
    Credentials,
    Employee,
    Listing,
    Manifest,
    Maybe,
    Page,
    PageNumber,
    Product,
    RateLimit,
    Row,
    SecretStr,
    Status,
    TenantDomain,
    Wire,
    discovers,
    fetches,
    field,
)


class ExampleCredentials(Credentials):
    domain: Annotated[str, TenantDomain("hr.example")] = Field(title="Domain", description="Your company's address.")
    api_key: SecretStr = Field(title="API key", description="From Settings > API.")


class Person(Row):
    name: Maybe[str] = UNSET
    active: Maybe[bool] = UNSET
    email: Maybe[str] = UNSET
    title: Maybe[str] = UNSET
    manager: Maybe[str] = UNSET
    created: Maybe[str] = UNSET


class People(Listing[Person]):
    rows: list[Person] = field(name="people")
    total: int

    @property
    def announced(self) -> int:
        return self.total

    def created(self, row: Person) -> Maybe[str]:
        return row.created


class Owner(Wire):
    id: str
    company: str


class Example(Connector[ExampleCredentials]):
    manifest = Manifest(
        name="example",
        title="Example HR",
        description="Discovers the people of an organisation.",
        category=Category.HRIS,
        authentication="API",
        hosts=("*.hr.example",),
        base_url="https://{domain}/v1",
        auth=Bearer("api_key"),
        limits=(RateLimit("/people", requests=10, per=5),),
        rejected=Advice("The API key is not known.", ("it was mistyped",), "Copy it again, and connect again."),
        provider_setup=("Open Settings, then API, and create a key.",),
        simulator="planted.simulator",
    )

    async def check(self) -> Account:
        owner = await self.api.get("/me", Owner)
        return Account(name=owner.company, tenant=owner.company, owner=owner.id)

    @discovers(
        Employee,
        products={Product.SMP},
        resource="People",
        description="All people.",
        permission="Settings > API: allow people",
        provides=("display_name", "email", "job_title", "status", "manager_source_id"),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages("/people", People, paging=PageNumber(size=25, appends=True)):
            yield page.map(to_employee)

    @fetches(Employee)
    async def person(self, source_id: str) -> Page[Employee] | None:
        person = await self.api.find("/people", source_id, Person)
        return None if person is None else Page.single((person,)).map(to_employee)


def to_employee(person: Person) -> Employee:
    return Employee.of(
        person,
        display_name=person.name,
        job_title=person.title,
        manager_source_id=person.manager,
        status=status_of(person),
    )


def status_of(person: Person) -> Maybe[Status]:
    """Return the status, which is unset where the row does not tell."""
    return Status.ACTIVE if person.active else Status.INACTIVE if person.active is False else UNSET
