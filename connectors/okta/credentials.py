from typing import Annotated, Any

from pydantic import Field

from connector_core import BaseUrl, Credentials, Identifier, PrivateKey, SecretStr, TenantDomain

_OKTA = TenantDomain("okta.com", also=("okta-emea.com", "oktapreview.com"), without="-admin")


class OktaCredentials(Credentials):
    domain: Annotated[str, _OKTA] = Field(
        title="Domain", description="Your organisation's domain at Okta, without -admin.", examples=["company.okta.com"]
    )
    client_id: Annotated[str, Identifier()] | None = Field(
        None, title="Client ID", description="From your API Services app: General.", examples=["0oa1gjh63g214q0Hq0g4"]
    )
    kid: Annotated[str, Identifier()] | None = Field(
        None, title="Key ID (KID)", description="Beside the app's public key.", examples=["SIMsZ1m3fQ7r0kYbV4tT"]
    )
    private_key: Annotated[SecretStr, PrivateKey()] | None = Field(
        None, title="Private key", description="The app's RSA key in PEM. Okta shows it only when it generates it."
    )
    api_token: SecretStr | None = Field(
        None,
        title="API token",
        description="In place of an app: Security > API > Tokens, of a read-only administrator.",
    )
    custom_domain: Annotated[str, BaseUrl()] | None = Field(
        None, title="Custom domain", description="Only to reach Okta at your own.", examples=["https://id.example.com"]
    )

    def variables(self) -> dict[str, Any]:
        return {**super().variables(), "custom_domain": self.custom_domain or f"https://{self.domain}"}
