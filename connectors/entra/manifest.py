"""The declaration of the connector."""

from functools import partial

from connector_core import Advice, Category, ClientCredentials, Manifest, Product, RateLimit, discovers

_GRANT = "Entra admin center > App registrations > your app > API permissions: User.Read.All, with admin consent"

discovers_in_users = partial(discovers, products={Product.SMP}, resource="users", permission=_GRANT)
"""As ``discovers``, for a kind that is read from the list of users."""

MANIFEST = Manifest(
    name="entra",
    title="Microsoft Entra ID",
    description="Discovers an organisation's people, and the departments they belong to, from Microsoft Entra ID.",
    category=Category.SSO,
    authentication="API",
    # Those of the tenant's cloud: tokens do not cross from one to another.
    hosts=("{graph}", "{login}"),
    base_url="{graph}/v1.0",
    auth=ClientCredentials("{login}/{tenant}/oauth2/v2.0/token", scope="{graph}/.default"),
    # The smallest tenants have 3500 units in 10 seconds, and a page with managers costs two.
    limits=(RateLimit("/users", requests=1500, per=10),),
    throttled_by=frozenset({429, 503, 509}),
    rejected=Advice(
        "Microsoft Entra ID refuses this app.",
        causes=("its secret has expired, or the secret's ID was copied", "an ID was mistyped", "the cloud is another"),
        remedy="Check the IDs on the app's overview, create a new client secret, and connect again.",
    ),
    provider_setup=(
        "Open the Microsoft Entra admin center, App registrations, New registration. Copy both IDs from its overview.",
        "Open API permissions, then add Microsoft Graph, Application permissions, User.Read.All.",
        "Choose Grant admin consent, and do so again whenever you change the permissions.",
        "Open Certificates & secrets, then New client secret. Copy its value, and note the day on which it expires.",
    ),
    simulator="connectors.entra.simulator",
)
