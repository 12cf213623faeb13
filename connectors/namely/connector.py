"""The Namely connector: reads pages of employees and departments."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from connector_core import (
    Account,
    Advice,
    Bearer,
    Call,
    Category,
    Connector,
    Context,
    Department,
    Employee,
    Entity,
    ForbiddenError,
    MalformedError,
    Manifest,
    NotFoundError,
    Page,
    PageNumber,
    Product,
    ProtocolError,
    RateLimit,
    RejectedCredentialsError,
    SinglePage,
    changes,
    discovers,
    fetches,
)
from connectors.namely.credentials import NamelyCredentials, NamelyOptions
from connectors.namely.groups import Structure, structure_of, to_department, types_named, types_that_are
from connectors.namely.mapping import to_employee
from connectors.namely.wire import CompanyInfo, Group, Groups, GroupType, GroupTypes, Owner, Profiles

_VISIBLE = "Namely > Company > Access Roles: let the role of the token's user view "
_GROUP_TYPES = Call("GET", "/group_types")


class Namely(Connector[NamelyCredentials, NamelyOptions]):
    manifest = Manifest(
        name="namely",
        title="Namely",
        description="Discovers an organisation's people, and the departments they belong to, from Namely's HRIS.",
        category=Category.HRIS,
        authentication="API",
        hosts=("*.namely.com",),
        base_url="https://{domain}/api/v1",
        auth=Bearer("personal_access_token"),
        limits=(RateLimit("/profiles", requests=100, per=60),),
        throttled_by=frozenset({406, 429}),
        rejected=Advice(
            "Invalid access token provided.",
            causes=(
                "the token was mistyped or has been revoked",
                "it is older than two years",
                "its user signs in through SSO or is no longer active",
            ),
            remedy="Create a new token as an active administrator without SSO, then connect again.",
        ),
        provider_setup=(
            "Sign in to Namely as a user who may see every profile and every department and does not use SSO.",
            "Open the menu under your name, then API, then Personal Access Tokens.",
            "Create a token with a name that says what it is for.",
            "Copy it now: Namely shows it only once. It works for two years, with the permissions of its user.",
        ),
        token_lifetime=timedelta(days=730),
        simulator="connectors.namely.simulator",
    )

    def __init__(self, context: Context[NamelyCredentials, NamelyOptions]) -> None:
        super().__init__(context)
        self._reading = asyncio.Lock()
        self._groups: tuple[Page[Group], ...] | None = None
        self._types: tuple[GroupType, ...] | None = None
        self._departments: frozenset[str] = frozenset()

    async def check(self) -> Account:
        """Return whose token this is. ``/companies/info`` needs none, so it tells a wrong domain from a wrong token."""
        company, me = await asyncio.gather(
            self.api.get("/companies/info", CompanyInfo, authenticated=False),
            self.api.get("/profiles/me", Owner),
            return_exceptions=True,
        )
        if isinstance(me, BaseException):
            raise self._explain(me, company)
        if not me.profiles:
            raise ProtocolError("Namely did not say whose token this is", call=Call("GET", "/profiles/me"))
        if not isinstance(company, CompanyInfo):
            # Only its name is missing then.
            self.log.warning("company_unnamed", error=getattr(company, "code", "bug"))
            company = CompanyInfo()
        domain = self.credentials.domain
        tenant = company.permalink or domain.partition(".")[0]
        return Account(name=company.name or domain, tenant=tenant, owner=me.profiles[0].id)

    def _explain(self, problem: BaseException, company: CompanyInfo | BaseException) -> BaseException:
        if _is_not_the_api(company) and _is_not_the_api(problem):
            return RejectedCredentialsError(
                f"No Namely company answers at {self.credentials.domain}.",
                hint="Check the domain: it is the first part of the address of your Namely.",
                field="domain",
            )
        if isinstance(problem, ForbiddenError):
            return RejectedCredentialsError(
                "Namely rejects every request of this token's user, who is probably inactive or deleted.",
                hint=self.manifest.rejected.remedy,
                field="personal_access_token",
            )
        by_sso = isinstance(company, CompanyInfo) and any(one.type == "saml" for one in company.authentications)
        if isinstance(problem, RejectedCredentialsError) and by_sso:
            problem.hint += " This company signs in through SSO (SAML)."
        return problem

    @discovers(
        Employee,
        products={Product.EAM, Product.SMP},
        resource="Profile",
        description="A complete overview of all employees of the organisation, to enrich each discovered user.",
        permission=_VISIBLE + "all profiles, active and inactive, with their job and groups",
        provides=(
            *("display_name", "first_name", "last_name", "email", "employee_number", "job_title", "status"),
            *("worker_type", "start_date", "end_date", "manager_source_id", "department_source_ids"),
            *("location_name", "country_code"),
        ),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        # By a date that never changes: an employee who is hired during the scan is appended at its end.
        async for page in self._profiles("created_at", appends=True):
            yield page

    @changes(Employee)
    async def employees_changed(self) -> AsyncIterator[Page[Employee]]:
        async for page in self._profiles("-updated_at", appends=False):
            yield page

    async def _profiles(self, sort: str, *, appends: bool) -> AsyncIterator[Page[Employee]]:
        paging = PageNumber(size=50, appends=appends)
        pages = self.api.pages("/profiles", Profiles, paging=paging, params={"sort": sort})
        # Without it the stored departments stay as they are.
        structure = await self.optional(self._structure(), "departments_unresolved")
        async for page in pages:
            yield page.map(to_employee, structure)

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        found = await self.api.find("/profiles", source_id, Profiles)
        if found is None:
            return None
        structure = await self.optional(self._structure(), "departments_unresolved")
        return Page.single(found.rows).map(to_employee, structure)

    @discovers(
        Department,
        products={Product.SMP},
        resource="Groups",
        description="The organisational structure, to tell where in the organisation which software is used.",
        permission=_VISIBLE + "the Department organisation units",
        provides=("name",),
    )
    async def departments(self) -> AsyncIterator[Page[Department]]:
        structure = await self._structure()
        for page in self._groups or ():
            yield page.map(to_department, structure)

    @fetches(Department)
    async def department(self, source_id: str) -> Page[Department] | None:
        found = await self.api.find("/groups", source_id, Groups)
        return None if found is None else Page.single(found.rows).map(to_department, await self._structure())

    def rule(self, kind: type[Entity]) -> str:
        return " ".join(sorted(self._departments)) if kind is Department else ""

    async def _structure(self) -> Structure:
        """Return the groups by their types, read once per run."""
        async with self._reading:
            if self._types is None or self._groups is None:
                # Both are asked for at once.
                listed_types = self.api.pages("/group_types", GroupTypes, paging=SinglePage())
                listed_groups = self.api.pages("/groups", Groups, paging=SinglePage())
                types = await _all_types(listed_types)
                # Both or neither is kept, so that the next caller meets the same error.
                self._departments = self._choose(types)
                self._groups = tuple([page async for page in listed_groups])
                self._types = types
            groups = tuple(row for page in self._groups for row in page.rows)
            return structure_of(groups, self._types, self._departments)

    def _choose(self, types: tuple[GroupType, ...]) -> frozenset[str]:
        named = self.options.department_group_types
        try:
            departments = types_named(named, types) if named else types_that_are("department", types)
        except KeyError as missing:
            raise ProtocolError(
                f"there is no type of group named {missing}",
                call=_GROUP_TYPES,
                hint="Fix department_group_types in plugins.toml. A check lists all types.",
                said=_titles(types),
            ) from None
        if not departments:
            raise ProtocolError(
                "no type of group is the department type",
                call=_GROUP_TYPES,
                hint="Name it in plugins.toml: [plugins.namely.options] department_group_types. A check lists all.",
                said=_titles(types),
            )
        return departments


def _is_not_the_api(found: object) -> bool:
    """Return True for a page in place of the API. JSON of another shape is the API's."""
    return isinstance(found, (ProtocolError, NotFoundError)) and not isinstance(found, MalformedError)


async def _all_types(listing: AsyncIterator[Page[GroupType]]) -> tuple[GroupType, ...]:
    pages = [page async for page in listing]
    rows = tuple(row for page in pages for row in page.rows)
    announced = next((page.announced for page in reversed(pages) if page.announced is not None), len(rows))
    # A type that did not come would turn its groups into something else.
    if len(rows) != announced or any(page.rejected for page in pages):
        raise ProtocolError(f"{len(rows)} of {announced} types of groups could be read", call=_GROUP_TYPES)
    return rows


def _titles(types: tuple[GroupType, ...]) -> str:
    return f"The types are {', '.join(one.title or one.id for one in types)}"
