from typing import Annotated

from pydantic import Field

from connector_core import Credentials, Identifier, SecretStr


class HiBobCredentials(Credentials):
    # Without a colon, which separates the user from the password in the header.
    service_user_id: Annotated[str, Identifier(without=":")] = Field(
        title="Service user ID",
        description="From HiBob: System Settings > Integrations > Service users.",
        examples=["SERVICE-12345"],
    )
    token: SecretStr = Field(
        title="Token",
        description="The token of the service user. Shown only once, when it is created.",
    )
