"""The Okta connector: reads pages of users, and of those who have left."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable
from typing import Literal

from pydantic import Field

from connector_core import (
    Account,
    Advice,
    Call,
    Category,
    ClientCredentials,
    ConcurrencyLimit,
    Connector,
    Department,
    Employee,
    ForbiddenError,
    Header,
    LinkHeader,
    Manifest,
    Options,
    Page,
    PlaceInListing,
    PrivateKeyJwt,
    Product,
    ProtocolError,
    RateHeaders,
    RateLimit,
    RejectedCredentialsError,
    Row,
    Status,
    discovers,
    fetches,
    witnesses,
)
from connectors.okta.credentials import OktaCredentials
from connectors.okta.mapping import Known, UnitKind, attributes_of, to_employee, to_units, unreadable_in
from connectors.okta.wire import Organisation, Profile, User, Users

_USERS = "/api/v1/users"
_NAMES = ("login", "email", "employeeNumber")
_UNIT_KEYS = {"department": "department", "division": "division", "cost_center": "costCenter"}
# Without it the responses hold the recovery question of each user.
_HEADERS = {"Content-Type": "application/json; okta-response=omitCredentials,omitCredentialsLinks"}
_GRANT = (
    "Okta > Applications > your API Services app: grant okta.users.read under Okta API Scopes, and assign Read-only "
    "Administrator, or a role with okta.users.read for all users, under Admin roles"
)


class OktaOptions(Options):
    units: tuple[UnitKind, ...] = Field(
        ("department",),
        description="Attributes of users that name units of the organisation: `department`, `division`, `cost_center`.",
    )
    suspended: Literal["inactive", "active"] = Field(
        "inactive",
        description="Status of users who are suspended, which may be used for a leave of absence.",
    )


class Okta(Connector[OktaCredentials, OktaOptions]):
    manifest = Manifest(
        name="okta",
        title="Okta",
        description="Discovers an organisation's people, and the departments they belong to, from Okta.",
        category=Category.SSO,
        authentication="API",
        hosts=("*.okta.com", "*.okta-emea.com", "*.oktapreview.com", "{custom_domain}"),
        base_url="{custom_domain}",
        auth=ClientCredentials(
            "/oauth2/v1/token", client=PrivateKeyJwt("private_key", key_id="kid"), scope="okta.users.read"
        ),
        auth_alternatives=(Header("Authorization", "api_token", prefix="SSWS "),),
        # One app gets half of what Okta accepts from all clients of an organisation.
        limits=(RateLimit(_USERS, requests=300, per=60), ConcurrencyLimit("", at_once=15)),
        rate_headers=RateHeaders("X-Rate-Limit-Reset", "X-Rate-Limit-Remaining", "X-Rate-Limit-Limit", "epoch"),
        rejected=Advice(
            "Okta does not accept these credentials.",
            causes=(
                "the client ID, the key ID, the private key or the token was mistyped",
                "the app was not granted okta.users.read",
                "Require DPoP header is on",
                "the API token was not used for 30 days, or the account that made it is gone",
            ),
            remedy="Fix it in the Okta Admin Console, then connect again.",
        ),
        provider_setup=(
            "In the Okta Admin Console, as a super administrator: Applications, Create App Integration, API Services.",
            "Under Client Credentials, choose Public key / Private key, add a key, and let Okta generate it.",
            "Copy the private key as PEM, which is shown only once; the key ID (KID); and the client ID.",
            "Clear Require Demonstrating Proof of Possession (DPoP) header in token requests.",
            "Under Okta API Scopes, grant okta.users.read, and nothing else.",
            "Under Admin roles, assign Read-only Administrator, or a role of your own with okta.users.read.",
            "The resource set of your own role must hold all users: of a smaller one, Okta would silently list fewer.",
            "Without an app: create an API token under Security, API, Tokens, as a service user with only that role.",
        ),
        simulator="connectors.okta.simulator",
    )

    _known: Known | None = None

    async def check(self) -> Account:
        """Request one user: a token is issued to an app that has no role, too."""
        try:
            users = await self.api.get(_USERS, list[Row], params={"limit": "1", "fields": "id"}, headers=_HEADERS)
        except ForbiddenError:
            raise RejectedCredentialsError("Okta lets these credentials read no users.", hint=f"{_GRANT}.") from None
        if not users:
            raise RejectedCredentialsError("Okta shows these credentials no users.", hint=f"{_GRANT}.")
        own = self.credentials
        if own.client_id:
            return Account(own.domain, tenant=None, owner=own.client_id)
        # An app would need one more scope.
        found = await self.optional(self.api.get("/api/v1/org", Organisation), "organisation_unknown")
        found = found or Organisation()
        return Account(found.company_name or own.domain, tenant=found.id or None)

    @discovers(
        Employee,
        products={Product.SMP},
        resource="Users",
        description="A complete overview of all employees of the organisation, to enrich each discovered user.",
        permission=_GRANT,
        provides=(
            *("display_name", "first_name", "last_name", "email", "employee_number", "job_title", "status"),
            *("worker_type", "manager_source_id", "department_source_ids", "updated_at"),
        ),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        """Read all users twice, first what may name a manager. Okta announces no total: those ids must come again."""
        known = Known()
        async for page in self._users(_NAMES):
            known.add(page)
            # A check takes the first page only, and the names of a large company take minutes.
            yield Page((), (), place=PlaceInListing(beginning=page.place.beginning))
        self._known = known
        async for page in self._users(Profile.keys()):
            yield self._employees(page, attributes_of(page), known).with_expected_ids(known.ids)

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        found = await self.api.find(_USERS, source_id, User, headers=_HEADERS)
        if found is None:
            return None
        if self._known is None:
            self._known = Known()
            async for page in self._users(_NAMES):
                self._known.add(page)
        return self._employees(Page.single((found,)), Profile.__struct_fields__, self._known)

    @witnesses(Employee)
    async def has_employee(self, source_id: str) -> bool:
        return await self.api.exists(_USERS, source_id, headers=_HEADERS)

    @discovers(
        Department,
        products={Product.SMP},
        resource="Users",
        description="The organisational structure, to tell where in the organisation which software is used.",
        permission=_GRANT,
        provides=("name",),
        derived=True,
    )
    async def departments(self) -> AsyncIterator[Page[Department]]:
        units, came = self.options.units, set[str]()
        async for page in self._users(["login", *(_UNIT_KEYS[one] for one in units)]):
            came |= attributes_of(page)
            yield page.derive(to_units, units, unreadable_in(page))
        if missing := [one for one in units if one not in came]:
            raise ProtocolError(
                f"no user came with a {missing[0]}",
                call=Call("GET", _USERS),
                hint="If Okta has none, leave it out of the option units; else let the role see it.",
            )

    async def _users(self, attributes: Iterable[str]) -> AsyncGenerator[Page[User], None]:
        """Read all users, with these attributes: by default Okta leaves out those who were deactivated.

        They come last: one who is deactivated meanwhile comes twice then, and not never.
        """
        params = {"limit": "200", "fields": f"id,status,lastUpdated,profile:({','.join(attributes)})"}
        for chain in ({}, {"filter": 'status eq "DEPROVISIONED"'}):
            pages = self.api.pages(_USERS, Users, paging=LinkHeader(), params=params | chain, headers=_HEADERS)
            async for page in pages:
                yield page

    def _employees(self, page: Page[User], nulls: Collection[str], known: Known) -> Page[Employee]:
        return page.map(to_employee, nulls, known, self.options.units, Status(self.options.suspended))
