"""The Okta connector: reads pages of users, and of those who have left."""

from collections.abc import AsyncGenerator, AsyncIterator

from connector_core import (
    Account,
    Advice,
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
    Page,
    PrivateKeyJwt,
    Product,
    RateHeaders,
    RateLimit,
    References,
    RejectedCredentialsError,
    discovers,
    fetches,
)
from connectors.okta.credentials import OktaCredentials
from connectors.okta.mapping import OktaOptions, names_of, to_employee, to_units
from connectors.okta.wire import Profile, User, Users

_USERS = "/api/v1/users"
_NAMES = ("login", "email", "employeeNumber")
# Without it the responses hold the recovery question of each user.
_HEADERS = {"Content-Type": "application/json; okta-response=omitCredentials,omitCredentialsLinks"}
_GRANT = "Okta > Applications > your app: grant okta.users.read, and assign the admin role Read-only Administrator"


class Okta(Connector[OktaCredentials, OktaOptions]):
    manifest = Manifest(
        name="okta",
        title="Okta",
        description="Discovers an organisation's people, and the departments they belong to, from Okta.",
        category=Category.SSO,
        authentication="API",
        hosts=("*.okta.com", "*.okta-emea.com", "*.oktapreview.com", "{custom_domain}"),
        base_url="{custom_domain}",
        auth=ClientCredentials("/oauth2/v1/token", client=PrivateKeyJwt(key_id="kid"), scope="okta.users.read"),
        auth_alternatives=(Header("Authorization", "api_token", prefix="SSWS "),),
        # One app gets half of what Okta accepts from all clients of an organisation.
        limits=(RateLimit(_USERS, requests=300, per=60), ConcurrencyLimit("", at_once=15)),
        rate_headers=RateHeaders("X-Rate-Limit-Reset", "X-Rate-Limit-Remaining", "X-Rate-Limit-Limit", "epoch"),
        rejected=Advice(
            "Okta does not accept these credentials.",
            causes=("a value was mistyped", "okta.users.read is not granted", "DPoP is on", "the token has expired"),
            remedy="Fix it in the Okta Admin Console, then connect again.",
        ),
        provider_setup=(
            "In the Okta Admin Console, as a super administrator: Applications, Create App Integration, API Services.",
            "Under Client Credentials, choose Public key / Private key, add a key, and let Okta generate it.",
            "Copy the private key as PEM, which is shown only once; the key ID (KID); and the client ID.",
            "Clear Require Demonstrating Proof of Possession (DPoP) header in token requests.",
            "Under Okta API Scopes, grant okta.users.read, and nothing else.",
            "Under Admin roles, assign Read-only Administrator. Any other role needs okta.users.read for all.",
        ),
        simulator="connectors.okta.simulator",
    )

    _known: References | None = None

    async def check(self) -> Account:
        """Request one user: a token is issued to an app that has no role, too."""
        params = {"limit": "1", "fields": "id,profile:(login)"}
        try:
            users = await self.api.get(_USERS, list[User], params=params, headers=_HEADERS)
        except ForbiddenError:
            users = []
        if not users:
            raise RejectedCredentialsError("Okta shows these credentials no users.", hint=f"{_GRANT}.")
        # The organisation's id would need one more scope.
        return Account(self.credentials.domain, tenant=None, owner=self.credentials.client_id or "")

    @discovers(
        Employee,
        products={Product.SMP},
        resource="Users",
        description="A complete overview of all employees of the organisation, to enrich each discovered user.",
        permission=_GRANT,
        provides=("display_name", "first_name", "last_name", "email", "status", "department_source_ids", "updated_at"),
        lists_inactive=True,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        """Read all users twice, first what may name a manager. Okta announces no total: those ids must come again."""
        known = References()
        async for page in self._users(*_NAMES):
            known.update(map(names_of, page.rows))
            yield page.without_rows()
        self._known, expected = known, known.expected_ids()
        async for page in self._users(*Profile.keys()):
            yield page.with_nulls().map(to_employee, known, self.options).with_expected_ids(expected)

    @fetches(Employee)
    async def employee(self, source_id: str) -> Page[Employee] | None:
        found = await self.api.find(_USERS, source_id, User, headers=_HEADERS)
        if found is None or found.id != source_id:
            return None
        if self._known is None:
            self._known = References([names_of(one) async for page in self._users(*_NAMES) for one in page.rows])
        return Page.single((found,)).with_nulls(always=True).map(to_employee, self._known, self.options)

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
        async for page in self._users("login", "department", "division", "costCenter"):
            yield page.derive(to_units, self.options, *page.unreadable)

    async def _users(self, *attributes: str) -> AsyncGenerator[Page[User], None]:
        """Read all users, with these attributes. By default Okta leaves out those who were deactivated.

        These come last: one who is deactivated meanwhile comes twice then, and not never.
        """
        params = {"limit": "200", "fields": f"id,status,lastUpdated,profile:({','.join(attributes)})"}
        for more in ({}, {"filter": 'status eq "DEPROVISIONED"'}):
            pages = self.api.pages(_USERS, Users, paging=LinkHeader(), params=params | more, headers=_HEADERS)
            async for page in pages:
                yield page
