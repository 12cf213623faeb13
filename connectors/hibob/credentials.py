from typing import Annotated

from pydantic import Field

from connector_core import Credentials, Identifier, SecretStr


class HiBobCredentials(Credentials):
    # A colon would end the user in a pair of user and password.
    service_user_id: Annotated[str, Identifier(without=":")] = Field(
        title="Service user ID",
        description="From HiBob: System Settings > Integrations > Service users.",
        examples=["SERVICE-12345"],
    )
    token: SecretStr = Field(
        title="Token",
        description="The service user's. Shown once, when it is created.",
    )
