from typing import Annotated

from pydantic import Field

from connector_core import Credentials, Identifier, SecretStr


class PersonioCredentials(Credentials):
    client_id: Annotated[str, Identifier()] = Field(
        title="Client ID",
        description="From the API credentials of your integration in Personio.",
        examples=["papi-8d6f3c1e-2b7a-4f0e-9c55-1a2b3c4d5e6f"],
    )
    client_secret: SecretStr = Field(
        title="Client secret",
        description="Shown only once, beside the client ID.",
    )
