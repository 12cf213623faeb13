"""What an operator gives: credentials, and options in plugins.toml."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from connector_core import Credentials, Identifier, Options, SecretStr

CLOUDS = {
    "global": {"graph": "https://graph.microsoft.com", "login": "https://login.microsoftonline.com"},
    "us_government": {"graph": "https://graph.microsoft.us", "login": "https://login.microsoftonline.us"},
    "us_dod": {"graph": "https://dod-graph.microsoft.us", "login": "https://login.microsoftonline.us"},
    "china": {"graph": "https://microsoftgraph.chinacloudapi.cn", "login": "https://login.chinacloudapi.cn"},
    "france": {"graph": "https://graph.svc.sovcloud.fr", "login": "https://login.sovcloud-identity.fr"},
    "germany": {"graph": "https://graph.svc.sovcloud.de", "login": "https://login.sovcloud-identity.de"},
    "singapore": {"graph": "https://graph.svc.sovcloud.sg", "login": "https://login.sovcloud-identity.sg"},
}
"""The host of Microsoft Graph in each cloud, and the host of its sign-in."""
_EXAMPLES = ["8d6f3c1e-2b7a-4f0e-9c55-1a2b3c4d5e6f"]

# The tenant becomes a part of a path.
Id: TypeAlias = Annotated[str, Identifier(without="/?#%")]
Cloud: TypeAlias = Literal["global", "us_government", "us_dod", "china", "france", "germany", "singapore"]


class EntraCredentials(Credentials):
    tenant: Id = Field(title="Directory (tenant) ID", description="On your app's overview.", examples=_EXAMPLES)
    client_id: Id = Field(title="Application (client) ID", description="On the same page.", examples=_EXAMPLES)
    client_secret: SecretStr = Field(title="Client secret", description="Its value, not its ID. It is shown only once.")
    cloud: Cloud = Field("global", title="Cloud", description="GCC belongs to global, and GCC High is us_government.")

    def variables(self) -> dict[str, Any]:
        return super().variables() | CLOUDS[self.cloud]


class EntraOptions(Options):
    guests: bool = Field(default=True, description="Read guests of other organisations, too, as partners.")
    units: tuple[Literal["division", "cost_center"], ...] = Field((), description="Units besides departments.")
    leave_dates: bool = Field(default=False, description="Read leave dates. They take User-LifeCycleInfo.Read.All.")
    managers: bool = Field(default=True, description="Turn it off only where Graph refuses to expand managers.")
