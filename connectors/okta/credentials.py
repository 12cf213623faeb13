from typing import Annotated, Any

from pydantic import Field

from connector_core import BaseUrl, Credentials, Identifier, PrivateKey, SecretStr, TenantDomain

_OKTA = TenantDomain("okta.com", also=("okta-emea.com", "oktapreview.com"), without="-admin")


class OktaCredentials(Credentials):
    domain: Annotated[str, _OKTA] = Field(
        title="Domain",
        description="Your organisation's address at Okta, without -admin.",
        examples=["company.okta.com"],
    )
    client_id: Annotated[str, Identifier()] = Field(
        "",
        title="Client ID",
        description="From the API Services app: General.",
        examples=["0oa1gjh63g214q0Hq0g4"],
    )
    kid: str = Field("", title="Key ID")
    private_key: Annotated[SecretStr, PrivateKey()] | None = None
    api_token: SecretStr | None = None
