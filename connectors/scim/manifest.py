"""The manifest of the SCIM connector."""

from connector_core import Advice, Basic, Bearer, Category, ClientCredentials, Manifest

MANIFEST = Manifest(
    name="scim",
    title="SCIM",
    description="Discovers an organisation's people, and the departments they belong to, from any SCIM 2.0 server.",
    category=Category.SSO,
    authentication="API",
    hosts=("{base_url}", "{sign_in_url}"),
    base_url="{base_url}",
    auth=Bearer("token"),
    auth_alternatives=(Basic("user", "password"), ClientCredentials("{sign_in_url}", scope="{scope}")),
    rejected=Advice("The SCIM server refuses these credentials.", remedy="Create new ones there, and connect again."),
    provider_setup=(
        "Open the product's page for provisioning by SCIM 2.0, and copy the base URL, such as https://…/scim/v2.",
        "Create a token there, a user with a password, or an OAuth client. Let it read users, and groups if needed.",
    ),
    simulator="connectors.scim.simulator",
)
