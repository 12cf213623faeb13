"""The SCIM connector: reads pages of users, and of groups, from any server that speaks SCIM 2.0."""

from collections.abc import AsyncIterator
from functools import partial

from connector_core import Account, Connector, Department, Employee, Page, Product, discovers, fetches
from connectors.scim.credentials import ScimCredentials, ScimOptions
from connectors.scim.departments import to_departments
from connectors.scim.listings import pages_of
from connectors.scim.manifest import MANIFEST
from connectors.scim.mapping import to_employee
from connectors.scim.wire import Group, Sample, User

_GRANT = "the product's page for provisioning: let the token, user or client read users, and groups if they are used"
_PEOPLE = "A complete overview of all employees of the organisation, to enrich each discovered user."
_STRUCTURE = "The organisational structure, to tell where in the organisation which software is used."
_FIELDS = ("display_name", "email", "employee_number", "job_title", "status", "manager_source_id", "updated_at")
_reads = partial(discovers, products={Product.SMP}, resource="Users", permission=_GRANT)


class Scim(Connector[ScimCredentials, ScimOptions]):
    manifest = MANIFEST

    async def check(self) -> Account:
        """Read a user, which proves the right to. SCIM tells neither the tenant nor the owner of a token."""
        await self.api.get("/Users", Sample, params={"count": "1"})
        return Account(self.credentials.base_url, tenant=None, owner=" ".join(self.credentials.public().values()))

    @_reads(Employee, description=_PEOPLE, provides=_FIELDS, lists_inactive=True)
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        groups = await self._groups()
        async for page in pages_of(self, "/Users", User):
            yield page.map(to_employee, self.options.departments, groups)

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        found = await self.api.find("/Users", source_id, User)
        return found and Page.single([found]).map(to_employee, self.options.departments, await self._groups())

    @_reads(Department, description=_STRUCTURE, provides=("name",), derived=True)
    async def departments(self) -> AsyncIterator[Page[Department]]:
        """Read the names that users have, which have no listing of their own. Or read the groups."""
        if self.options.departments == "groups":
            async for groups in pages_of(self, "/Groups", Group):
                yield groups.map(Department.of)
        else:
            async for page in pages_of(self, "/Users", User):
                yield page.derive(to_departments, self.options.departments)

    async def _groups(self) -> dict[str, list[str]]:
        """Return the groups of each user, if they are the departments. Few servers list them with the users."""
        found: dict[str, list[str]] = {}
        if self.options.departments == "groups":
            async for page in pages_of(self, "/Groups", Group):
                for group, member in [(one, each) for one in page.rows for each in one.members or ()]:
                    found.setdefault(member.value or "", []).append(group.id)
        return found
