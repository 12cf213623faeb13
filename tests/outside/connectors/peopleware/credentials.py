"""The form of an application that is registered at Peopleware."""

from typing import Annotated

from pydantic import Field

from connector_core import NOT_OBTAINED, Credentials, Identifier, Obtained, SecretStr


class PeoplewareCredentials(Credentials):
    client_id: Annotated[str, Identifier()] = Field(title="Client ID", description="From Admin > Applications.")
    client_secret: SecretStr = Field(title="Client secret", description="From Admin > Applications. Shown once.")
    refresh_token: Annotated[SecretStr, Obtained()] = NOT_OBTAINED
