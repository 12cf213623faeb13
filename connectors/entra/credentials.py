from typing import Annotated, Any, Literal

from pydantic import Field

from connector_core import Credentials, Identifier, SecretStr

CLOUDS = {
    "global": ("graph.microsoft.com", "login.microsoftonline.com"),
    "us_government": ("graph.microsoft.us", "login.microsoftonline.us"),
    "us_dod": ("dod-graph.microsoft.us", "login.microsoftonline.us"),
    "china": ("microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"),
    "france": ("graph.svc.sovcloud.fr", "login.sovcloud-identity.fr"),
    "germany": ("graph.svc.sovcloud.de", "login.sovcloud-identity.de"),
    "singapore": ("graph.svc.sovcloud.sg", "login.sovcloud-identity.sg"),
}
"""The host of Microsoft Graph in each cloud, and the host of its sign-in."""
_EXAMPLES = ["8d6f3c1e-2b7a-4f0e-9c55-1a2b3c4d5e6f"]
_TENANT = "On the overview of your app registration. Type the ID: a domain may move to another tenant."
_SECRET = "The value of the secret, not its ID. Shown only once, when the secret is created."  # noqa: S105 - help
_CLOUD = "The cloud that your tenant is in. GCC is part of global; GCC High is us_government."


class EntraCredentials(Credentials):
    # It becomes a part of a path.
    tenant: Annotated[str, Identifier(without="/?#%")] = Field(
        title="Directory (tenant) ID", description=_TENANT, examples=_EXAMPLES
    )
    client_id: Annotated[str, Identifier()] = Field(
        title="Application (client) ID", description="On the same page.", examples=_EXAMPLES
    )
    client_secret: SecretStr = Field(title="Client secret", description=_SECRET)
    cloud: Literal["global", "us_government", "us_dod", "china", "france", "germany", "singapore"] = Field(
        "global", title="Cloud", description=_CLOUD
    )

    def variables(self) -> dict[str, Any]:
        graph, login = CLOUDS[self.cloud]
        return {**super().variables(), "graph": f"https://{graph}", "login": f"https://{login}"}
